using System.Threading.Tasks;

namespace Sos.Demo.Scenes;

/// <summary>Who filters: Linux, or a service core.</summary>
internal interface IScene
{
    /// <summary>The name of the network device's interrupt in /proc/interrupts.</summary>
    string InterruptName { get; }

    /// <summary>How many packets the rules have dropped since they were loaded.</summary>
    Task<long> ReadDroppedAsync();
}

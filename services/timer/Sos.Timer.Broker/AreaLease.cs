using System.IO;

namespace Sos.Timer.Broker;

/// <summary>Who has an area.</summary>
internal sealed class AreaLease(int process)
{
    private int _former;

    /// <summary>The client's process id, 0 when it has given the area back.</summary>
    public int Process { get; private set; } = process;

    /// <summary>Whether the process that had it, and may have it mapped still, has ended.</summary>
    public bool FormerProcessEnded => !Directory.Exists($"/proc/{_former}");

    /// <summary>The client has given it back.</summary>
    public void End()
    {
        _former = Process;
        Process = 0;
    }
}

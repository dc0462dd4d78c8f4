using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Cores.Running;

namespace Sos.Cores.BackEnds;

/// <summary>The user's wishes for a network device.</summary>
/// <param name="Force">Whether it may be taken although the default route goes through it.</param>
/// <param name="HostPort">Name of the network device that Linux has instead; null for its own.</param>
/// <param name="BusyPoll">Isolated: whether a cpu of Linux polls for the service, which then never wakes anyone.</param>
/// <param name="Open">Isolated: whether frames pass to Linux while the service does not run; else they are dropped.</param>
public sealed record DeviceOptions(bool Force = false, string? HostPort = null, bool BusyPoll = false, bool Open = false);

/// <summary>A network device on its way to a service. The calls come in this order; what they did is undone from the record alone.</summary>
public interface INetworkDevice
{
    /// <summary>Its network device's name in Linux, by which rules may know it; null when it has none.</summary>
    string? Interface { get; }

    /// <summary>Describes what must be known to give it back; this is written before anything is changed.</summary>
    CardRecord Describe();

    /// <summary>Takes it from Linux.</summary>
    void Take();

    /// <summary>Adds its port, and the host port if it has one, to what a service is given.</summary>
    /// <param name="configuration">What the service is given otherwise.</param>
    /// <param name="port">The port.</param>
    ServiceConfiguration Configure(ServiceConfiguration configuration, PortPlan port);

    /// <summary>Moves name, addresses and routes to the host port, once the service polls.</summary>
    /// <param name="card">The record, with the host port's name.</param>
    /// <returns>What did not work; empty when all went well.</returns>
    System.Collections.Generic.IReadOnlyList<string> MoveNetwork(CardRecord card);
}

namespace Sos.Router.Tables;

/// <summary>The fate of a packet whose longest prefix leads here.</summary>
public enum NextHopKind : byte
{
    /// <summary>There is no route: an ICMP error says that the network cannot be reached.</summary>
    NoRoute = 0,

    /// <summary>The packet goes out of a port to a known address of the link.</summary>
    Forward = 1,

    /// <summary>The destination is on the port's own network: its neighbour is looked up.</summary>
    Connected = 2,

    /// <summary>One member of a group is chosen by the flow.</summary>
    Group = 3,

    /// <summary>Linux gets it: an address of its own, a broadcast, a device that is no port, a neighbour that is not known yet.</summary>
    Linux = 4,

    /// <summary>Dropped without a word (blackhole).</summary>
    Blackhole = 5,

    /// <summary>An ICMP error says that the host cannot be reached (unreachable).</summary>
    Unreachable = 6,

    /// <summary>An ICMP error says that it is forbidden (prohibit).</summary>
    Prohibited = 7,
}

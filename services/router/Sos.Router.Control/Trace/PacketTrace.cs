using System.Collections.Generic;
using Sos.Router.Routes;

namespace Sos.Router.Control.Trace;

/// <summary>The fate of a packet at the router.</summary>
internal enum TraceVerdict
{
    /// <summary>The core forwards it.</summary>
    Forwarded,

    /// <summary>Linux gets it.</summary>
    Linux,

    /// <summary>The core drops it.</summary>
    Dropped,

    /// <summary>The core answers with an ICMP error.</summary>
    Answered,
}

/// <summary>A step on a packet's way.</summary>
/// <param name="Name">The step's name, one or two words.</param>
/// <param name="Says">Its outcome.</param>
internal sealed record TraceStep(string Name, string Says);

/// <summary>A packet's way through the router, as the core's table has it.</summary>
internal sealed record PacketTrace
{
    /// <summary>The packet's fate.</summary>
    public required TraceVerdict Verdict { get; init; }

    /// <summary>Why.</summary>
    public required string Reason { get; init; }

    /// <summary>The steps up to there, in their order.</summary>
    public required IReadOnlyList<TraceStep> Steps { get; init; }

    /// <summary>Number of the destination's next hop, a group's member already chosen; null if the way did not lead that far.</summary>
    public uint? NextHop { get; init; }

    /// <summary>The next router; null where the destination is on the interface's own network, and where no way leads on.</summary>
    public RouteAddress? Gateway { get; init; }

    /// <summary>The interface that it leaves by, or would; null for none.</summary>
    public int? Out { get; init; }

    /// <summary>The neighbour's address on the link; null when it is not known.</summary>
    public ulong? Mac { get; init; }

    /// <summary>Largest packet that the way takes.</summary>
    public uint? Mtu { get; init; }

    /// <summary>The verdict of the rules for forwarded packets: "accept", "drop" or "linux"; null where none were asked.</summary>
    public string? Filter { get; init; }
}

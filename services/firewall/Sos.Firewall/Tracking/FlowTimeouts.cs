using System;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Tracking;

/// <summary>The times for which flows are remembered behind their last packet, in ms, as nf_conntrack has them (nf_conntrack-sysctl.rst).</summary>
public static class FlowTimeouts
{
    /// <summary>A TCP connection with data that is not acknowledged, or that was met in its middle and not answered.</summary>
    public const uint Unacknowledged = 300_000;

    /// <summary>A TCP connection whose end sends the same again and again, or is not ready to receive.</summary>
    public const uint Retransmitting = 300_000;

    /// <summary>A TCP connection behind a reset.</summary>
    public const uint Reset = 10_000;

    /// <summary>The least that is left of a connection whose time is shortened since both ends closed it out of window.</summary>
    public const uint ShortenedFrom = 120_000;

    /// <summary>Datagrams one way, or both ways for less than <see cref="StreamAfter"/>.</summary>
    public const uint Datagram = 30_000;

    /// <summary>Datagrams both ways.</summary>
    public const uint DatagramStream = 120_000;

    /// <summary>How long datagrams must go both ways to be more than a question and its answer.</summary>
    public const uint StreamAfter = 2_000;

    /// <summary>A query of ICMP.</summary>
    public const uint Icmp = 30_000;

    /// <summary>GRE one way.</summary>
    public const uint Gre = 30_000;

    /// <summary>GRE both ways.</summary>
    public const uint GreStream = 180_000;

    /// <summary>Any other protocol.</summary>
    public const uint Other = 600_000;

    /// <summary>GRE's protocol number.</summary>
    public const IpProtocol GreProtocol = (IpProtocol)47;

    /// <summary>For each state of a TCP connection.</summary>
    private static ReadOnlySpan<uint> Tcp => [0, 120_000, 60_000, 432_000_000, 120_000, 60_000, 30_000, 120_000, 10_000, 120_000];

    /// <summary>Returns the time of a TCP connection in a state.</summary>
    public static uint Of(TcpState state) => Tcp[(int)state];
}

using Sos.Firewall.Tables;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Connections;

/// <summary>The states in which Linux's connection tracking may see a packet, as bits (NF_CT_STATE_BIT). Each packet has exactly one.</summary>
public static class ConnectionStates
{
    /// <summary>The packet begins no connection, or stands before connection tracking.</summary>
    public const uint Invalid = 1;

    /// <summary>The packet's connection was answered.</summary>
    public const uint Established = 2;

    /// <summary>Another connection announced the packet.</summary>
    public const uint Related = 4;

    /// <summary>The packet's connection was not answered so far.</summary>
    public const uint New = 8;

    /// <summary>Rules have the packet not tracked.</summary>
    public const uint Untracked = 64;

    /// <summary>Any state: of a packet that may belong to a connection.</summary>
    public const uint All = Invalid | Established | Related | New | Untracked;

    /// <summary>Those of a packet whose connection was certainly not answered. Linux may have seen others of it.</summary>
    public const uint Unanswered = Invalid | New | Untracked;

    private const uint Fin = 1;
    private const uint Syn = 2;
    private const uint Rst = 4;
    private const uint Ack = 16;
    private const uint Urg = 32;

    /// <summary>
    /// The states of a packet that is the first of its connection, as far as Linux knows. One with a wrong checksum may be invalid there, whatever
    /// it is (nf_conntrack_checksum).
    /// </summary>
    /// <param name="key">A whole packet's key.</param>
    public static uint OfFirst(in PacketKey key) => Untracked | (IpProtocol)key.Value(Field.TransportProtocol) switch
    {
        IpProtocol.Tcp => OfFirstSegment(key.Value(Field.TcpFlags)),
        IpProtocol.Udp => New,
        IpProtocol.Icmp => key.Value(Field.IcmpType) == 8 ? New : Invalid, // of echo and its answer, which alone come here
        IpProtocol.Icmpv6 => key.Value(Field.IcmpType) == 128 ? New : Invalid,
        _ => New | Invalid,
    };

    /// <summary>Returns the state of a packet that is not to be tracked: what has a flow already keeps it.</summary>
    /// <param name="state">Its state so far.</param>
    public static uint Untrack(uint state) => state == Invalid ? Untracked : state;

    // tcp_valid_flags, and tcp_conntracks[0] from TCP_CONNTRACK_NONE (nf_conntrack_proto_tcp.c).
    private static uint OfFirstSegment(uint flags) => (flags & (Fin | Syn | Rst | Ack | Urg)) switch
    {
        Syn or (Syn | Urg) => New,
        Ack or (Ack | Urg) => New | Invalid, // as nf_conntrack_tcp_loose has it
        _ => Invalid,
    };
}

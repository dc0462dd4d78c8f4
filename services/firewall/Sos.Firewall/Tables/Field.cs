namespace Sos.Firewall.Tables;

/// <summary>
/// The fields that a rule can look at. A field that a packet does not have makes the rule not match, as a failed load does in nftables
/// (NFT_BREAK), whatever the operator.
/// </summary>
public enum Field : byte
{
    /// <summary>2 for IPv4, 10 for IPv6 (<c>meta nfproto</c>). Every packet has it.</summary>
    NetworkFamily = 0,

    /// <summary>The EtherType behind VLAN tags (<c>ether type</c>, <c>meta protocol</c>). Every packet has it.</summary>
    EtherType = 1,

    /// <summary>The transport protocol behind IPv6 extension headers (<c>meta l4proto</c>).</summary>
    TransportProtocol = 2,

    /// <summary>The protocol byte of the IPv4 header (<c>ip protocol</c>).</summary>
    Ipv4Protocol = 3,

    /// <summary>The first next-header byte of the IPv6 header (<c>ip6 nexthdr</c>).</summary>
    Ipv6NextHeader = 4,

    /// <summary>The flags and fragment offset of the IPv4 header, 16 bits (<c>ip frag-off</c>).</summary>
    Ipv4FragmentOffset = 5,

    /// <summary>IPv4 source address, host byte order.</summary>
    Ipv4Source = 6,

    /// <summary>IPv4 destination address, host byte order.</summary>
    Ipv4Destination = 7,

    /// <summary>First 16 bits of the transport header.</summary>
    SourcePort = 8,

    /// <summary>Second 16 bits of the transport header.</summary>
    DestinationPort = 9,

    /// <summary>First byte of the transport header: the type of an ICMP message.</summary>
    IcmpType = 10,

    /// <summary>Second byte of the transport header: the code of an ICMP message.</summary>
    IcmpCode = 11,

    /// <summary>Byte 13 of the transport header: the flags of a TCP segment.</summary>
    TcpFlags = 12,

    /// <summary>
    /// IPv6 source address, 128 bits: only for <see cref="Operation.InRange128"/> and <see cref="Operation.InIntervalSet"/>.
    /// </summary>
    Ipv6Source = 13,

    /// <summary>IPv6 destination address, 128 bits: as <see cref="Ipv6Source"/>.</summary>
    Ipv6Destination = 14,

    /// <summary>
    /// The states in which Linux's connection tracking may see the packet: <see cref="Connections.ConnectionStates"/>. Every packet has it.
    /// </summary>
    Connection = 15,

    /// <summary>
    /// 1 for a TCP segment with data, else 0: Linux may join it with its neighbours before rules see it (GRO), which changes FIN and PSH.
    /// Every packet has it.
    /// </summary>
    TcpData = 16,

    /// <summary>0 if the packet goes the way of its flow's first, 1 if it goes the other way (<c>ct direction</c>). A packet without a flow has none.</summary>
    FlowDirection = 17,

    /// <summary>The status of the packet's flow (<c>ct status</c>). A packet without a flow has none.</summary>
    FlowStatus = 18,

    /// <summary>The byte of DSCP and ECN: IPv4's type of service or IPv6's traffic class (<c>dscp</c>, <c>ecn</c>).</summary>
    TrafficClass = 19,

    /// <summary>Hops left: IPv4's TTL or IPv6's hop limit (<c>ip ttl</c>, <c>ip6 hoplimit</c>).</summary>
    TimeToLive = 20,

    /// <summary>The identification of the IPv4 header (<c>ip id</c>).</summary>
    Ipv4Identification = 21,

    /// <summary>The flow label of the IPv6 header, 20 bits (<c>ip6 flowlabel</c>).</summary>
    Ipv6FlowLabel = 22,

    /// <summary>Bytes from the IP header on, without padding (<c>meta length</c>, <c>ip length</c>).</summary>
    PacketLength = 23,

    /// <summary>The packet's mark (<c>meta mark</c>), 0 until a rule sets it. Only in tables with <see cref="TableNeeds.Packet"/>, as all below.</summary>
    Mark = 24,

    /// <summary>The mark of the packet's flow (<c>ct mark</c>). A packet without a flow has none.</summary>
    ConnectionMark = 25,

    /// <summary>Whom the frame is addressed to, as <c>meta pkttype</c> numbers it: 0 this host, 1 everybody, 2 a group, 3 another host.</summary>
    PacketType = 26,

    /// <summary>Seconds since midnight, UTC (<c>meta hour</c>). Only with <see cref="TableNeeds.Time"/>, as what follows.</summary>
    HourOfDay = 27,

    /// <summary>The day of the week in the kernel's time zone, 0 for Sunday (<c>meta day</c>).</summary>
    Weekday = 28,
}

namespace Sos.Sdk.Wire;

/// <summary>Why a frame is not what its headers say. Each names the rule that it breaks.</summary>
public enum MalformedReason : byte
{
    /// <summary>The frame is well-formed, as far as it was looked at.</summary>
    None = 0,

    /// <summary>Shorter than an Ethernet header: IEEE 802.3, 3.1.1.</summary>
    EthernetTruncated,

    /// <summary>The frame ends within a VLAN tag: IEEE 802.1Q, 9.3.</summary>
    VlanTruncated,

    /// <summary>More than two VLAN tags: IEEE 802.1ad knows two.</summary>
    VlanTagsExceeded,

    /// <summary>The frame ends within the ARP packet: RFC 826, packet format.</summary>
    ArpTruncated,

    /// <summary>Not ARP for IPv4 on Ethernet (hardware type, protocol type or lengths): RFC 826, packet reception.</summary>
    ArpFormat,

    /// <summary>The frame ends within the IPv4 header: RFC 791, 3.1.</summary>
    Ipv4Truncated,

    /// <summary>The version is not 4: RFC 791, 3.1; RFC 1122, 3.2.1.1.</summary>
    Ipv4Version,

    /// <summary>IHL below 5, or beyond the total length: RFC 791, 3.1.</summary>
    Ipv4HeaderLength,

    /// <summary>The total length goes beyond the frame: RFC 791, 3.1.</summary>
    Ipv4TotalLength,

    /// <summary>The header checksum is wrong: RFC 791, 3.1; RFC 1122, 3.2.1.2.</summary>
    Ipv4Checksum,

    /// <summary>The frame ends within the IPv6 header: RFC 8200, 3.</summary>
    Ipv6Truncated,

    /// <summary>The version is not 6: RFC 8200, 3.</summary>
    Ipv6Version,

    /// <summary>The payload length goes beyond the frame: RFC 8200, 3. (Jumbograms, RFC 2675, do not fit a frame.)</summary>
    Ipv6PayloadLength,

    /// <summary>The packet ends within an extension header: RFC 8200, 4; RFC 4302, 2.2 for AH.</summary>
    Ipv6ExtensionTruncated,

    /// <summary>A hop-by-hop options header that is not the first: RFC 8200, 4.1 and 4.3.</summary>
    Ipv6HopByHopNotFirst,

    /// <summary>More extension headers than <see cref="Ipv6ExtensionChain.HeadersMax"/>: allowed by RFC 8504, 5.3.</summary>
    Ipv6ExtensionsExceeded,

    /// <summary>A routing header of type 0: RFC 5095, 3.</summary>
    Ipv6RoutingType0,

    /// <summary>A fragment, not the last, whose data is no multiple of 8 bytes, or empty: RFC 791, 3.2; RFC 8200, 4.5.</summary>
    FragmentLength,

    /// <summary>A fragment that ends beyond the largest packet: RFC 791, 3.2; RFC 8200, 4.5.</summary>
    FragmentBeyondPacket,

    /// <summary>A first fragment that ends within the transport header: RFC 1858, 3; RFC 7112, 5.</summary>
    FragmentTiny,

    /// <summary>A TCP fragment at offset 8, which can overwrite the flags: RFC 1858, 3.</summary>
    FragmentOverlapsTcpFlags,

    /// <summary>The frame ends within the TCP header: RFC 9293, 3.1.</summary>
    TcpTruncated,

    /// <summary>The data offset is below 5, or beyond the packet: RFC 9293, 3.1.</summary>
    TcpDataOffset,

    /// <summary>The frame ends within the UDP header: RFC 768.</summary>
    UdpTruncated,

    /// <summary>The length is below 8, or beyond the packet: RFC 768.</summary>
    UdpLength,

    /// <summary>The frame ends within the ICMP header: RFC 792.</summary>
    IcmpTruncated,

    /// <summary>The frame ends within the ICMPv6 header: RFC 4443, 2.1.</summary>
    Icmpv6Truncated,

    /// <summary>The frame ends within the ports of SCTP (RFC 9260, 3.1), DCCP (RFC 4340, 5.1) or UDP-Lite (RFC 3828, 3.1).</summary>
    TransportTruncated,
}

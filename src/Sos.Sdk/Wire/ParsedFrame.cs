namespace Sos.Sdk.Wire;

/// <summary>The checked contents of a frame's headers, by which a firewall or a router decides.</summary>
public struct ParsedFrame
{
    /// <summary>The protocol that the frame carries, behind its VLAN tags; below 0x600 a length.</summary>
    public EtherType EtherType;

    /// <summary>VLAN tags, 0 to 2.</summary>
    public byte VlanTagCount;

    /// <summary>4, 6, or 0 for what is not IP.</summary>
    public byte IpVersion;

    /// <summary>Tag control information of the outer VLAN tag.</summary>
    public ushort VlanOuter;

    /// <summary>Tag control information of the inner VLAN tag.</summary>
    public ushort VlanInner;

    /// <summary>Bytes from the frame's start to the IP header (or the ARP packet).</summary>
    public ushort NetworkOffset;

    /// <summary>Bytes from the frame's start to the transport header, or to a later fragment's data.</summary>
    public ushort TransportOffset;

    /// <summary>Bytes from the frame's start to the end of the IP packet; what follows is padding.</summary>
    public ushort PacketEnd;

    /// <summary>Hops left.</summary>
    public byte TimeToLive;

    /// <summary>The protocol that the packet carries, behind IPv6 extension headers.</summary>
    public IpProtocol Protocol;

    /// <summary>Source address; an IPv4 address is in the lowest 32 bits.</summary>
    public Ipv6Address Source;

    /// <summary>Destination address; an IPv4 address is in the lowest 32 bits.</summary>
    public Ipv6Address Destination;

    /// <summary>Which part of a packet it is.</summary>
    public FragmentInfo Fragment;

    /// <summary>Whether the fields below are valid: the transport is known and the frame has its header.</summary>
    public bool HasTransport;

    /// <summary>TCP's control bits, else none.</summary>
    public TcpFlags TcpFlags;

    /// <summary>Source port of TCP, UDP, UDP-Lite, SCTP or DCCP.</summary>
    public ushort SourcePort;

    /// <summary>Destination port of the same.</summary>
    public ushort DestinationPort;

    /// <summary>Type of an ICMP or ICMPv6 message.</summary>
    public byte IcmpType;

    /// <summary>Code of an ICMP or ICMPv6 message.</summary>
    public byte IcmpCode;

    /// <summary>The source address of an IPv4 packet.</summary>
    public readonly uint SourceIpv4 => (uint)Source.Low;

    /// <summary>The destination address of an IPv4 packet.</summary>
    public readonly uint DestinationIpv4 => (uint)Destination.Low;
}

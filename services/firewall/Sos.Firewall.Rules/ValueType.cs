namespace Sos.Firewall.Rules;

/// <summary>How a field's values are written.</summary>
internal enum ValueType
{
    /// <summary>IPv4 addresses and prefixes.</summary>
    Ipv4Address,

    /// <summary>IPv6 addresses and prefixes.</summary>
    Ipv6Address,

    /// <summary>Ports.</summary>
    Service,

    /// <summary>Transport protocols.</summary>
    Protocol,

    /// <summary>ICMP message types.</summary>
    IcmpType,

    /// <summary>ICMPv6 message types.</summary>
    Icmpv6Type,

    /// <summary>ICMP message codes.</summary>
    IcmpCode,

    /// <summary>TCP flags.</summary>
    TcpFlags,

    /// <summary>"ipv4" and "ipv6".</summary>
    NetworkFamily,

    /// <summary>EtherTypes.</summary>
    EtherType,

    /// <summary>Plain numbers of 16 bits.</summary>
    Number,

    /// <summary>Plain numbers of 8 bits.</summary>
    Byte,

    /// <summary>Code points of differentiated services, 6 bits.</summary>
    CodePoint,

    /// <summary>Marks of explicit congestion notification, 2 bits.</summary>
    Congestion,

    /// <summary>Flow labels, 20 bits.</summary>
    FlowLabel,

    /// <summary>Lengths, 32 bits.</summary>
    Length,

    /// <summary>Ethernet addresses, 48 bits.</summary>
    EtherAddress,

    /// <summary>Whom frames are addressed to.</summary>
    PacketType,

    /// <summary>Marks, 32 bits.</summary>
    Mark,

    /// <summary>Points of time in UTC, which are nanoseconds since 1970.</summary>
    Time,

    /// <summary>Times of day in UTC, which are seconds since midnight.</summary>
    Hour,

    /// <summary>Days of the week, Sunday first.</summary>
    Weekday,
}

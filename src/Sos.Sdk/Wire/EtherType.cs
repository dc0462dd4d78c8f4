namespace Sos.Sdk.Wire;

/// <summary>The protocol that an Ethernet frame carries (IEEE registration authority). Values below 0x600 are a length (IEEE 802.3, 3.2.6).</summary>
public enum EtherType : ushort
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>IPv4.</summary>
    Ipv4 = 0x0800,

    /// <summary>ARP.</summary>
    Arp = 0x0806,

    /// <summary>A customer VLAN tag (802.1Q).</summary>
    Vlan = 0x8100,

    /// <summary>IPv6.</summary>
    Ipv6 = 0x86dd,

    /// <summary>A service VLAN tag (802.1ad).</summary>
    ServiceVlan = 0x88a8,
}

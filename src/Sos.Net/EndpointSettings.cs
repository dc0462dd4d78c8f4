using Sos.Sdk.Wire;

namespace Sos.Net;

/// <summary>The settings of an endpoint.</summary>
public struct EndpointSettings
{
    /// <summary>The link-layer address that frames come from and go to: the card's, which Linux may have too, or one of the endpoint's own.</summary>
    public MacAddress Mac;

    /// <summary>Whether <see cref="Mac"/> is the endpoint's alone: then all that goes there is the endpoint's.</summary>
    public bool HasOwnMac;

    /// <summary>Bytes of an IP packet at most.</summary>
    public int Mtu;

    /// <summary>The IPv4 address; unspecified for none.</summary>
    public IpAddress Ipv4;

    /// <summary>The IPv6 address that was given; unspecified for none.</summary>
    public IpAddress Ipv6;

    /// <summary>Whether the endpoint has an IPv6 address of the link, and makes one of each prefix that a router tells (RFC 4862).</summary>
    public bool IsAutomatic;

    /// <summary>Those who are answered.</summary>
    public SourceList Sources;

    /// <summary>TCP ports that are open.</summary>
    public PortSet Ports;

    /// <summary>The secret of sequence numbers, cookies and addresses.</summary>
    public KeyedHash Secret;

    /// <summary>The TSC's nominal frequency.</summary>
    public ulong TscKhz;
}

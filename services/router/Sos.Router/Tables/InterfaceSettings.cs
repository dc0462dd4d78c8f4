using System;
using System.Runtime.InteropServices;

namespace Sos.Router.Tables;

/// <summary>
/// Linux's settings for an interface: the network device of a port, or a VLAN device above it. Interfaces are numbered, ports first:
/// numbers below <see cref="RouterHeader.PortsMax"/> are those of the service's ports, all others are VLANs.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct InterfaceSettings
{
    /// <summary>Bytes; a power of two, so that the core finds a place without a multiplication.</summary>
    public const int Size = 32;

    /// <summary>The bits of <see cref="Tag"/> that say which VLAN it is: all but a frame's priority.</summary>
    public const uint VlanBits = 0xffff_0fff;

    /// <summary>The device's own address on the link, the first byte on the wire the highest.</summary>
    public ulong Mac;

    /// <summary>Largest packet behind an Ethernet header and the VLAN's tag.</summary>
    public uint Mtu;

    /// <summary>The switches that are on.</summary>
    public InterfaceFlags Flags;

    /// <summary>Of a VLAN its tag as it is on the wire, without priority: bits 16 to 31 the protocol, 0 to 11 the identifier. 0 for a port.</summary>
    public uint Tag;

    /// <summary>Of a VLAN the port that it is on.</summary>
    public uint Port;
}

/// <summary>The switches that Linux has for an interface.</summary>
[Flags]
public enum InterfaceFlags : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The device is up and has a carrier.</summary>
    Up = 1,

    /// <summary>IPv4 that comes in here is forwarded (net.ipv4.conf.*.forwarding).</summary>
    Forwards4 = 2,

    /// <summary>IPv6 that comes in here is forwarded (net.ipv6.conf.*.forwarding).</summary>
    Forwards6 = 4,

    /// <summary>IPv4 must come from where its answers would go (rp_filter = 1).</summary>
    ReversePathStrict = 8,

    /// <summary>There must be a way back (rp_filter = 2).</summary>
    ReversePathLoose = 16,
}

/// <summary>Packets that a VLAN's interface forwarded. Those of a port are among its counters.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct InterfacePackets
{
    /// <summary>Bytes.</summary>
    public const int Size = 16;

    /// <summary>Forwarded packets that came in there.</summary>
    public ulong In;

    /// <summary>Forwarded packets that went out there.</summary>
    public ulong Out;
}

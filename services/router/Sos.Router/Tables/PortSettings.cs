using System;
using System.Runtime.InteropServices;

namespace Sos.Router.Tables;

/// <summary>Linux's settings for a port's network device.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct PortSettings
{
    /// <summary>Bytes.</summary>
    public const int Size = 16;

    /// <summary>The device's own address on the link, the first byte on the wire the highest.</summary>
    public ulong Mac;

    /// <summary>Largest packet behind an Ethernet header.</summary>
    public uint Mtu;

    /// <summary>The switches that are on.</summary>
    public PortFlags Flags;
}

/// <summary>The switches that Linux has for a port.</summary>
[Flags]
public enum PortFlags : uint
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

using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Router.Tables;

/// <summary>
/// The first page of the router's memory, which the service shares with the control side. The service formats it once; then the control side alone writes,
/// but for <see cref="Seen"/> and the marks of what is used. All places are offsets from this page.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct RouterHeader
{
    /// <summary>"SOSROUT4".</summary>
    public const ulong MagicValue = 0x3454554f52534f53;

    /// <summary>Bytes of the page.</summary>
    public const int Size = 4096;

    /// <summary>Ports at most.</summary>
    public const int PortsMax = 8;

    /// <summary>Interfaces at most, ports and VLANs: a bit for each in a word. The first <see cref="PortsMax"/> numbers are the ports'.</summary>
    public const int InterfacesMax = 64;

    /// <summary>Bytes of a network device's name in Linux, the zero behind it included (IFNAMSIZ).</summary>
    public const int NameSize = 16;

    /// <summary><see cref="MagicValue"/>; written last by the service.</summary>
    public ulong Magic;

    /// <summary>Bytes of the whole.</summary>
    public ulong TotalSize;

    /// <summary>The capacities that the layout was made for.</summary>
    public RouterCapacity Capacity;

    /// <summary>Ports of the service, in its order.</summary>
    public uint PortCount;

    /// <summary>Which traffic the core forwards. Written by the control side.</summary>
    public RouterState State;

    /// <summary>Counts what was taken out of the table. Written by the control side.</summary>
    public ulong Epoch;

    /// <summary>Linux's settings for each interface. Written by the control side.</summary>
    public InterfaceArray Interfaces;

    /// <summary>
    /// A bit for each hash of an IPv4 address of this machine's own: who sends from one of them is looked at. Written by the control side.
    /// </summary>
    public OwnArray Own4;

    /// <summary>
    /// The epoch of the pass before: the service, which stores it at the start of a pass, uses nothing any more that was taken out before it. On a cache
    /// line of its own.
    /// </summary>
    public SeenLine Seen;

    /// <summary>Addresses whose way was compared with the kernel's answer in the background. Written by the control side.</summary>
    public ulong Verified;

    /// <summary>Those of them that went another way than Linux's. Written by the control side.</summary>
    public ulong Differences;

    /// <summary>Signs of life of whoever follows Linux. Written by the control side.</summary>
    public ulong Beats;

    /// <summary>
    /// Counts the lists of own addresses: its lowest bit says which of the two places has the last one. Written by the control side behind the list.
    /// </summary>
    public ulong OwnGeneration;

    /// <summary>Addresses in each of the two lists. Written by the control side.</summary>
    public OwnCountArray OwnCounts;

    /// <summary>Counts the changes of <see cref="Interfaces"/>, each behind the change. Written by the control side.</summary>
    public ulong InterfaceGeneration;

    /// <summary>The name of each interface's network device, for who shows them. Written by the control side.</summary>
    public NameArray InterfaceNames;

    /// <summary>Where in <see cref="Own4"/> an address has its bit.</summary>
    public static int OwnBit(uint address) => (int)((address * 0x9e37_79b1u) >> 23);

    /// <summary>512 bits.</summary>
    [InlineArray(8)]
    public struct OwnArray
    {
        private ulong _first;
    }

    /// <summary>Lengths of the two lists of own addresses.</summary>
    [InlineArray(2)]
    public struct OwnCountArray
    {
        private uint _first;
    }

    /// <summary>Settings of all interfaces.</summary>
    [InlineArray(InterfacesMax)]
    public struct InterfaceArray
    {
        private InterfaceSettings _first;
    }

    /// <summary>Names of all interfaces, one behind the other.</summary>
    [InlineArray(InterfacesMax * NameSize)]
    public struct NameArray
    {
        private byte _first;
    }

    /// <summary>The epoch that the service has seen, away from all that others write.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    public struct SeenLine
    {
        /// <summary>The epoch.</summary>
        [FieldOffset(64)] public ulong Epoch;
    }
}

/// <summary>Which traffic the core forwards by itself. All other goes to Linux.</summary>
[Flags]
public enum RouterState : uint
{
    /// <summary>None: no table was written yet.</summary>
    None = 0,

    /// <summary>IPv4.</summary>
    Ipv4 = 1,

    /// <summary>IPv6.</summary>
    Ipv6 = 2,

    /// <summary>Of several ways, ports choose too (fib_multipath_hash_policy = 1), for IPv4.</summary>
    HashPorts4 = 4,

    /// <summary>The same for IPv6.</summary>
    HashPorts6 = 8,

    /// <summary>Of several ways, both directions of a flow take the same.</summary>
    HashSymmetric = 16,

    /// <summary>Linux has rules for forwarded IPv4 packets, which the core has too.</summary>
    Filter4 = 32,

    /// <summary>The same for IPv6.</summary>
    Filter6 = 64,
}

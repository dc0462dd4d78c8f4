using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>
/// Where a service of the isolated back end sees the parts of an AF_XDP socket (Linux's Documentation/networking/af_xdp.rst): its four
/// rings, which the kernel shares, and the memory of its frames, which is the packet memory. C# alone shares this layout.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct XskLayout
{
    /// <summary>Bytes of this record.</summary>
    public const int Size = 256;

    /// <summary>"SOSXSKL1".</summary>
    public const ulong MagicValue = 0x314c4b5358534f53;

    /// <summary>Bytes of a chunk of frame memory: a page, which every driver takes. One packet buffer starts at each.</summary>
    public const uint ChunkSize = 4096;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>Address of the frame memory: addresses in the rings count from here.</summary>
    [FieldOffset(8)] public ulong FrameMemory;

    /// <summary>Bytes at <see cref="FrameMemory"/>.</summary>
    [FieldOffset(16)] public ulong FrameMemorySize;

    /// <summary>Address of <see cref="XskShared"/>.</summary>
    [FieldOffset(24)] public ulong Shared;

    /// <summary>Largest packet behind an Ethernet header, in bytes.</summary>
    [FieldOffset(32)] public uint Mtu;

    /// <summary>MAC address of the network device.</summary>
    [FieldOffset(36)] public HostPortLayout.MacBytes Mac;

    /// <summary>Received frames; the kernel produces.</summary>
    [FieldOffset(64)] public XskRing Receive;

    /// <summary>Frames to send; the service produces.</summary>
    [FieldOffset(104)] public XskRing Transmit;

    /// <summary>Empty chunks for frames to be received; the service produces.</summary>
    [FieldOffset(144)] public XskRing Fill;

    /// <summary>Chunks whose frames were sent; the kernel produces.</summary>
    [FieldOffset(184)] public XskRing Completion;
}

/// <summary>One ring of an AF_XDP socket.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct XskRing
{
    /// <summary>Bytes of this record.</summary>
    public const int Size = 40;

    /// <summary>XDP_RING_NEED_WAKEUP, in the word at <see cref="Flags"/>.</summary>
    public const uint NeedWakeup = 1;

    /// <summary>Address of the producer's index, 32 bits, free-running.</summary>
    [FieldOffset(0)] public ulong Producer;

    /// <summary>Address of the consumer's index.</summary>
    [FieldOffset(8)] public ulong Consumer;

    /// <summary>Address of the flags, 32 bits.</summary>
    [FieldOffset(16)] public ulong Flags;

    /// <summary>Address of the entries: <see cref="XskDescriptor"/>, or 64-bit addresses in the fill and completion rings.</summary>
    [FieldOffset(24)] public ulong Entries;

    /// <summary>Entries, a power of two.</summary>
    [FieldOffset(32)] public uint Count;
}

/// <summary>struct xdp_desc: a frame in a receive or transmit ring.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct XskDescriptor
{
    /// <summary>Where the frame starts, from the start of the frame memory.</summary>
    [FieldOffset(0)] public ulong Address;

    /// <summary>Bytes of the frame.</summary>
    [FieldOffset(8)] public uint Length;

    /// <summary>XDP_PKT_CONTD and the like, none of which we ask for.</summary>
    [FieldOffset(12)] public uint Options;
}

/// <summary>The words by which a service and the keeper of its socket tell each other of changes. Each word has a cache line of its own.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct XskShared
{
    /// <summary>Bytes of this record.</summary>
    public const int Size = 192;

    /// <summary>In <see cref="LinkUp"/>: Linux has no such network device any more.</summary>
    public const uint LinkGone = 3;

    /// <summary>
    /// Keeper to service: 1 while the network device is up and has a carrier, <see cref="LinkGone"/> once there is no such device any more,
    /// else 0.
    /// </summary>
    [FieldOffset(0)] public uint LinkUp;

    /// <summary>Set by the keeper before it sleeps: it wants to be notified; cleared by the service as it notifies.</summary>
    [FieldOffset(64)] public uint Armed;

    /// <summary>Set by the service: the kernel wants a system call to go on receiving; cleared by the keeper.</summary>
    [FieldOffset(128)] public uint ReceiveWanted;
}

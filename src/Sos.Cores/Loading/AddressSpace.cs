namespace Sos.Cores.Loading;

/// <summary>Where the parts of a service lie in its address space (ARCHITECTURE.md). The loader chooses it, the driver maps it.</summary>
public static class AddressSpace
{
    /// <summary>Bytes of a page.</summary>
    public const ulong PageSize = 4096;

    /// <summary>Bytes of a chunk: memory is contiguous within one, and regions of that size start at a multiple of it.</summary>
    public const ulong ChunkSize = 1UL << 21;

    /// <summary>Base of the image.</summary>
    public const ulong Image = 0x0000_0001_0000_0000;

    /// <summary>Lowest address of the stack; around it nothing is mapped.</summary>
    public const ulong Stack = 0x0000_0002_0000_0000;

    /// <summary>The control region.</summary>
    public const ulong Control = 0x0000_0004_0000_0000;

    /// <summary>The arena.</summary>
    public const ulong Arena = 0x0000_0008_0000_0000;

    /// <summary>Packet memory.</summary>
    public const ulong PacketMemory = 0x0000_0010_0000_0000;

    /// <summary>The first table slot.</summary>
    public const ulong Table = 0x0000_0020_0000_0000;

    /// <summary>Bytes from one table slot to the next.</summary>
    public const ulong TableStride = 0x0000_0008_0000_0000;

    /// <summary>The first device BAR.</summary>
    public const ulong Bar = 0x0000_0040_0000_0000;

    /// <summary>The first host port or memory port.</summary>
    public const ulong HostPort = 0x0000_0050_0000_0000;

    /// <summary>The first piece of memory that programs share with the service.</summary>
    public const ulong SharedMemory = 0x0000_0060_0000_0000;

    /// <summary>The symbols of Linux's memory.</summary>
    public const ulong LinuxSymbols = 0x0000_0070_0000_0000;

    /// <summary>The ranges of Linux's memory.</summary>
    public const ulong LinuxRanges = 0x0000_0078_0000_0000;

    /// <summary>Linux's memory: the byte with physical address 0. Behind it there is nothing else.</summary>
    public const ulong LinuxMemory = 0x0000_4000_0000_0000;

    /// <summary>Bytes of Linux's memory at most.</summary>
    public const ulong LinuxMemoryMax = 0x0000_3f00_0000_0000;

    /// <summary>Bytes from one BAR or host port to the next.</summary>
    public const ulong PortStride = 1UL << 32;

    /// <summary>Rounds up to pages.</summary>
    public static ulong ToPages(ulong size) => (size + PageSize - 1) & ~(PageSize - 1);

    /// <summary>Rounds up as a region of that size must be: to chunks from one chunk on, else to pages.</summary>
    public static ulong ToChunks(ulong size) => (size + ChunkSize - 1) & ~(ChunkSize - 1);
}

using System.Runtime.InteropServices;

namespace Sos.RouterBench.Service;

/// <summary>The work of a block.</summary>
public enum RouterBenchMode : uint
{
    /// <summary>The whole way of a packet: receive, check, look up, rewrite, count, send.</summary>
    Forward = 0,

    /// <summary>The card alone: the next frame of the trace is written into a buffer that is at hand.</summary>
    Harness = 1,

    /// <summary>Keys of IPv4 are looked up.</summary>
    Lookup4 = 2,

    /// <summary>Keys of IPv6 are looked up.</summary>
    Lookup6 = 3,
}

/// <summary>
/// How the bench and the service talk: at the start of a piece of shared memory, before the trace, the keys and the results. The bench writes a block's order
/// and then <see cref="Command"/>; the service runs it and answers in <see cref="Done"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct RouterBenchArea
{
    /// <summary>Which piece of shared memory it is; the routes' is the first.</summary>
    public const uint SharedIndex = 1;

    /// <summary>Bytes of a frame of the trace: all headers, and one cache line.</summary>
    public const int FrameBytes = 64;

    /// <summary>Packets of the trace, a power of two.</summary>
    public const int TraceCount = 1 << 16;

    /// <summary>Keys of each family, a power of two.</summary>
    public const int KeyCount = 1 << 20;

    /// <summary>Most packets or keys of a burst.</summary>
    public const int BurstMax = 64;

    /// <summary>Where the trace starts.</summary>
    public const ulong TraceOffset = 4096;

    /// <summary>Where the keys of IPv4 start, as numbers.</summary>
    public const ulong Keys4Offset = TraceOffset + ((ulong)TraceCount * FrameBytes);

    /// <summary>Where the keys of IPv6 start, each two words, the high one first.</summary>
    public const ulong Keys6Offset = Keys4Offset + ((ulong)KeyCount * sizeof(uint));

    /// <summary>Where the results start: a number for each key or packet.</summary>
    public const ulong ResultsOffset = Keys6Offset + ((ulong)KeyCount * 16);

    /// <summary>Bytes of the whole.</summary>
    public const ulong Size = ResultsOffset + ((ulong)KeyCount * sizeof(uint));

    /// <summary>Number of the block that is wanted; written last.</summary>
    public uint Command;

    /// <summary>Number of the block that is done; written last.</summary>
    public uint Done;

    /// <summary>The block's work.</summary>
    public RouterBenchMode Mode;

    /// <summary>Packets or keys of a burst, 1 to <see cref="BurstMax"/>.</summary>
    public uint BurstSize;

    /// <summary>Packets or keys of the block; the last burst may go beyond.</summary>
    public ulong Count;

    /// <summary>Not 0: results are recorded, from the first key or packet on. Of a packet: the last four bytes of where it goes on the link.</summary>
    public uint Records;

    /// <summary>TSC ticks that the block took.</summary>
    public ulong Ticks;
}

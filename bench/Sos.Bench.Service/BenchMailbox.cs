using System.Runtime.InteropServices;

namespace Sos.Bench.Service;

/// <summary>The work of a block.</summary>
public enum BenchMode : uint
{
    /// <summary>The whole way: receive, parse, look up, count, free or hand on.</summary>
    Firewall = 0,

    /// <summary>Stands for the card alone: the next frame of the trace is written into a buffer that is at hand.</summary>
    Harness = 1,

    /// <summary>Buffers are taken from the pool, their MAC addresses swapped, and given back: what testpmd does on net_null.</summary>
    SwapThroughPool = 2,

    /// <summary>Buffers go from one ring to another with their MAC addresses swapped.</summary>
    SwapThroughRings = 3,
}

/// <summary>
/// How the bench and the service talk: at the start of the packet memory, before the trace, the verdicts and the buffers. The
/// bench writes a block's order and then <see cref="Command"/>; the service runs it and answers in <see cref="Done"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct BenchMailbox
{
    /// <summary>Bytes of a frame of the trace: all headers, and one cache line.</summary>
    public const int FrameBytes = 64;

    /// <summary>Most packets of a trace.</summary>
    public const int TraceMax = 1 << 17;

    /// <summary>Where the trace starts.</summary>
    public const ulong TraceOffset = 4096;

    /// <summary>Where the verdicts start: a byte for each packet of the trace.</summary>
    public const ulong VerdictsOffset = TraceOffset + ((ulong)TraceMax * FrameBytes);

    /// <summary>Where the packet buffers start: at a chunk.</summary>
    public const ulong BuffersOffset = 10 << 20;

    /// <summary>Bytes of the packet memory: 1,900 buffers behind all else.</summary>
    public const ulong MemorySize = BuffersOffset + (4 << 20);

    /// <summary>Number of the block that is wanted; written last.</summary>
    public uint Command;

    /// <summary>Number of the block that is done; written last.</summary>
    public uint Done;

    /// <summary>The work that the block does.</summary>
    public BenchMode Mode;

    /// <summary>Packets of a burst, 1 to 64.</summary>
    public uint BurstSize;

    /// <summary>Packets of the block; the last burst may go beyond.</summary>
    public ulong Packets;

    /// <summary>Packets of the trace, a power of two.</summary>
    public uint TraceCount;

    /// <summary>Length of each frame in bytes, 64 or more.</summary>
    public uint FrameLength;

    /// <summary>Not 0: each packet that reaches the host gets a 1 among the verdicts.</summary>
    public uint RecordVerdicts;

    /// <summary>Packets that reached the host in the block.</summary>
    public ulong Passed;

    /// <summary>TSC ticks that the block took.</summary>
    public ulong Ticks;

    /// <summary>TSC ticks of the pass in which the last table was taken over.</summary>
    public ulong SwapTicks;
}

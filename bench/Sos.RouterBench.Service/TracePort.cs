using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Wire;

namespace Sos.RouterBench.Service;

/// <summary>The trace and the counts that the ports of the bench share.</summary>
internal unsafe struct TraceState
{
    /// <summary>The trace.</summary>
    public byte* Trace;

    /// <summary>A number for each packet of it.</summary>
    public uint* Results;

    /// <summary>By buffer number: the packet of the trace that the buffer holds; kept while results are recorded.</summary>
    public uint* Positions;

    /// <summary>The next packet.</summary>
    public uint Position;

    /// <summary>Packets that one call receives; 0 for none.</summary>
    public int BurstSize;

    /// <summary>Whether results are recorded.</summary>
    public bool Records;
}

/// <summary>
/// A card in memory. Of the one that receives, each frame goes into a buffer from the pool, as it does when a ring is refilled, and the next packet of the
/// trace is written into it, as a card's DMA would. What is sent is dropped.
/// </summary>
internal readonly unsafe struct TracePort : IPort
{
    private readonly TraceState* _state;
    private readonly PacketPool _pool;
    private readonly bool _receives;

    public TracePort(TraceState* state, PacketPool pool, bool receives)
    {
        _state = state;
        _pool = pool;
        _receives = receives;
    }

    public PortState State => PortState.Up;

    public int Mtu => 1500;

    public MacAddress Mac => default;

    public int Receive(ref Burst burst)
    {
        TraceState* state = _state;
        if (!_receives || state->BurstSize == 0)
        {
            return 0;
        }

        int before = burst.Count;
        int received = _pool.Allocate(ref burst, state->BurstSize);
        foreach (PacketBuffer buffer in burst.Buffers[before..])
        {
            if (state->Records)
            {
                state->Positions[buffer.Header.Index] = state->Position & (RouterBenchArea.TraceCount - 1);
            }

            Write(state, buffer);
        }

        return received;
    }

    public int Transmit(ref Burst burst)
    {
        int count = burst.Count;
        if (_state->Records)
        {
            foreach (PacketBuffer buffer in burst.Buffers)
            {
                _state->Results[_state->Positions[buffer.Header.Index]] = BinaryPrimitives.ReadUInt32BigEndian(buffer.Frame[2..]);
            }
        }

        _pool.Free(ref burst);
        return count;
    }

    public void Maintain(ulong now)
    {
    }

    /// <summary>Writes the next packet into a buffer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(TraceState* state, PacketBuffer buffer)
    {
        byte* from = state->Trace + ((ulong)(state->Position++ & (RouterBenchArea.TraceCount - 1)) * RouterBenchArea.FrameBytes);
        ref byte to = ref buffer.Reset(RouterBenchArea.FrameBytes)[RouterBenchArea.FrameBytes - 1];
        to = ref Unsafe.Subtract(ref to, RouterBenchArea.FrameBytes - 1);
        Vector256.Load(from).StoreUnsafe(ref to);
        Vector256.Load(from + 32).StoreUnsafe(ref to, 32);
    }
}

using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Wire;

namespace Sos.Bench.Service;

/// <summary>
/// A card in memory: each frame goes into a buffer from the pool, as it does when a ring is refilled, and the headers of the next
/// packet of the trace are written into it, as a card's DMA would. What is sent is dropped.
/// </summary>
internal readonly unsafe struct ReplayPort : IPort
{
    private readonly ReplayState* _state;
    private readonly PacketPool _pool;

    public ReplayPort(ReplayState* state, PacketPool pool)
    {
        _state = state;
        _pool = pool;
    }

    public PortState State => PortState.Up;

    public int Mtu => 1500;

    public MacAddress Mac => default;

    public int Receive(ref Burst burst)
    {
        ReplayState* state = _state;
        int before = burst.Count;
        int received = _pool.Allocate(ref burst, state->BurstSize);
        foreach (PacketBuffer buffer in burst.Buffers[before..])
        {
            if (state->Records)
            {
                state->Positions[buffer.Header.Index] = state->Position & state->Mask;
            }

            Replay(state, buffer);
        }

        return received;
    }

    public int Transmit(ref Burst burst)
    {
        int count = burst.Count;
        _pool.Free(ref burst);
        return count;
    }

    public void Maintain(ulong now)
    {
    }

    /// <summary>Writes the next packet into a buffer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Replay(ReplayState* state, PacketBuffer buffer)
    {
        byte* from = state->Trace + ((ulong)(state->Position++ & state->Mask) * BenchMailbox.FrameBytes);
        Span<byte> frame = buffer.Reset(state->FrameLength);
        ref byte to = ref frame[BenchMailbox.FrameBytes - 1];
        to = ref Unsafe.Subtract(ref to, BenchMailbox.FrameBytes - 1);
        Vector256.Load(from).StoreUnsafe(ref to);
        Vector256.Load(from + 32).StoreUnsafe(ref to, 32);
    }
}

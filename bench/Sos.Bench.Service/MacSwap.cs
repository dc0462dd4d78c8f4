using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Sos.Sdk.Packets;
using Sos.Sdk.Rings;

namespace Sos.Bench.Service;

/// <summary>Moves bursts whose MAC addresses are swapped on the way.</summary>
internal static class MacSwap
{
    /// <summary>Takes a burst from the pool, as net_null's receive does, swaps, and gives it back, as its transmit does.</summary>
    public static int ThroughPool(PacketPool pool, ref Burst burst, int burstSize, int frameLength)
    {
        pool.Allocate(ref burst, burstSize);
        int count = burst.Count;
        foreach (PacketBuffer buffer in burst.Buffers)
        {
            Swap(buffer.Reset(frameLength));
        }

        pool.Free(ref burst);
        return count;
    }

    /// <summary>Takes a burst out of one ring and puts it into the other.</summary>
    public static int ThroughRings(in SpscRing<PacketBuffer> from, in SpscRing<PacketBuffer> to, int burstSize)
    {
        Slots slots = default;
        Span<PacketBuffer> buffers = ((Span<PacketBuffer>)slots)[..burstSize];
        int count = from.Dequeue(buffers);
        buffers = buffers[..count];
        foreach (PacketBuffer buffer in buffers)
        {
            Swap(buffer.Frame);
        }

        return to.Enqueue(buffers);
    }

    /// <summary>Swaps source and destination; the EtherType and the two bytes behind it stay.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Swap(Span<byte> frame)
    {
        ref byte start = ref MemoryMarshal.GetReference(frame[..16]);
        Vector128<byte> header = Vector128.LoadUnsafe(ref start);
        Vector128.Shuffle(header, Vector128.Create((byte)6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15)).StoreUnsafe(ref start);
    }

    [InlineArray(Burst.Capacity)]
    private struct Slots
    {
        private PacketBuffer _first;
    }
}

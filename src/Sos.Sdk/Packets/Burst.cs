using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Packets;

/// <summary>Up to <see cref="Capacity"/> packet buffers that travel together.</summary>
public struct Burst
{
    /// <summary>The most buffers in a burst: enough to hide memory latency, few enough to stay in the first-level cache.</summary>
    public const int Capacity = 64;

    private Slots _slots;

    /// <summary>Buffers in the burst, 0 to <see cref="Capacity"/>.</summary>
    public int Count { get; private set; }

    /// <summary>Whether no further buffer fits.</summary>
    public readonly bool IsFull => Count == Capacity;

    /// <summary>The buffers.</summary>
    [UnscopedRef]
    public Span<PacketBuffer> Buffers => ((Span<PacketBuffer>)_slots)[..Count];

    /// <summary>Appends a buffer; traps when the burst is full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(PacketBuffer buffer)
    {
        Trap.Unless((uint)Count < Capacity, TrapCode.BurstFull);
        _slots[Count++] = buffer;
    }

    /// <summary>Appends buffers; traps when they do not fit.</summary>
    public void Add(ReadOnlySpan<PacketBuffer> buffers)
    {
        int count = Count;
        Trap.Unless(buffers.Length <= Capacity - count, TrapCode.BurstFull);
        Span<PacketBuffer> slots = ((Span<PacketBuffer>)_slots)[count..];
        for (int i = 0; i < buffers.Length; i++)
        {
            slots[i] = buffers[i];
        }

        Count = count + buffers.Length;
    }

    /// <summary>Makes room for buffers at the end; traps when they do not fit.</summary>
    /// <param name="count">How many: not below 0.</param>
    /// <returns>Their places, which the caller fills at once.</returns>
    [UnscopedRef]
    internal Span<PacketBuffer> Extend(int count)
    {
        int start = Count;
        Trap.Unless(count <= Capacity - start, TrapCode.BurstFull);
        Count = start + count;
        return ((Span<PacketBuffer>)_slots).Slice(start, count);
    }

    /// <summary>Forgets the buffers, which others now own.</summary>
    public void Clear() => Count = 0;

    [InlineArray(Capacity)]
    private struct Slots
    {
        private PacketBuffer _first;
    }
}

using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Rings;

/// <summary>
/// A ring between one producer and one consumer, on two cores or one. Copies share the ring: its indices, each with the writer's
/// cached view of the other, are in the memory it is made of.
/// </summary>
/// <remarks>
/// Free-running indices as in Lamport's queue; each side reads the other's index only when its cached value says full or empty.
/// The producer fills an element, then releases its index; the consumer acquires the index, then reads the element, and the reverse
/// when the slot goes back.
/// </remarks>
/// <typeparam name="T">Type of the elements.</typeparam>
public readonly unsafe struct SpscRing<T>
    where T : unmanaged
{
    private readonly RingIndices* _indices;
    private readonly T* _elements;
    private readonly uint _mask;

    private SpscRing(RingIndices* indices, uint capacity)
    {
        _indices = indices;
        _elements = (T*)(indices + 1);
        _mask = capacity - 1;
    }

    /// <summary>Elements the ring holds.</summary>
    public int Capacity => (int)(_mask + 1);

    /// <summary>Bytes of memory for a ring of <paramref name="capacity"/> elements.</summary>
    public static ulong SizeOf(int capacity) => (ulong)sizeof(RingIndices) + ((ulong)(uint)capacity * (ulong)sizeof(T));

    /// <summary>Makes a ring in zeroed memory, or joins the one that is there already.</summary>
    /// <param name="memory">Aligned to a cache line, <see cref="SizeOf"/> bytes.</param>
    /// <param name="capacity">A power of two, the same on both sides.</param>
    public static SpscRing<T> Over(void* memory, int capacity)
    {
        Trap.Unless(
            memory != null && ((nuint)memory & 63) == 0 && capacity > 0 && capacity <= 1 << 30 && (capacity & (capacity - 1)) == 0,
            TrapCode.BadArgument);
        return new SpscRing<T>((RingIndices*)memory, (uint)capacity);
    }

    /// <summary>Makes a ring in an arena.</summary>
    /// <returns>Whether it fits.</returns>
    public static bool TryCreate(Arena arena, int capacity, out SpscRing<T> ring)
    {
        ring = default;
        if (!arena.TryAllocate(SizeOf(capacity), Arena.DefaultAlignment, out byte* memory))
        {
            return false;
        }

        ring = Over(memory, capacity);
        return true;
    }

    /// <summary>Puts one element in. Producer only.</summary>
    /// <returns>False when the ring is full.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryEnqueue(T value) => Enqueue(new ReadOnlySpan<T>(in value)) != 0;

    /// <summary>Puts as many elements in as fit, in order. Producer only.</summary>
    /// <returns>Elements put in.</returns>
    public int Enqueue(ReadOnlySpan<T> values)
    {
        uint produced = _indices->Produced;
        uint room = _mask + 1 - (produced - _indices->ConsumedCache);
        if (room < (uint)values.Length)
        {
            uint consumed = MemoryOrdering.LoadAcquire(ref _indices->Consumed);
            Trap.Unless(produced - consumed <= _mask + 1, TrapCode.RingIndex);
            _indices->ConsumedCache = consumed;
            room = _mask + 1 - (produced - consumed);
        }

        int count = (int)Math.Min(room, (uint)values.Length);
        for (int i = 0; i < count; i++)
        {
            _elements[(produced + (uint)i) & _mask] = values[i];
        }

        if (count != 0)
        {
            MemoryOrdering.StoreRelease(ref _indices->Produced, produced + (uint)count);
        }

        return count;
    }

    /// <summary>Takes one element out. Consumer only.</summary>
    /// <returns>False when the ring is empty.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryDequeue(out T value)
    {
        value = default;
        return Dequeue(new Span<T>(ref value)) != 0;
    }

    /// <summary>Takes as many elements out as there are and as fit, in order. Consumer only.</summary>
    /// <returns>Elements taken out.</returns>
    public int Dequeue(Span<T> values)
    {
        uint consumed = _indices->Consumed;
        uint ready = _indices->ProducedCache - consumed;
        if (ready < (uint)values.Length)
        {
            uint produced = MemoryOrdering.LoadAcquire(ref _indices->Produced);
            Trap.Unless(produced - consumed <= _mask + 1, TrapCode.RingIndex);
            _indices->ProducedCache = produced;
            ready = produced - consumed;
        }

        int count = (int)Math.Min(ready, (uint)values.Length);
        for (int i = 0; i < count; i++)
        {
            values[i] = _elements[(consumed + (uint)i) & _mask];
        }

        if (count != 0)
        {
            MemoryOrdering.StoreRelease(ref _indices->Consumed, consumed + (uint)count);
        }

        return count;
    }
}

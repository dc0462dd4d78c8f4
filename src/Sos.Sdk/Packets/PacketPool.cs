using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Packets;

/// <summary>
/// A fixed number of packet buffers, taken and given back in constant time, last freed first: what was just used is in the cache.
/// Copies of this handle share one pool.
/// </summary>
/// <remarks>
/// The books are kept in the arena, out of a device's reach: a buffer is known by its number, and the number by the arena's own
/// list of addresses. Freeing a buffer twice, or to a pool it does not come from, traps.
/// </remarks>
public readonly unsafe struct PacketPool
{
    private readonly State* _state;

    private PacketPool(State* state) => _state = state;

    /// <summary>Whether this names no pool.</summary>
    public bool IsNull => _state == null;

    /// <summary>Buffers of the pool.</summary>
    public int Capacity => _state->Capacity;

    /// <summary>Buffers that can be taken now.</summary>
    public int FreeCount => _state->FreeCount;

    /// <summary>Makes a pool.</summary>
    /// <param name="arena">Where the books are kept.</param>
    /// <param name="memory">Where the buffers are taken from.</param>
    /// <param name="buffersMax">Buffers wanted; fewer are made when the packet memory ends before.</param>
    /// <param name="pool">The pool.</param>
    /// <param name="alignment">Of each buffer: a power of two from a cache line to a page.</param>
    /// <returns>Whether the arena had room, and the packet memory for one buffer at least.</returns>
    public static bool TryCreate(Arena arena, PacketMemory memory, int buffersMax, out PacketPool pool, uint alignment = 64)
    {
        pool = default;
        if (buffersMax <= 0
            || !arena.TryAllocate(out State* state)
            || !arena.TryAllocate((ulong)(uint)buffersMax * (ulong)sizeof(PacketHeader*), Arena.DefaultAlignment, out byte* all)
            || !arena.TryAllocate((ulong)(uint)buffersMax * sizeof(uint), Arena.DefaultAlignment, out byte* free)
            || !arena.TryAllocate((ulong)(uint)buffersMax, Arena.DefaultAlignment, out byte* taken))
        {
            return false;
        }

        state->All = (PacketHeader**)all;
        state->FreeNumbers = (uint*)free;
        state->Taken = taken;
        int count = 0;
        while (count < buffersMax && memory.TryAllocate(PacketBuffer.Stride, alignment, out byte* address))
        {
            PacketHeader* header = (PacketHeader*)address;
            header->Index = (uint)count;
            state->All[count] = header;
            count++;
        }

        if (count == 0)
        {
            return false;
        }

        state->Capacity = count;
        state->FreeCount = count;
        for (int i = 0; i < count; i++)
        {
            // The lowest address is taken first.
            state->FreeNumbers[i] = (uint)(count - 1 - i);
        }

        pool = new PacketPool(state);
        return true;
    }

    /// <summary>Takes a buffer with an empty frame behind the standard headroom.</summary>
    /// <returns>False when none is free.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAllocate(out PacketBuffer buffer)
    {
        State* state = _state;
        int free = state->FreeCount;
        if (free == 0)
        {
            buffer = default;
            return false;
        }

        uint number = state->FreeNumbers[free - 1];
        state->FreeCount = free - 1;
        state->Taken[number] = 1;
        PacketHeader* header = state->All[number];
        header->Offset = PacketBuffer.HeaderSize + PacketBuffer.Headroom;
        header->Length = 0;
        header->Flags = PacketFlags.None;
        buffer = new PacketBuffer(header);
        return true;
    }

    /// <summary>Gives a buffer back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(PacketBuffer buffer)
    {
        State* state = _state;
        PacketHeader* header = buffer.Pointer;
        Trap.Unless(header != null, TrapCode.ForeignBuffer);
        uint number = header->Index;
        Trap.Unless(number < (uint)state->Capacity && state->All[number] == header, TrapCode.ForeignBuffer);
        Trap.Unless(state->Taken[number] != 0, TrapCode.DoubleFree);
        state->Taken[number] = 0;
        state->FreeNumbers[state->FreeCount++] = number;
    }

    /// <summary>Takes buffers with empty frames and appends them to a burst, as far as there are any and they fit.</summary>
    /// <returns>Buffers taken.</returns>
    public int Allocate(ref Burst burst, int countMax)
    {
        State* state = _state;
        int free = state->FreeCount;
        int count = Math.Max(0, Math.Min(Math.Min(countMax, free), Burst.Capacity - burst.Count));
        uint* numbers = state->FreeNumbers + free - 1;
        byte* taken = state->Taken;
        PacketHeader** all = state->All;
        Span<PacketBuffer> slots = burst.Extend(count);
        for (int i = 0; i < slots.Length; i++)
        {
            uint number = *(numbers - i);
            taken[number] = 1;
            PacketHeader* header = all[number];
            header->Offset = PacketBuffer.HeaderSize + PacketBuffer.Headroom;
            header->Length = 0;
            header->Flags = PacketFlags.None;
            slots[i] = new PacketBuffer(header);
        }

        state->FreeCount = free - count;
        return count;
    }

    /// <summary>Gives every buffer of a burst back and empties it.</summary>
    public void Free(ref Burst burst)
    {
        Free(burst.Buffers);
        burst.Clear();
    }

    /// <summary>Gives buffers back.</summary>
    public void Free(ReadOnlySpan<PacketBuffer> buffers)
    {
        State* state = _state;
        PacketHeader** all = state->All;
        byte* taken = state->Taken;
        uint capacity = (uint)state->Capacity;
        uint* free = state->FreeNumbers + state->FreeCount;
        int freed = 0;
        for (; freed < buffers.Length; freed++)
        {
            PacketHeader* header = buffers[freed].Pointer;
            uint number = header != null ? header->Index : capacity;
            if (number >= capacity || all[number] != header || taken[number] == 0)
            {
                break;
            }

            taken[number] = 0;
            free[freed] = number;
        }

        state->FreeCount += freed;
        if (freed != buffers.Length)
        {
            Free(buffers[freed]); // Traps, and says why; here, since a call in the loop would cost each buffer.
        }
    }

    /// <summary>The buffer with that number, if it is taken: for devices that answer with numbers.</summary>
    /// <returns>False when the number is none of the pool's or the buffer is free.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGet(uint number, out PacketBuffer buffer)
    {
        State* state = _state;
        if (number >= (uint)state->Capacity || state->Taken[number] == 0)
        {
            buffer = default;
            return false;
        }

        buffer = new PacketBuffer(state->All[number]);
        return true;
    }

    private struct State
    {
        public PacketHeader** All;
        public uint* FreeNumbers;
        public byte* Taken;
        public int Capacity;
        public int FreeCount;
    }
}

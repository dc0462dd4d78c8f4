using System.Numerics;
using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Time;

/// <summary>
/// Timers in a hierarchy of wheels (Varghese and Lauck, 1987): arming and cancelling take constant time. Copies share one wheel.
/// </summary>
/// <remarks>
/// Time counts in ticks of 2^n TSC cycles, about a microsecond. A timer waits at the level of the highest 6-bit digit in which
/// its tick differs from the present one; when time comes to its slot it moves down, and expires at the lowest level. Eleven levels
/// cover 64 bits, so no deadline is too far, and an occupancy word per level finds the next slot however long the pause was:
/// no timer is skipped. A timer never expires before its deadline.
/// </remarks>
public readonly unsafe struct TimingWheel
{
    private const int DigitBits = 6;
    private const int SlotsPerLevel = 1 << DigitBits;
    private const int Levels = 11;
    private const uint DueList = Levels * SlotsPerLevel;
    private const uint FreeList = DueList + 1;
    private const uint Lists = FreeList + 1;
    private const uint None = uint.MaxValue;

    private readonly State* _state;

    private TimingWheel(State* state) => _state = state;

    /// <summary>Timers that are armed and have not been handed out.</summary>
    public int ArmedCount => (int)_state->Armed;

    /// <summary>Timers at most.</summary>
    public int Capacity => (int)_state->Capacity;

    /// <summary>Length of a tick in TSC cycles, a power of two.</summary>
    public ulong TickCycles => 1UL << _state->TickShift;

    /// <summary>Makes a wheel.</summary>
    /// <param name="arena">Where it is kept.</param>
    /// <param name="capacity">Timers at most.</param>
    /// <param name="tscKhz">TSC frequency; a tick is the longest power of two of cycles within a microsecond.</param>
    /// <param name="now">The TSC.</param>
    /// <param name="wheel">The wheel.</param>
    /// <returns>False when the capacity is not positive or the arena is full.</returns>
    public static bool TryCreate(Arena arena, int capacity, ulong tscKhz, ulong now, out TimingWheel wheel)
    {
        wheel = default;
        if (capacity <= 0
            || !arena.TryAllocate(out State* state)
            || !arena.TryAllocate(capacity, out MemoryBlock<Timer> timers)
            || !arena.TryAllocate((int)Lists, out MemoryBlock<uint> heads))
        {
            return false;
        }

        state->Timers = timers.Pointer;
        state->Heads = heads.Pointer;
        state->Capacity = (uint)capacity;
        state->TickShift = BitOperations.Log2((tscKhz / 1000) | 1);
        state->Tick = now >> state->TickShift;
        heads.Span.Fill(None);
        for (uint i = (uint)capacity; i-- > 0;)
        {
            Link(state, i, FreeList);
        }

        wheel = new TimingWheel(state);
        return true;
    }

    /// <summary>Arms a timer.</summary>
    /// <param name="deadline">TSC at which it expires, or soon after; one in the past expires at once.</param>
    /// <param name="cookie">What to hand out then.</param>
    /// <param name="id">Its name, for <see cref="Cancel"/>.</param>
    /// <returns>False when all timers are armed.</returns>
    public bool TryArm(ulong deadline, ulong cookie, out TimerId id)
    {
        State* state = _state;
        uint index = state->Heads[FreeList];
        if (index == None)
        {
            id = default;
            return false;
        }

        // Rounded up, without overflow at the end of time.
        ulong mask = (1UL << state->TickShift) - 1;
        Timer* timer = state->Timers + index;
        timer->Tick = (deadline >> state->TickShift) + ((deadline & mask) != 0 ? 1UL : 0);
        timer->Cookie = cookie;
        timer->Generation = timer->Generation == uint.MaxValue ? 1 : timer->Generation + 1;
        Unlink(state, index);
        Place(state, index);
        state->Armed++;
        id = new TimerId(index, timer->Generation);
        return true;
    }

    /// <summary>Cancels a timer.</summary>
    /// <returns>False when it has been handed out or cancelled already.</returns>
    public bool Cancel(TimerId id)
    {
        State* state = _state;
        Trap.Unless(id.Index < state->Capacity, TrapCode.BadTimer);
        Timer* timer = state->Timers + id.Index;
        if (timer->List == FreeList || timer->Generation != id.Generation)
        {
            return false;
        }

        Release(state, id.Index);
        return true;
    }

    /// <summary>Hands out one timer whose deadline has come. Call it until it returns false, or a budget is used up.</summary>
    /// <param name="now">The TSC.</param>
    /// <param name="cookie">What was given when the timer was armed.</param>
    /// <returns>False when no deadline has come.</returns>
    public bool TryExpire(ulong now, out ulong cookie)
    {
        State* state = _state;
        ulong tick = now >> state->TickShift;
        while (state->Heads[DueList] == None)
        {
            if (!Advance(state, tick))
            {
                cookie = 0;
                return false;
            }
        }

        uint index = state->Heads[DueList];
        cookie = state->Timers[index].Cookie;
        Release(state, index);
        return true;
    }

    // Moves time to the next slot that holds timers, if that is not after the given tick, and its timers down.
    private static bool Advance(State* state, ulong tick)
    {
        for (int level = 0; level < Levels; level++)
        {
            ulong occupied = state->Occupied[level];
            if (occupied == 0)
            {
                continue;
            }

            int shift = level * DigitBits;
            int slot = BitOperations.TrailingZeroCount(occupied);
            ulong begin = (((state->Tick >> shift >> DigitBits) << DigitBits) | (uint)slot) << shift;
            if (begin > tick)
            {
                break;
            }

            state->Tick = begin;
            uint list = (uint)((level * SlotsPerLevel) + slot);
            while (state->Heads[list] != None)
            {
                uint index = state->Heads[list];
                Unlink(state, index);
                Place(state, index);
            }

            return true;
        }

        state->Tick = tick > state->Tick ? tick : state->Tick;
        return false;
    }

    private static void Place(State* state, uint index)
    {
        ulong tick = state->Timers[index].Tick;
        if (tick <= state->Tick)
        {
            Link(state, index, DueList);
            return;
        }

        int level = BitOperations.Log2(tick ^ state->Tick) / DigitBits;
        uint slot = (uint)(tick >> (level * DigitBits)) & (SlotsPerLevel - 1);
        state->Occupied[level] |= 1UL << (int)slot;
        Link(state, index, (uint)(level * SlotsPerLevel) + slot);
    }

    private static void Release(State* state, uint index)
    {
        Unlink(state, index);
        Link(state, index, FreeList);
        state->Armed--;
    }

    private static void Link(State* state, uint index, uint list)
    {
        Timer* timer = state->Timers + index;
        uint head = state->Heads[list];
        timer->List = list;
        timer->Previous = None;
        timer->Next = head;
        if (head != None)
        {
            state->Timers[head].Previous = index;
        }

        state->Heads[list] = index;
    }

    private static void Unlink(State* state, uint index)
    {
        Timer* timer = state->Timers + index;
        if (timer->Next != None)
        {
            state->Timers[timer->Next].Previous = timer->Previous;
        }

        if (timer->Previous != None)
        {
            state->Timers[timer->Previous].Next = timer->Next;
            return;
        }

        state->Heads[timer->List] = timer->Next;
        if (timer->Next == None && timer->List < DueList)
        {
            state->Occupied[(int)(timer->List / SlotsPerLevel)] &= ~(1UL << (int)(timer->List % SlotsPerLevel));
        }
    }

    private struct State
    {
        public Timer* Timers;
        public uint* Heads;
        public ulong Tick;
        public uint Capacity;
        public uint Armed;
        public int TickShift;
        public LevelWords Occupied;
    }

    private struct Timer
    {
        public ulong Tick;
        public ulong Cookie;
        public uint Next;
        public uint Previous;
        public uint List;
        public uint Generation;
    }

    [InlineArray(Levels)]
    private struct LevelWords
    {
        private ulong _first;
    }
}

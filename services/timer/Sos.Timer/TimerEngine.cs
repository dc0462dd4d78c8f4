using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Time;

namespace Sos.Timer;

/// <summary>
/// Timers on four clocks, served by earliest deadline first. Each clock has a heap in its own units, whose order no step and no slew of the
/// clock changes; only the earliest deadline of each is turned into a TSC, anew whenever Linux corrects its time.
/// </summary>
public unsafe struct TimerEngine
{
    /// <summary>Clocks.</summary>
    public const int Clocks = 4;

    /// <summary>A change of a clock's distance from CLOCK_MONOTONIC below that is measurement noise of a clock page kept by a program.</summary>
    public const long StepMinNs = 10_000;

    private readonly MemoryBlock<Record> _records;
    private readonly ulong _toleranceTicks;
    private TscClock _clock;
    private HeapList _heaps;
    private ClockWords _earliest; // TSC of each heap's earliest deadline
    private ClockWords _stepped; // TSC of each clock's last step
    private ClockWords _offsets;

    private TimerEngine(MemoryBlock<Record> records, ClockLayout* clock, ulong toleranceTicks)
    {
        _records = records;
        _toleranceTicks = toleranceTicks;
        _clock = new TscClock(clock);
    }

    /// <summary>Timers that are armed.</summary>
    public readonly int ArmedCount
    {
        get
        {
            int count = 0;
            for (int i = 0; i < Clocks; i++)
            {
                count += _heaps[i].Count;
            }

            return count;
        }
    }

    /// <summary>Steps of a clock so far.</summary>
    public ulong Steps { get; private set; }

    /// <summary>TSC of the earliest deadline; <see cref="ulong.MaxValue"/> without one.</summary>
    public readonly ulong EarliestTsc
    {
        get
        {
            ulong least = _earliest[0];
            for (int i = 1; i < Clocks; i++)
            {
                least = _earliest[i] < least ? _earliest[i] : least;
            }

            return least;
        }
    }

    /// <summary>Makes an engine.</summary>
    /// <param name="arena">Where it is kept.</param>
    /// <param name="capacity">Timers at most, numbered from 0.</param>
    /// <param name="clock">Linux's clocks.</param>
    /// <param name="toleranceTicks">An expiration served later than that many TSC ticks is a miss.</param>
    /// <param name="engine">The engine.</param>
    /// <returns>False when the arena is full.</returns>
    public static bool TryCreate(Arena arena, int capacity, ClockLayout* clock, ulong toleranceTicks, out TimerEngine engine)
    {
        engine = default;
        if (!arena.TryAllocate(capacity, out MemoryBlock<Record> records))
        {
            return false;
        }

        engine = new TimerEngine(records, clock, toleranceTicks);
        for (int i = 0; i < Clocks; i++)
        {
            if (!DeadlineHeap.TryCreate(arena, capacity, out DeadlineHeap heap))
            {
                return false;
            }

            engine._heaps[i] = heap;
            engine._earliest[i] = ulong.MaxValue;
            engine._offsets[i] = engine._clock.OffsetNs((ClockId)i);
        }

        return true;
    }

    /// <summary>Takes over Linux's latest correction of its clocks. To be called in every pass.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Follow(ulong now)
    {
        if (_clock.Follow())
        {
            Corrected(now);
        }
    }

    /// <summary>A clock at <paramref name="tsc"/>, in its units.</summary>
    public readonly ulong Read(ClockId clock, ulong tsc) => _clock.Read(clock, tsc);

    /// <summary>Arms a timer, whatever it did before.</summary>
    /// <param name="timer">Its number.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="deadline">A point in time of the clock; one in the past expires at once.</param>
    /// <param name="period">From one expiration to the next, 0 for one alone.</param>
    /// <param name="now">The TSC.</param>
    public void Arm(uint timer, ClockId clock, ulong deadline, ulong period, ulong now)
    {
        Trap.Unless((uint)clock < Clocks, TrapCode.BadArgument);
        Cancel(timer);
        ref Record record = ref _records[timer];
        record.Clock = clock;
        record.Period = period;
        record.ArmedTsc = now;
        record.Deadline = deadline;
        _heaps[(int)clock].Set(timer, deadline);
        Reckon((int)clock);
    }

    /// <summary>Disarms a timer.</summary>
    /// <returns>Whether it was armed.</returns>
    public bool Cancel(uint timer)
    {
        int clock = (int)_records[timer].Clock;
        bool armed = _heaps[clock].Remove(timer);
        if (armed)
        {
            Reckon(clock);
        }

        return armed;
    }

    /// <summary>Serves the timer with the earliest deadline, if that has come.</summary>
    /// <param name="now">The TSC.</param>
    /// <param name="expiry">What was served.</param>
    /// <returns>False when no deadline has come.</returns>
    public bool TryExpire(ulong now, out Expiry expiry)
    {
        int clock = 0;
        for (int i = 1; i < Clocks; i++)
        {
            clock = _earliest[i] < _earliest[clock] ? i : clock;
        }

        if (_earliest[clock] > now || _heaps[clock].Count == 0)
        {
            expiry = default;
            return false;
        }

        expiry = Serve(clock, _heaps[clock].EarliestItem, now);
        return true;
    }

    /// <summary>Serves one timer if its deadline has come, so that it can be disarmed and nothing that was due is lost.</summary>
    /// <param name="timer">Its number.</param>
    /// <param name="now">The TSC.</param>
    /// <param name="expiry">What was served.</param>
    /// <returns>False when its deadline has not come, or it is not armed.</returns>
    public bool TryExpire(uint timer, ulong now, out Expiry expiry)
    {
        int clock = (int)_records[timer].Clock;
        bool due = _heaps[clock].Contains(timer) && _clock.Read((ClockId)clock, now) >= _records[timer].Deadline;
        expiry = due ? Serve(clock, timer, now) : default;
        return due;
    }

    private Expiry Serve(int clock, uint timer, ulong now)
    {
        ref Record record = ref _records[timer];

        // It was not due before it was armed, nor before the step that made it due.
        ulong floor = record.ArmedTsc > _stepped[clock] ? record.ArmedTsc : _stepped[clock];
        ulong due = _clock.TscAt((ClockId)clock, record.Deadline);
        due = due > floor ? due : floor;
        ulong time = _clock.Read((ClockId)clock, now);
        ulong passed = time > record.Deadline ? time - record.Deadline : 0;
        ulong count = record.Period == 0 ? 1 : (passed / record.Period) + 1;
        Expiry expiry = new()
        {
            Timer = timer,
            Expirations = count,
            DueTsc = due,
            Lateness = now > due ? now - due : 0,
        };
        ulong limit = now - _toleranceTicks;
        if (limit < now && floor < limit)
        {
            // Those that came due all at once, by arming in the past or by setting the clock, could only be served together: one miss.
            ulong late = CountBefore(record, _clock.Read((ClockId)clock, limit), count);
            ulong together = CountBefore(record, _clock.Read((ClockId)clock, floor), count);
            expiry.Misses = together > 1 && together <= late ? late - together + 1 : late;
        }

        ulong next = record.Deadline + (record.Period * count);
        if (record.Period == 0 || next < record.Deadline)
        {
            _heaps[clock].Remove(timer);
        }
        else
        {
            expiry.Armed = true;
            record.Deadline = next;
            _heaps[clock].Set(timer, next);
        }

        Reckon(clock);
        return expiry;
    }

    // How many of the next deadlines lie before a point in time.
    private static ulong CountBefore(in Record record, ulong time, ulong count)
    {
        if (record.Deadline >= time)
        {
            return 0;
        }

        ulong before = record.Period == 0 ? 1 : ((time - 1 - record.Deadline) / record.Period) + 1;
        return before < count ? before : count;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Corrected(ulong now)
    {
        for (int i = 0; i < Clocks; i++)
        {
            ulong offset = _clock.OffsetNs((ClockId)i);
            long change = (long)(offset - _offsets[i]);
            if (change is >= StepMinNs or <= -StepMinNs)
            {
                _stepped[i] = now;
                Steps++;
            }

            _offsets[i] = offset;
            Reckon(i);
        }
    }

    private void Reckon(int clock)
        => _earliest[clock] = _heaps[clock].Count == 0 ? ulong.MaxValue : _clock.TscAt((ClockId)clock, _heaps[clock].Earliest);

    private struct Record
    {
        public ulong Deadline;
        public ulong Period;
        public ulong ArmedTsc;
        public ClockId Clock;
    }

    [InlineArray(Clocks)]
    private struct HeapList
    {
        private DeadlineHeap _first;
    }

    [InlineArray(Clocks)]
    private struct ClockWords
    {
        private ulong _first;
    }
}

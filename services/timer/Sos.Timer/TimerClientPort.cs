using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;
using Sos.Sdk.Time;
using Sos.Timer.Layout;

namespace Sos.Timer;

/// <summary>
/// The service's end of one client's area. The client may write anything anywhere in it at any time: requests are copied once and then
/// checked, and nothing that the service wrote there is ever read again.
/// </summary>
internal unsafe struct TimerClientPort
{
    /// <summary>The shortest period in ns.</summary>
    public const ulong PeriodMinNs = 1000;

    /// <summary>The longest, a century in ns; so many TSC ticks are decades.</summary>
    public const ulong PeriodMax = 3_155_760_000_000_000_000;

    private readonly TimerArea* _area;
    private readonly uint _firstTimer;
    private readonly ulong _periodMinTicks;
    private uint _consumer;
    private uint _signal;
    private uint _armed;
    private ulong _expirations;
    private ulong _misses;
    private ulong _badRequests;
    private bool _broken;

    public TimerClientPort(byte* area, uint firstTimer, ulong tscKhz)
    {
        _area = (TimerArea*)area;
        _firstTimer = firstTimer;
        _periodMinTicks = (tscKhz * PeriodMinNs / 1_000_000) + 1;
    }

    /// <summary>Whether there may be a request.</summary>
    public readonly bool HasRequest
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => MemoryOrdering.LoadAcquire(ref _area->Producer) != _consumer && !_broken;
    }

    /// <summary>Begins anew, for a client whose area the broker has cleared.</summary>
    public void Open()
    {
        _consumer = 0;
        _signal = 0;
        _armed = 0;
        _expirations = 0;
        _misses = 0;
        _badRequests = 0;
        _broken = false;
    }

    /// <summary>Answers requests, up to a budget.</summary>
    /// <returns>Whether one made the signal move on: a timer that was due when it was disarmed.</returns>
    public bool Answer(ref TimerEngine engine, RecordList slots, int budget)
    {
        uint producer = MemoryOrdering.LoadAcquire(ref _area->Producer);
        if (producer - _consumer > TimerArea.Requests)
        {
            // Not even a ring that is full reads so: whoever writes here does not keep the rules.
            _broken = true;
            MemoryOrdering.StoreRelease(ref _area->Broken, 1);
            return false;
        }

        uint signal = _signal;
        for (int i = 0; i < budget && _consumer != producer; i++)
        {
            TimerRequest* entry = (TimerRequest*)((byte*)_area + TimerArea.RequestsOffset) + (_consumer % TimerArea.Requests);
            TimerRequest request = Unsafe.ReadUnaligned<TimerRequest>(entry);
            _consumer++;

            // Read behind the request: whatever was due when it was written is due by now.
            Answer(ref engine, slots, request, Tsc.Read());
            MemoryOrdering.StoreRelease(ref _area->Consumer, _consumer);
        }

        return _signal != signal;
    }

    /// <summary>Shows an expiration to the client.</summary>
    /// <param name="expiry">The expiration; its timer is one of this client.</param>
    /// <param name="record">The service's own counts of it.</param>
    public void Publish(in Expiry expiry, in SlotRecord record)
    {
        TimerSlot* slot = Slot(expiry.Timer - _firstTimer);
        slot->Misses = record.Misses;
        slot->Overruns = record.Overruns;
        slot->DueTsc = expiry.DueTsc;
        slot->ServedTsc = expiry.DueTsc + expiry.Lateness;
        slot->LatenessMax = record.LatenessMax;
        if (!expiry.Armed)
        {
            slot->State = TimerState.Expired;
            _armed--;
            _area->Armed = _armed;
        }

        _expirations += expiry.Expirations;
        _misses += expiry.Misses;
        _area->Expirations = _expirations;
        _area->Misses = _misses;
        MemoryOrdering.StoreRelease(ref slot->Expirations, record.Expirations);
        _signal++;
        MemoryOrdering.StoreRelease(ref _area->Signal, _signal);
    }

    /// <summary>Whether the client sleeps and is to be woken. Call it once, after what was published.</summary>
    public readonly bool TakeSleeper()
    {
        // The client says that it sleeps and then looks at the signal again: one of us sees the other.
        MemoryOrdering.FullFence();
        if (MemoryOrdering.LoadAcquire(ref _area->Sleeping) == 0)
        {
            return false;
        }

        MemoryOrdering.StoreRelease(ref _area->Sleeping, 0);
        return true;
    }

    private readonly TimerSlot* Slot(uint timer) => (TimerSlot*)((byte*)_area + TimerArea.SlotsOffset) + timer;

    private void Answer(ref TimerEngine engine, RecordList slots, in TimerRequest request, ulong now)
    {
        if (request.Timer >= TimerArea.Timers)
        {
            _badRequests++;
            _area->BadRequests = _badRequests;
            return;
        }

        uint timer = _firstTimer + request.Timer;
        TimerSlot* slot = Slot(request.Timer);
        TimerError error = Check(request);
        if (error == TimerError.None)
        {
            error = Obey(ref engine, slots, timer, request, slot, now);
        }

        slot->Error = error;
        _area->Armed = _armed;
        MemoryOrdering.StoreRelease(ref slot->Answered, _consumer);
    }

    private TimerError Obey(ref TimerEngine engine, RecordList slots, uint timer, in TimerRequest request, TimerSlot* slot, ulong now)
    {
        ClockId clock = request.Clock;
        ulong deadline = request.Deadline;
        bool arms = request.Operation == TimerOperation.Arm;
        if (arms && (request.Flags & TimerFlags.Absolute) == 0)
        {
            // As with timerfd, what is relative is not moved by setting the clock.
            clock = clock == ClockId.Tsc ? ClockId.Tsc : ClockId.Monotonic;
            ulong time = engine.Read(clock, now);
            if (deadline > ulong.MaxValue - time)
            {
                return TimerError.BadDeadline;
            }

            deadline += time;
        }

        if (engine.TryExpire(timer, now, out Expiry expiry))
        {
            Publish(expiry, slots.Count(expiry));
        }

        _armed -= engine.Cancel(timer) ? 1u : 0;
        slot->State = TimerState.Idle;
        if (!arms)
        {
            return TimerError.None;
        }

        slots.Clear(timer);
        slot->Misses = 0;
        slot->Overruns = 0;
        slot->LatenessMax = 0;
        slot->Expirations = 0;
        slot->State = TimerState.Armed;
        engine.Arm(timer, clock, deadline, request.Period, now);
        _armed++;
        return TimerError.None;
    }

    private readonly TimerError Check(in TimerRequest request)
    {
        if (request.Operation == TimerOperation.Cancel)
        {
            return TimerError.None;
        }

        if (request.Operation != TimerOperation.Arm)
        {
            return TimerError.BadOperation;
        }

        if ((uint)request.Clock >= TimerEngine.Clocks)
        {
            return TimerError.BadClock;
        }

        if ((request.Flags & ~TimerFlags.Absolute) != 0)
        {
            return TimerError.BadFlags;
        }

        ulong least = request.Clock == ClockId.Tsc ? _periodMinTicks : PeriodMinNs;
        return request.Period != 0 && (request.Period < least || request.Period > PeriodMax) ? TimerError.BadPeriod : TimerError.None;
    }
}

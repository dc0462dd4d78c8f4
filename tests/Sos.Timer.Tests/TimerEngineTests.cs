using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using CsCheck;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Timer.Tests;

/// <summary>The timers of the service with a clock page of the test's: 2 ticks a nanosecond, so that no rounding hides behind units.</summary>
public sealed unsafe class TimerEngineTests : IDisposable
{
    private const int Capacity = 64;
    private const ulong Tolerance = 2_000;
    private const ulong Now = 1_000_000;
    private const ulong Epoch = 1_800_000_000_000_000_000;
    private const ulong LeapSeconds = 37_000_000_000;

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(1 << 20, 64);
    private readonly ClockLayout* _clock;
    private TimerEngine _engine;

    public TimerEngineTests()
    {
        NativeMemory.Clear(_memory, 1 << 20);
        _clock = (ClockLayout*)_memory;
        *_clock = new ClockLayout
        {
            Sequence = 2,
            Shift = 1,
            Mult = 1,
            BaseTsc = Now,
            MonotonicNs = 500_000,
            RealtimeNs = Epoch,
            TaiNs = Epoch + LeapSeconds,
            TscKhz = 2_000_000,
        };
        Assert.True(Arena.TryCreate(_memory + 4096, (1 << 20) - 4096, out Arena arena));
        Assert.True(TimerEngine.TryCreate(arena, Capacity, _clock, Tolerance, out _engine));
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    [Theory]
    [InlineData(ClockId.Tsc, Now + 2000)]
    [InlineData(ClockId.Monotonic, 501_000UL)]
    [InlineData(ClockId.Realtime, Epoch + 1000)]
    [InlineData(ClockId.Tai, Epoch + LeapSeconds + 1000)]
    public void NeverEarlyAndDueToTheTick(ClockId clock, ulong deadline)
    {
        _engine.Arm(3, clock, deadline, 0, Now);
        Assert.Equal(Now + 2000, _engine.EarliestTsc);
        Assert.False(_engine.TryExpire(Now + 1999, out _));
        Assert.True(_engine.TryExpire(Now + 2000, out Expiry expiry));
        Assert.Equal((3u, 1ul, 0ul, 0ul, false), (expiry.Timer, expiry.Expirations, expiry.Misses, expiry.Lateness, expiry.Armed));
        Assert.False(_engine.TryExpire(ulong.MaxValue, out _));
        Assert.Equal(0, _engine.ArmedCount);
    }

    [Fact]
    public void EarliestDeadlineFirstAcrossAllClocks()
        => Gen.Select(Gen.Int[0, 3], Gen.ULong[0, 1_000_000]).Array[1, Capacity].Sample(timers =>
        {
            for (uint i = 0; i < timers.Length; i++)
            {
                (int clock, ulong ns) = timers[i];
                ulong start = clock switch { 0 => Now, 1 => 500_000, 2 => Epoch, _ => Epoch + LeapSeconds };
                _engine.Arm(i, (ClockId)clock, start + (clock == 0 ? 2 * ns : ns), 0, Now);
            }

            List<ulong> order = [];
            while (_engine.TryExpire(Now + 2_000_000, out Expiry expiry))
            {
                order.Add(timers[expiry.Timer].Item2);
            }

            Assert.Equal(timers.Select(timer => timer.Item2).Order(), order);
        }, threads: 1);

    [Fact]
    public void DeadlinesOfDaysNeedNoMoreBitsThanThereAre()
    {
        const ulong Year = 365UL * 24 * 3600 * 1_000_000_000;
        _engine.Arm(0, ClockId.Realtime, Epoch + Year, 0, Now);
        Assert.Equal(Now + (2 * Year), _engine.EarliestTsc);
        _engine.Arm(0, ClockId.Monotonic, ulong.MaxValue, 0, Now);
        Assert.False(_engine.TryExpire(ulong.MaxValue - 1, out _));
    }

    [Fact]
    public void ADeadlineInThePastExpiresAtOnceAndIsNoMiss()
    {
        _engine.Arm(0, ClockId.Realtime, 1, 0, Now + 50);
        Assert.True(_engine.TryExpire(Now + 60, out Expiry expiry));
        Assert.Equal((1ul, 0ul, 10ul), (expiry.Expirations, expiry.Misses, expiry.Lateness));
    }

    [Fact]
    public void PeriodsThatPassedAreCountedAndThoseThatWereLateAreMissed()
    {
        // Due at 1000, 1500, 2000, ... ns; served at 3100 ns: five, of which those before 3100 - 1000 ns are late.
        _engine.Arm(7, ClockId.Monotonic, 501_000, 500, Now);
        Assert.True(_engine.TryExpire(Now + 6200, out Expiry expiry));
        Assert.Equal((5ul, 3ul, true), (expiry.Expirations, expiry.Misses, expiry.Armed));
        Assert.Equal((Now + 2000, 4200ul), (expiry.DueTsc, expiry.Lateness));
        Assert.Equal(Now + 7000, _engine.EarliestTsc);
    }

    [Fact]
    public void EveryPeriodIsCountedOnceWhateverTheDelays()
        => Gen.Select(Gen.ULong[1000, 5000], Gen.ULong[0, 20_000].Array[1, 40]).Sample((period, delays) =>
        {
            _engine.Arm(1, ClockId.Monotonic, 500_000 + period, period, Now);
            ulong now = Now;
            ulong expirations = 0;
            foreach (ulong delay in delays)
            {
                now += delay;
                while (_engine.TryExpire(now, out Expiry expiry))
                {
                    expirations += expiry.Expirations;
                    Assert.True(expiry.Misses <= expiry.Expirations);
                }
            }

            Assert.Equal((now - Now) / 2 / period, expirations);
            _engine.Cancel(1);
        }, threads: 1);

    [Fact]
    public void AStepForwardMakesRealtimeTimersDueAndLeavesTheOthersAlone()
    {
        _engine.Arm(0, ClockId.Realtime, Epoch + 1_000_000, 0, Now);
        _engine.Arm(1, ClockId.Monotonic, 1_500_000, 0, Now);
        _engine.Arm(2, ClockId.Tai, Epoch + LeapSeconds + 1_000_000, 0, Now);
        Step(3_600_000_000_000);
        ulong later = Now + 10_000;
        _engine.Follow(later);
        Assert.Equal(2ul, _engine.Steps);
        HashSet<uint> expired = [];
        while (_engine.TryExpire(later + 100, out Expiry expiry))
        {
            Assert.Equal((1ul, 0ul, 100ul), (expiry.Expirations, expiry.Misses, expiry.Lateness));
            expired.Add(expiry.Timer);
        }

        Assert.Equal([0u, 2u], expired.Order());
        Assert.Equal(Now + 2_000_000, _engine.EarliestTsc);
    }

    [Fact]
    public void AStepForwardOverPeriodsCountsThemAndMissesNone()
    {
        _engine.Arm(0, ClockId.Realtime, Epoch + 1_000, 1_000, Now);
        Step(1_000_000_000);
        _engine.Follow(Now + 20);
        Assert.True(_engine.TryExpire(Now + 40, out Expiry expiry));
        Assert.Equal((1_000_000ul, 0ul), (expiry.Expirations, expiry.Misses));
    }

    [Fact]
    public void AStepForwardThatIsServedLateIsOneMiss()
    {
        _engine.Arm(0, ClockId.Realtime, Epoch + 1_000, 1_000, Now);
        Step(1_000_000_000);
        _engine.Follow(Now + 20);

        // 5,000 ns after the step, of which 1,000 are tolerated: the million at once, and those of the four microseconds after it.
        Assert.True(_engine.TryExpire(Now + 10_020, out Expiry expiry));
        Assert.Equal((1_000_005ul, 5ul), (expiry.Expirations, expiry.Misses));
    }

    [Fact]
    public void AStepBackMakesRealtimeTimersWait()
    {
        _engine.Arm(0, ClockId.Realtime, Epoch + 1_000, 0, Now);
        Step(-5_000);
        _engine.Follow(Now);
        Assert.False(_engine.TryExpire(Now + 11_999, out _));
        Assert.True(_engine.TryExpire(Now + 12_000, out Expiry expiry));
        Assert.Equal(0ul, expiry.Lateness);
    }

    [Fact]
    public void ASlewMovesTheDeadlineButIsNoStep()
    {
        _engine.Arm(0, ClockId.Monotonic, 501_000_000, 0, Now);
        Write(clock => clock->Mult = 1 << 10, clock => clock->Shift = 11);
        Write(clock => clock->Mult = (1 << 10) + 1, clock => clock->BaseTsc = Now + 100);
        _engine.Follow(Now + 100);
        Assert.Equal(0ul, _engine.Steps);
        ulong due = _engine.EarliestTsc;
        Assert.True(due < Now + 1_001_000_000);
        Assert.False(_engine.TryExpire(due - 1, out _));
        Assert.True(_engine.TryExpire(due, out _));
    }

    [Fact]
    public void AHungLinuxLeavesTheLastConversion()
    {
        _engine.Arm(0, ClockId.Monotonic, 501_000, 0, Now);
        _clock->Sequence = 3; // in the middle of an update, for ever
        _clock->Mult = 77;
        _engine.Follow(Now + 10);
        Assert.Equal(Now + 2000, _engine.EarliestTsc);
        Assert.True(_engine.TryExpire(Now + 2000, out _));
    }

    [Fact]
    public void CancelledAndRearmedTimersDoNotExpireTwice()
    {
        _engine.Arm(5, ClockId.Tsc, Now + 10, 0, Now);
        _engine.Arm(5, ClockId.Monotonic, 600_000, 0, Now);
        Assert.Equal(1, _engine.ArmedCount);
        Assert.False(_engine.TryExpire(Now + 1000, out _));
        Assert.True(_engine.Cancel(5));
        Assert.False(_engine.Cancel(5));
        Assert.False(_engine.TryExpire(ulong.MaxValue, out _));
    }

    private void Step(long ns) => Write(clock => clock->RealtimeNs += (ulong)ns, clock => clock->TaiNs += (ulong)ns);

    private delegate void Change(ClockLayout* clock);

    private void Write(params Change[] changes)
    {
        _clock->Sequence++;
        foreach (Change change in changes)
        {
            change(_clock);
        }

        _clock->Sequence++;
    }
}

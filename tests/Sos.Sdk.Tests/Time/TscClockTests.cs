using System.Numerics;
using System.Runtime.InteropServices;
using System.Threading;
using CsCheck;
using Sos.Sdk.Control;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Sdk.Tests.Time;

public sealed unsafe class TscClockTests
{
    private static readonly BigInteger Wrap = BigInteger.One << 64;

    [Fact]
    public void ConvertsIn128Bits()
        => Gen.Select(Gen.ULong, Gen.ULong, Gen.UInt[0, 63]).Sample((ticks, mult, shift) =>
        {
            ClockLayout shared = new() { Mult = mult, Shift = shift };
            TscClock clock = new(&shared);
            return clock.NanosecondsFromTicks(ticks) == (ulong)((((BigInteger)ticks * mult) >> (int)shift) % Wrap);
        });

    [Fact]
    public void AYearOfUptimeLosesNothing()
    {
        // 2.1 GHz with the multiplier that Linux would take: the 64-bit product overflows after minutes.
        const ulong Khz = 2_100_000;
        const int Shift = 32;
        ClockLayout shared = new() { Mult = (ulong)((1_000_000UL << Shift) / (double)Khz), Shift = Shift, TscKhz = Khz };
        TscClock clock = new(&shared);
        ulong year = 365UL * 24 * 3600;
        ulong expected = year * 1_000_000_000;
        Assert.InRange(clock.NanosecondsFromTicks(year * Khz * 1000), expected - (expected / 1_000_000), expected + (expected / 1_000_000));
        Assert.Equal(year * Khz * 1000, clock.TicksFromNanoseconds(expected));
    }

    [Fact]
    public void TicksOfNanosecondsAreExactAndRoundedDown()
        => Gen.Select(Gen.ULong[0, 1_000_000_000_000_000_000], Gen.ULong[1, 10_000_000]).Sample((ns, khz) =>
        {
            ClockLayout shared = new() { TscKhz = khz };
            BigInteger exact = (BigInteger)ns * khz / 1_000_000;
            return exact >= Wrap || new TscClock(&shared).TicksFromNanoseconds(ns) == (ulong)exact;
        });

    /// <summary>A deadline is due exactly from the TSC that <see cref="TscClock.TscAt"/> tells: not a tick earlier, not one later.</summary>
    [Fact]
    public void TscAtIsTheFirstTickThatHasComeThere()
        => Gen.Select(Gen.ULong[1, uint.MaxValue], Gen.UInt[0, 40], Gen.ULong[0, 1UL << 50], Gen.Int[1, 3]).Sample((mult, shift, ns, clock) =>
        {
            ClockLayout shared = new() { Mult = mult, Shift = shift, BaseTsc = 1 << 20, MonotonicNs = 5, RealtimeNs = 1UL << 60, TaiNs = 1UL << 61 };
            TscClock reader = new(&shared);
            ulong start = reader.Read((ClockId)clock, 1 << 20);
            ulong tsc = reader.TscAt((ClockId)clock, start + ns);
            BigInteger exact = (((BigInteger)ns << (int)shift) + mult - 1) / mult;
            if (exact >= Wrap - (1 << 20))
            {
                return tsc == ulong.MaxValue;
            }

            return tsc - (1 << 20) == (ulong)exact
                && ((((BigInteger)(tsc - (1 << 20)) * mult) >> (int)shift) >= ns)
                && (exact == 0 || ((((BigInteger)(tsc - (1 << 20) - 1) * mult) >> (int)shift) < ns));
        });

    [Fact]
    public void FollowsWhatLinuxChangesAndOnlyThat()
    {
        ClockLayout shared = new() { Sequence = 2, Mult = 1 };
        TscClock clock = new(&shared);
        Assert.False(clock.Follow());
        shared.RealtimeNs = 77;
        shared.Sequence = 4;
        Assert.True(clock.Follow());
        Assert.Equal((77UL, 0UL), (clock.OffsetNs(ClockId.Realtime), clock.OffsetNs(ClockId.Monotonic)));
        Assert.False(clock.Follow());
        shared.Sequence = 5;
        Assert.False(clock.Follow());
    }

    [Fact]
    public void TellsTheThreeClocksBeforeAndAfterTheUpdate()
    {
        ClockLayout shared = new()
        {
            Mult = 1,
            Shift = 1,
            BaseTsc = 1000,
            MonotonicNs = 50_000,
            RealtimeNs = 1_700_000_000_000_000_000,
            TaiNs = 1_700_000_037_000_000_000,
        };
        TscClock clock = new(&shared);
        Assert.Equal(50_000UL, clock.MonotonicNs(1000));
        Assert.Equal(50_050UL, clock.MonotonicNs(1100));
        Assert.Equal(49_950UL, clock.MonotonicNs(900));
        Assert.Equal(1_700_000_000_000_000_050UL, clock.RealtimeNs(1100));
        Assert.Equal(1_700_000_037_000_000_050UL, clock.TaiNs(1100));
    }

    [Fact]
    public void AnUpdateInProgressLeavesTheFormerCopy()
    {
        ClockLayout shared = new() { Mult = 1, MonotonicNs = 100, TscKhz = 7, Sequence = 2 };
        TscClock clock = new(&shared);
        shared.Sequence = 3;
        shared.MonotonicNs = 999;
        Assert.False(clock.TryRefresh());
        Assert.Equal(100UL, clock.MonotonicNs(0));
        shared.Sequence = 4;
        Assert.True(clock.TryRefresh());
        Assert.Equal(999UL, clock.MonotonicNs(0));
    }

    [Fact]
    public void AClockThatLinuxHasNotToldYetStandsStill()
    {
        ClockLayout shared = new() { Sequence = 1, Mult = 5, MonotonicNs = 5, TscKhz = 5 };
        TscClock clock = new(&shared);
        Assert.Equal((0UL, 0UL, 0UL), (clock.TscKhz, clock.MonotonicNs(1000), clock.TicksFromNanoseconds(1000)));
    }

    [Fact]
    public void AnImpossibleShiftIsNotTakenOver()
    {
        ClockLayout shared = new() { Mult = 1, Shift = 64, MonotonicNs = 5 };
        TscClock clock = new(&shared);
        Assert.Equal(0UL, clock.MonotonicNs(1000));
        shared.Shift = 63;
        Assert.True(clock.TryRefresh());
        Assert.Equal(5UL, clock.MonotonicNs(1000));
    }

    [Fact]
    public void FollowsASlewWithoutAStep()
    {
        // Linux slows its clock by 1/1024 from TSC 10,240 on: the same time there, another pace behind.
        ClockLayout shared = new() { Mult = 1024, Shift = 10 };
        TscClock clock = new(&shared);
        ulong before = clock.MonotonicNs(10_240);
        shared.Sequence = 2;
        shared.Mult = 1023;
        shared.BaseTsc = 10_240;
        shared.MonotonicNs = before;
        Assert.True(clock.TryRefresh());
        Assert.Equal(before, clock.MonotonicNs(10_240));
        Assert.Equal(before + 10_230, clock.MonotonicNs(20_480));
    }

    [Fact]
    public void NoReadIsTornWhileAnotherThreadUpdates()
    {
        ClockLayout* shared = (ClockLayout*)NativeMemory.AllocZeroed(ClockLayout.Size);
        shared->Mult = 1;
        bool stop = false;
        Thread linux = new(() =>
        {
            for (ulong i = 1; i < 2_000_000 && !Volatile.Read(ref stop); i++)
            {
                Volatile.Write(ref shared->Sequence, shared->Sequence + 1);
                Volatile.WriteBarrier();
                shared->MonotonicNs = i;
                shared->RealtimeNs = i;
                shared->TaiNs = i;
                Volatile.Write(ref shared->Sequence, shared->Sequence + 1);
            }
        });
        linux.Start();
        TscClock clock = new(shared);
        ulong last = 0;
        for (int i = 0; i < 200_000; i++)
        {
            clock.TryRefresh();
            ulong now = clock.MonotonicNs(0);
            Assert.Equal((now, now), (clock.RealtimeNs(0), clock.TaiNs(0)));
            Assert.True(now >= last);
            last = now;
        }

        Volatile.Write(ref stop, true);
        linux.Join();
        NativeMemory.Free(shared);
    }
}

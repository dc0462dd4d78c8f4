using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Sdk.Tests.Time;

public sealed class TimingWheelTests
{
    private const ulong Khz = 2_100_000;

    [Fact]
    public void ATickIsAPowerOfTwoOfCyclesWithinAMicrosecond()
    {
        using TestArena arena = new();
        Assert.True(TimingWheel.TryCreate(arena.Arena, 4, Khz, 0, out TimingWheel wheel));
        Assert.Equal(2048UL, wheel.TickCycles);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL << 40)]
    [InlineData(ulong.MaxValue - (1UL << 30))]
    public void ExpiresAtTheDeadlineAndNotBefore(ulong start)
    {
        foreach (ulong delay in new ulong[] { 1, 2047, 2048, 2049, 131_072, 8_400_000, 1UL << 29 })
        {
            using TestArena arena = new();
            Assert.True(TimingWheel.TryCreate(arena.Arena, 4, Khz, start, out TimingWheel wheel));
            Assert.True(wheel.TryArm(start + delay, 7, out _));
            Assert.False(wheel.TryExpire(start + delay - 1, out _));
            Assert.True(wheel.TryExpire(start + delay + wheel.TickCycles, out ulong cookie));
            Assert.Equal(7UL, cookie);
            Assert.Equal(0, wheel.ArmedCount);
        }
    }

    [Fact]
    public void APassedDeadlineExpiresAtOnceAndTheLastOneWaits()
    {
        using TestArena arena = new();
        Assert.True(TimingWheel.TryCreate(arena.Arena, 4, Khz, 1_000_000, out TimingWheel wheel));
        Assert.True(wheel.TryArm(5, 1, out _));
        Assert.True(wheel.TryArm(ulong.MaxValue, 2, out _));
        Assert.True(wheel.TryExpire(1_000_000, out ulong cookie));
        Assert.Equal(1UL, cookie);
        Assert.False(wheel.TryExpire(ulong.MaxValue - 4096, out _));
        Assert.Equal(1, wheel.ArmedCount);
    }

    [Fact]
    public void HoldsAsManyTimersAsStatedAndForgetsStaleNames()
    {
        using TestArena arena = new();
        Assert.True(TimingWheel.TryCreate(arena.Arena, 2, Khz, 0, out TimingWheel wheel));
        Assert.True(wheel.TryArm(5000, 1, out TimerId first));
        Assert.True(wheel.TryArm(5000, 2, out _));
        Assert.False(wheel.TryArm(5000, 3, out _));
        Assert.True(wheel.Cancel(first));
        Assert.False(wheel.Cancel(first));
        Assert.True(wheel.TryArm(9000, 4, out TimerId again));
        Assert.Equal(first.Index, again.Index);
        Assert.False(wheel.Cancel(first));
        Assert.Equal(2, wheel.ArmedCount);
        Assert.Throws<NullReferenceException>(() => wheel.Cancel(new TimerId(2, 1)));
    }

    /// <summary>Against a sorted list as the model: the same timers expire, each in the step in which its tick comes.</summary>
    [Fact]
    public void BehavesAsASortedListWould()
    {
        Gen<(int Operation, ulong Amount)[]> steps = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 36], Gen.ULong)
            .Select((operation, bits, random) => (operation, random & ((1UL << bits) - 1)))
            .Array[1, 300];
        steps.Sample(
            run =>
            {
                using TestArena arena = new();
                ulong now = 123_456_789;
                TimingWheel.TryCreate(arena.Arena, 64, Khz, now, out TimingWheel wheel);
                Dictionary<ulong, (ulong Tick, TimerId Id)> model = [];
                ulong cookie = 0;
                foreach ((int operation, ulong amount) in run)
                {
                    if (operation < 5)
                    {
                        bool armed = wheel.TryArm(now + amount, ++cookie, out TimerId id);
                        Assert.Equal(model.Count < 64, armed);
                        if (armed)
                        {
                            model[cookie] = ((now + amount + wheel.TickCycles - 1) / wheel.TickCycles, id);
                        }
                    }
                    else if (operation < 7 && model.Count > 0)
                    {
                        ulong victim = model.Keys.ElementAt((int)(amount % (ulong)model.Count));
                        Assert.True(wheel.Cancel(model[victim].Id));
                        model.Remove(victim);
                    }
                    else
                    {
                        now += amount;
                        HashSet<ulong> expected = [.. model.Where(t => t.Value.Tick <= now / wheel.TickCycles).Select(t => t.Key)];
                        HashSet<ulong> expired = [];
                        while (wheel.TryExpire(now, out ulong due))
                        {
                            Assert.True(expired.Add(due));
                            model.Remove(due);
                        }

                        Assert.Equal(expected, expired);
                    }

                    Assert.Equal(model.Count, wheel.ArmedCount);
                }
            },
            iter: 300);
    }
}

using CsCheck;
using Sos.Traffic.Wire;
using Xunit;

namespace Sos.Demo.Tests;

public sealed class FloodPaceTests
{
    private const long Second = 1_000_000_000;

    [Fact]
    public void NothingIsDueAtFirstAndWithRateZero()
    {
        Assert.Equal(0, new FloodPace(1000, 10).Due(5));
        FloodPace none = new(0, 10);
        Assert.Equal(0, none.Due(0));
        Assert.Equal(0, none.Due(Second));
        Assert.Equal(0, none.Late);
    }

    [Fact]
    public void WhatIsDueAtOnceIsBoundedAndTheRestIsLate()
    {
        FloodPace pace = new(1000, 10);
        _ = pace.Due(0);
        Assert.Equal(10, pace.Due(Second));
        Assert.Equal(990, pace.Late);
        Assert.Equal(1, pace.Due(Second + (Second / 1000)));
    }

    [Fact]
    public void SentAndLateAddUpToTheRateHoweverOftenItIsAsked() => Gen.Select(
        Gen.Long[1, 2_000_000], Gen.Int[1, 500], Gen.Long[1, 20_000_000].Array[1, 200])
        .Sample((rate, burst, steps) =>
        {
            FloodPace pace = new(rate, burst);
            _ = pace.Due(0);
            long now = 0;
            long sent = 0;
            foreach (long step in steps)
            {
                now += step;
                int due = pace.Due(now);
                Assert.InRange(due, 0, burst);
                sent += due;
            }

            Assert.Equal((long)((System.Int128)rate * now / Second), sent + pace.Late);
        });
}

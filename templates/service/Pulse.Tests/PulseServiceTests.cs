using Sos.Sdk.Testing;
using Xunit;

namespace Pulse.Tests;

public class PulseServiceTests
{
    [Fact]
    public void BeatsAreCounted()
    {
        using ServiceHarness<PulseService> harness = new(new HarnessOptions { Parameters = "period-ms=10\n" });
        Assert.Equal(0, harness.Start());

        // The time is whatever the test says; 10 ms are at most 10^8 ticks.
        for (ulong now = 1; now <= 1_000_000_001; now += 100_000_000)
        {
            harness.PollAt(now);
        }

        Assert.InRange(harness.Counter("pulse.beats"), 1UL, 10UL);
        Assert.Contains(harness.TakeLog(), entry => entry.Text == "beat");
    }

    [Fact]
    public void APeriodOfNoTimeIsRefused()
    {
        using ServiceHarness<PulseService> harness = new(new HarnessOptions { Parameters = "period-ms=0\n" });
        Assert.Equal(1, harness.Start());
    }
}

using System.Collections.Generic;
using System.Threading.Tasks;
using Sos.Demo.Scenes;
using Xunit;

namespace Sos.Demo.Tests;

public sealed class RateSearchTests
{
    [Fact]
    public async Task FindsTheLastRateThatWasCarriedLessAMargin()
    {
        (long rate, IReadOnlyList<RateStep> steps) =
            await RateSearch.RunAsync(offered => Task.FromResult(offered > 100_000 ? 0.2 : 0));
        Assert.InRange(rate, (long)(100_000 / RateSearch.Growth * RateSearch.Margin), (long)(100_000 * RateSearch.Margin));
        Assert.True(steps[^1].PacketsPerSecond > 100_000 && steps[^1].PacketsPerSecond == steps[^2].PacketsPerSecond);
    }

    [Fact]
    public async Task OneBadSecondIsForgiven()
    {
        int probes = 0;
        (long rate, _) = await RateSearch.RunAsync(offered => Task.FromResult(probes++ == 3 || offered > 500_000 ? 0.2 : 0));
        Assert.True(rate > 200_000);
    }

    [Fact]
    public async Task ALabThatCarriesNothingGivesZero() =>
        Assert.Equal(0, (await RateSearch.RunAsync(_ => Task.FromResult(1.0))).PacketsPerSecond);
}

using Sos.Traffic.Wire;
using Xunit;

namespace Sos.Demo.Tests;

public sealed class SplitRingTests
{
    [Theory]
    [InlineData(5, 6, 5, true)] // the mark itself was passed
    [InlineData(5, 5, 4, false)] // not yet
    [InlineData(5, 7, 6, false)] // before this time
    [InlineData(65535, 0, 65535, true)] // around the end
    [InlineData(0, 2, 65534, true)]
    public void AnEventIsDueWhenTheMarkWasPassed(int mark, int now, int before, bool due) =>
        Assert.Equal(due, SplitRing.NeedsEvent((ushort)mark, (ushort)now, (ushort)before));
}

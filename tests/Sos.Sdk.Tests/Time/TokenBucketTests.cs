using CsCheck;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Sdk.Tests.Time;

public sealed class TokenBucketTests
{
    [Fact]
    public void ABurstAndThenTheRate()
    {
        TokenBucket bucket = new(ticksPerToken: 100, burst: 3, now: 1000);
        Assert.True(bucket.TryTake(3, 1000));
        Assert.False(bucket.TryTake(1, 1099));
        Assert.Equal(1100ul, bucket.ReadyAt(1));
        Assert.True(bucket.TryTake(1, 1100));
        Assert.True(bucket.TryTake(3, 1_000_000));
        Assert.False(bucket.TryTake(1, 1_000_000));
    }

    /// <summary>Over any time no more pass than burst and rate allow, and whoever asks at the right time gets all of it.</summary>
    [Fact]
    public void NeverMoreThanTheRateAndNoTokenIsLost()
        => Gen.Select(Gen.ULong[1, 1000], Gen.UInt[1, 20], Gen.ULong[0, 500].Array[1, 200]).Sample((ticks, burst, pauses) =>
        {
            TokenBucket bucket = new(ticks, burst, 0);
            ulong now = 0;
            ulong taken = 0;
            foreach (ulong pause in pauses)
            {
                now += pause;
                while (bucket.TryTake(1, now))
                {
                    taken++;
                }

                Assert.True(taken <= burst + (now / ticks));
                Assert.True(bucket.ReadyAt(1) > now && bucket.ReadyAt(1) <= now + ticks);
            }
        });
}

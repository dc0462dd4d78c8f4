using System.Runtime.CompilerServices;

namespace Sos.Sdk.Time;

/// <summary>
/// Limits ICMP errors as Linux does with its defaults: one a second to each destination after six (icmp_ratelimit), and 1,000 a second after 50 in all
/// (icmp_msgs_per_sec). Destinations share 256 places: one that takes another's place begins anew, under the limit of all.
/// </summary>
public struct ErrorLimit
{
    private const int PlacesMax = 256;
    private const uint BurstOfOne = 6;
    private const uint BurstOfAll = 50;
    private const uint PerSecond = 1000;

    private readonly ulong _ticksPerSecond;
    private TokenBucket _all;
    private PlaceArray _places;

    /// <summary>Begins with all limits untouched.</summary>
    /// <param name="ticksPerSecond">TSC ticks of a second.</param>
    /// <param name="now">The TSC.</param>
    public ErrorLimit(ulong ticksPerSecond, ulong now)
    {
        _ticksPerSecond = ticksPerSecond;
        _all = new TokenBucket(ticksPerSecond / PerSecond, BurstOfAll, now);
    }

    /// <summary>Whether an error may be sent now.</summary>
    /// <param name="destination">A hash of the address that it goes to.</param>
    /// <param name="now">The TSC.</param>
    public bool TryTake(ulong destination, ulong now)
    {
        ref Place place = ref _places[(int)((destination * 0x9e37_79b9_7f4a_7c15) >> 56)];
        if (!place.IsUsed || place.Destination != destination)
        {
            place = new Place { IsUsed = true, Destination = destination, Bucket = new TokenBucket(_ticksPerSecond, BurstOfOne, now) };
        }

        return place.Bucket.TryTake(1, now) && _all.TryTake(1, now);
    }

    private struct Place
    {
        public bool IsUsed;
        public ulong Destination;
        public TokenBucket Bucket;
    }

    [InlineArray(PlacesMax)]
    private struct PlaceArray
    {
        private Place _first;
    }
}

using Sos.Firewall.Tables;

namespace Sos.Firewall;

/// <summary>
/// A bucket of nanoseconds, filled and emptied as nft_limit does: with each packet comes the time since the last one, and goes its cost. That of a quota loses
/// each packet's bytes.
/// </summary>
public struct RateBucket
{
    /// <summary>Nanoseconds in it, or bytes of a quota.</summary>
    public ulong Tokens;

    /// <summary>The time of the last packet, in ns.</summary>
    public ulong Last;

    /// <summary>Makes a full bucket.</summary>
    /// <param name="limit">Its limit.</param>
    /// <param name="now">The time in ns.</param>
    public static RateBucket Full(in RateLimit limit, ulong now) => new() { Tokens = limit.TokensMax, Last = now };

    /// <summary>Takes a packet's cost out, if there is so much.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="length">Bytes of the packet, from its IP header on.</param>
    /// <param name="now">The time in ns.</param>
    /// <returns>Whether the rule goes on.</returns>
    public bool Take(in RateLimit limit, uint length, ulong now)
    {
        if (limit.Nanoseconds == 0)
        {
            bool isEnough = length <= Tokens;
            Tokens = isEnough ? Tokens - length : 0; // for good: no packet has no bytes
            return isEnough != (limit.IsOver != 0);
        }

        ulong cost = (limit.CountsBytes != 0 ? limit.Nanoseconds * length : limit.Nanoseconds) / limit.Rate;
        ulong passed = 0;
        if ((long)(now - Last) > 0)
        {
            // A clock that Linux has just corrected may go back for a moment: then no time went by.
            passed = now - Last;
            Last = now;
        }

        ulong free = limit.TokensMax - Tokens;
        ulong tokens = passed < free ? Tokens + passed : limit.TokensMax;
        bool isWithin = cost <= tokens;
        Tokens = isWithin ? tokens - cost : tokens;
        return isWithin != (limit.IsOver != 0);
    }
}

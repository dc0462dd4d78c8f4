using System.Runtime.CompilerServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;

namespace Sos.Firewall;

/// <summary>
/// The buckets of a table's limits, filled and emptied as nft_limit does: with each packet comes the time since the last, up to the bucket's size, and goes its
/// cost if there is so much. Those of quotas lose each packet's bytes, until one is larger than what is left. They stand beside the table, which
/// nobody writes to.
/// </summary>
public struct RateLimits
{
    private Buckets _buckets;
    private ulong _now;

    /// <summary>Whether the table has a limit, so that the time matters.</summary>
    public bool IsUsed { get; private set; }

    /// <summary>Takes over the limits of a table, each with a full bucket, as Linux does with rules that are loaded.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="now">The time in ns.</param>
    public void Begin(in FirewallTable table, ulong now)
    {
        IsUsed = false;
        _now = now;
        MemoryBlock<SetDescriptor> sets = table.Sets;
        for (int i = 0; i < sets.Length; i++)
        {
            ref readonly SetDescriptor set = ref sets[i];
            if (set.Kind == SetKind.Limit)
            {
                _buckets[(int)set.Count] = RateBucket.Full(in table.Limit(in set), now);
                IsUsed = true;
            }
        }
    }

    /// <summary>Tells the time of the packets that follow.</summary>
    /// <param name="now">The time in ns.</param>
    public void SetTime(ulong now) => _now = now;

    /// <summary>Takes a packet's cost out of a limit's bucket, if there is so much in it.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="number">Its number.</param>
    /// <param name="length">Bytes of the packet, from its IP header on.</param>
    /// <returns>Whether the rule goes on.</returns>
    public bool Take(in RateLimit limit, uint number, uint length) => _buckets[(int)number].Take(in limit, length, _now);

    [InlineArray(FirewallHeader.LimitsMax)]
    private struct Buckets
    {
        private RateBucket _first;
    }
}

using System.Runtime.CompilerServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;

namespace Sos.Firewall;

/// <summary>The bytes that a table's quotas have counted, as nft_quota counts them. They stand beside the table, which nobody writes to.</summary>
public struct ByteQuotas
{
    private Amounts _used;

    /// <summary>Takes over the quotas of a table, each with what the rules say is used, as Linux does with rules that are loaded.</summary>
    /// <param name="table">A valid table.</param>
    public void Begin(in FirewallTable table)
    {
        MemoryBlock<SetDescriptor> sets = table.Sets;
        for (int i = 0; i < sets.Length; i++)
        {
            ref readonly SetDescriptor set = ref sets[i];
            if (set.Kind == SetKind.Quota)
            {
                _used[(int)set.Count] = table.Quota(in set).Used;
            }
        }
    }

    /// <summary>Adds a packet to a quota, whether there is so much left or not.</summary>
    /// <param name="quota">The quota.</param>
    /// <param name="number">Its number.</param>
    /// <param name="length">Bytes of the packet, from its IP header on.</param>
    /// <returns>Whether the rule goes on.</returns>
    public bool Add(in ByteQuota quota, uint number, uint length)
    {
        ref ulong used = ref _used[(int)number];
        used += length;
        return (used > quota.Bytes) == (quota.IsOver != 0);
    }

    [InlineArray(FirewallHeader.QuotasMax)]
    private struct Amounts
    {
        private ulong _first;
    }
}

using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Bench.Workloads;

/// <summary>Makes workloads of blocked sources: half of the packets come from one of them.</summary>
internal static class PrefixWorkload
{
    /// <summary>Makes one.</summary>
    /// <param name="size">Blocked prefixes.</param>
    /// <param name="hostsOnly">Whether all are single addresses, which a hash can hold.</param>
    /// <param name="tracePackets">Packets, a power of two.</param>
    /// <param name="frameLength">Bytes of a frame.</param>
    public static Workload Make(int size, bool hostsOnly, int tracePackets, int frameLength = 64)
    {
        Random random = new(size);
        List<Prefix> prefixes = MakePrefixes(random, size, hostsOnly);
        (uint First, uint Last)[] merged = Merge(prefixes);
        Trace trace = new(tracePackets, frameLength);
        byte[] expected = new byte[tracePackets];
        for (int i = 0; i < tracePackets; i++)
        {
            Prefix prefix = prefixes[random.Next(prefixes.Count)];
            uint source = random.Next(2) == 0
                ? prefix.Address + (uint)random.NextInt64((long)prefix.Last - prefix.Address + 1)
                : RandomAddress(random);
            byte protocol = random.Next(2) == 0 ? (byte)6 : (byte)17;
            trace.Set(i, source, 0x0a000001, protocol, (ushort)random.Next(1024, 65536), 443);
            expected[i] = IsBlocked(merged, source) ? (byte)0 : (byte)1;
        }

        WorkloadKind kind = hostsOnly ? WorkloadKind.Hosts : WorkloadKind.Prefixes;
        Workload workload = new(kind, size, trace, expected, RulesetJson.Blocking(prefixes), NftText.Blocking(prefixes, hostsOnly))
        {
            IptablesText = NftText.Linear(prefixes),
        };
        workload.WriteRules<(uint Address, uint Length)>(prefixes.Select(prefix => (prefix.Address, (uint)prefix.Length)).ToArray());
        return workload;
    }

    // As in a blocklist: mostly single addresses, many /24s, a few larger networks and odd ones.
    private static List<Prefix> MakePrefixes(Random random, int size, bool hostsOnly)
    {
        HashSet<Prefix> prefixes = [];
        while (prefixes.Count < size)
        {
            int length = hostsOnly ? 32 : random.Next(100) switch { < 60 => 32, < 90 => 24, < 95 => random.Next(25, 32), _ => random.Next(18, 24) };
            uint mask = uint.MaxValue << (32 - length);
            prefixes.Add(new Prefix(RandomAddress(random) & mask, length));
        }

        return [.. prefixes];
    }

    private static uint RandomAddress(Random random) => (uint)random.NextInt64(0x0100_0000, 0xe000_0000);

    private static (uint First, uint Last)[] Merge(List<Prefix> prefixes)
    {
        List<(uint First, uint Last)> merged = [];
        foreach (Prefix prefix in prefixes.OrderBy(prefix => prefix.Address).ThenBy(prefix => prefix.Length))
        {
            if (merged.Count == 0 || prefix.Address > merged[^1].Last)
            {
                merged.Add((prefix.Address, prefix.Last));
            }
        }

        return [.. merged];
    }

    private static bool IsBlocked((uint First, uint Last)[] merged, uint address)
    {
        int at = Array.BinarySearch(merged, (address, uint.MaxValue));
        at = at >= 0 ? at : ~at - 1;
        return at >= 0 && address <= merged[at].Last;
    }
}

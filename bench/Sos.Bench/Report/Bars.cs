using System.Collections.Generic;
using System.Linq;
using Sos.Bench.Measuring;
using Sos.Bench.Workloads;

namespace Sos.Bench.Report;

/// <summary>The bars that the project has set itself, as far as both sides were measured.</summary>
internal static class Bars
{
    private const double LpmShare = 0.1;
    private const double HashShare = 0.25;
    private const int Prefixes = 100_000;

    /// <summary>Compares the best burst of each side.</summary>
    public static List<Bar> Of(IReadOnlyList<Measurement> all)
    {
        List<Bar> bars = [];
        Add(bars, all, $"{WorkloadKind.Prefixes}", Prefixes, "XDP lpm", LpmShare, "a tenth of XDP's LPM trie, 100,000 prefixes");
        Add(bars, all, $"{WorkloadKind.Hosts}", Prefixes, "XDP hash", HashShare, "a quarter of XDP's hash, 100,000 addresses");
        foreach (int size in (int[])[100, 1_000, 10_000])
        {
            Add(bars, all, $"{WorkloadKind.FiveTuples}", size, "rte_acl AVX-512", 1, $"rte_acl at its best, {size:N0} rules");
        }

        Add(bars, all, "MacSwap", 0, "testpmd", 1, "testpmd on net_null, MAC addresses swapped");
        return bars;
    }

    private static void Add(
        List<Bar> bars, IReadOnlyList<Measurement> all, string workload, int size, string peer, double share, string what)
    {
        double? Best(string prefix) => all
            .Where(item => item.Workload == workload && item.Size == size && item.FrameLength == 64 && item.Contender.StartsWith(prefix))
            .Select(item => (double?)item.Net.Median)
            .Min();
        if (Best("SOS") is { } sos && Best(peer) is { } other)
        {
            bars.Add(new Bar(what, sos, other * share));
        }
    }
}

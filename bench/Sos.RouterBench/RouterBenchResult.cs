using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Bench.Measuring;

namespace Sos.RouterBench;

/// <summary>A run.</summary>
/// <param name="Date">When, UTC.</param>
/// <param name="Machine">Kind of CPU, and the kernel.</param>
/// <param name="RealTime">Whether the contenders ran under SCHED_FIFO.</param>
/// <param name="Rounds">Rounds of each comparison.</param>
/// <param name="Missing">Peers that could not run, and why.</param>
/// <param name="Ratios">The router's best burst, of the peer's best; of two cores, times as much as one.</param>
/// <param name="Measurements">All times.</param>
/// <param name="Tables">All tables.</param>
/// <param name="PeerTables">What peers said of theirs.</param>
/// <param name="Instructions">Instructions of a lookup or packet.</param>
internal sealed record RouterBenchResult(
    DateTime Date, string Machine, bool RealTime, int Rounds, IReadOnlyList<string> Missing, IReadOnlyDictionary<string, double> Ratios,
    IReadOnlyList<Measurement> Measurements, IReadOnlyList<RouteTableCost> Tables, IReadOnlyDictionary<string, string> PeerTables,
    IReadOnlyDictionary<string, double> Instructions);

/// <summary>The bars that the project has set itself, as far as both sides were measured.</summary>
internal static class RouterBars
{
    private static readonly (string Ratio, double Limit)[] Limits =
    [
        ("ipv4_lookup_rte_fib", 0.85), ("ipv6_lookup_rte_fib6", 0.6), ("packet_xdp_fib", 0.1), ("packet_linux", 0.05),
        ("packet_xdp_fib_ipv6", 0.1), ("packet_linux_ipv6", 0.05),
    ];

    /// <summary>The ratios that can be told.</summary>
    public static SortedDictionary<string, double> Of(IReadOnlyList<Measurement> all, (double Ran, double Raw)? twoCores)
    {
        SortedDictionary<string, double> ratios = [];

        // Of the three kinds of keys the one that is worst for the router.
        double[] lookups4 = [.. Enum.GetValues<KeyKind>()
            .Select(kind => Ratio(all, RouterBenchRun.LookupName(false, kind), RouterBenchRun.Internet4, "rte_fib")).OfType<double>()];
        Add(ratios, "ipv4_lookup_rte_fib", lookups4.Length == 0 ? null : lookups4.Max());
        Add(ratios, "ipv6_lookup_rte_fib6", Ratio(all, RouterBenchRun.LookupName(true, KeyKind.InRoutes), RouterBenchRun.Internet6, "rte_fib6"));
        Add(ratios, "packet_xdp_fib", Ratio(all, RouterBenchRun.PacketName(false), RouterBenchRun.Internet4, "XDP"));
        Add(ratios, "packet_xdp_fib_ipv6", Ratio(all, RouterBenchRun.PacketName(true), RouterBenchRun.Internet6, "XDP"));
        Add(ratios, "packet_linux", Ratio(all, RouterBenchRun.PacketName(false), RouterBenchRun.Internet4, "Linux"));
        Add(ratios, "packet_linux_ipv6", Ratio(all, RouterBenchRun.PacketName(true), RouterBenchRun.Internet6, "Linux"));
        Add(ratios, "two_cores", twoCores?.Ran);
        Add(ratios, "two_cores_raw", twoCores?.Raw);
        return ratios;
    }

    /// <summary>Says of each ratio whether its bar is met.</summary>
    public static IEnumerable<string> Judge(IReadOnlyDictionary<string, double> ratios)
    {
        foreach ((string ratio, double limit) in Limits.Where(bar => ratios.ContainsKey(bar.Ratio)))
        {
            yield return $"{(ratios[ratio] <= limit ? "met   " : "MISSED")} {ratio}: {ratios[ratio]:F3}, at most {limit}";
        }

        const double twoCores = 1.9;
        if (ratios.TryGetValue("two_cores", out double times))
        {
            string verdict = times >= twoCores ? "met   " : "MISSED";
            yield return $"{verdict} two_cores: {times:F2} times one, at least {twoCores}; by the clock {ratios["two_cores_raw"]:F2}";
        }
    }

    private static double? Ratio(IReadOnlyList<Measurement> all, string workload, int size, string peer)
    {
        double? Best(string contender) => all
            .Where(item => item.Workload == workload && item.Size == size && item.Contender.StartsWith(contender, StringComparison.Ordinal))
            .Select(item => (double?)item.Net.Median)
            .Min();
        return Best("SOS") / Best(peer);
    }

    private static void Add(SortedDictionary<string, double> ratios, string name, double? value)
    {
        if (value is { } known)
        {
            ratios[name] = Math.Round(known, 4);
        }
    }
}

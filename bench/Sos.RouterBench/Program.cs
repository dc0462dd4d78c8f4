using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Sos.Bench;
using Sos.Bench.Contenders;
using Sos.Bench.Measuring;
using Sos.Bench.Report;

namespace Sos.RouterBench;

internal static class Program
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private static int Main(string[] arguments)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        BenchOptions options;
        Placement placement = new();
        RouterBenchRun run;
        try
        {
            options = BenchOptions.Parse(arguments);
            run = new RouterBenchRun(options, placement);
            run.All();
        }
        catch (BenchException wrong)
        {
            Console.Error.WriteLine($"bench-router: {wrong.Message}");
            return 1;
        }

        SortedDictionary<string, double> ratios = RouterBars.Of(run.Measurements, run.TwoCores);
        RouterBenchResult result = new(
            DateTime.UtcNow, DescribeMachine(), placement.RealTime, options.Rounds, run.Missing, ratios, run.Measurements, run.Tables, run.PeerTables,
            run.Instructions);
        Directory.CreateDirectory(options.Output);
        string json = Path.Combine(options.Output, "bench-router.json");
        File.WriteAllText(json, JsonSerializer.Serialize(result, Json));
        foreach ((bool isIpv6, string name) in ((bool, string)[])[(false, "bench-router-ipv4.svg"), (true, "bench-router-ipv6.svg")])
        {
            string chart = Chart(run.Measurements, isIpv6);
            if (chart.Length > 0)
            {
                File.WriteAllText(Path.Combine(options.Output, name), chart);
            }
        }

        foreach (string line in RouterBars.Judge(ratios))
        {
            Console.WriteLine(line);
        }

        Console.WriteLine(json);
        return 0;
    }

    /// <summary>How a lookup's time grows with the routes.</summary>
    private static string Chart(IReadOnlyList<Measurement> all, bool isIpv6) => LineChart.Draw(
        RouterBenchRun.LookupName(isIpv6, KeyKind.InRoutes), "routes",
        all.Where(item => item.Workload == RouterBenchRun.LookupName(isIpv6, KeyKind.InRoutes) && item.Burst == 32)
            .GroupBy(item => item.Contender)
            .Select(group => new ChartLine(group.Key, [.. group.OrderBy(item => item.Size).Select(item => ((double)item.Size, item.Net.Median))]))
            .Where(line => line.Points.Count > 1));

    private static string DescribeMachine()
    {
        string model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) ?? "?";
        string name = model[(model.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        return $"{name}, {Environment.ProcessorCount} CPUs, Linux {Environment.OSVersion.Version}";
    }
}

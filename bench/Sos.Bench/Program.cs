using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Sos.Bench.Contenders;
using Sos.Bench.Report;

namespace Sos.Bench;

internal static class Program
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private static int Main(string[] arguments)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        BenchOptions options;
        Placement placement = new();
        BenchRun run;
        try
        {
            options = BenchOptions.Parse(arguments);
            run = new BenchRun(options, placement);
            run.All();
        }
        catch (BenchException wrong)
        {
            Console.Error.WriteLine($"bench: {wrong.Message}");
            return 1;
        }

        BenchResult result = new(
            DateTime.UtcNow, DescribeMachine(), placement.RealTime, options.Rounds, run.Missing, run.Measurements, run.Tables,
            Bars.Of(run.Measurements));
        Directory.CreateDirectory(options.Output);
        string json = Path.Combine(options.Output, "bench.json");
        string html = Path.Combine(options.Output, "bench.html");
        File.WriteAllText(json, JsonSerializer.Serialize(result, Json));
        HtmlReport.Save(html, result);
        foreach (Bar bar in result.Bars)
        {
            Console.WriteLine($"{(bar.IsMet ? "met   " : "MISSED")} {bar.What}: {bar.Sos:F1} of {bar.Limit:F1} ns");
        }

        Console.WriteLine($"{json}\n{html}");
        return 0;
    }

    private static string DescribeMachine()
    {
        string model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) ?? "?";
        string name = model[(model.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        return $"{name}, {Environment.ProcessorCount} CPUs, Linux {Environment.OSVersion.Version}";
    }
}

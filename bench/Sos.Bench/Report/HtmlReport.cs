using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using Sos.Bench.Measuring;
using Sos.Bench.Workloads;

namespace Sos.Bench.Report;

/// <summary>The run as one page without anything from elsewhere.</summary>
internal static class HtmlReport
{
    private const string Style = """
        body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #22303c; max-width: 1340px; margin: 2em auto; padding: 0 1em }
        h1 { margin-bottom: 0 } p.note { color: #67727e; margin-top: .2em }
        table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .3em .9em; text-align: right; border-bottom: 1px solid #e3e7eb }
        th:first-child, td:first-child { text-align: left } tr.sos td { font-weight: 600; color: #1f7a8c }
        .met { color: #2c7a3f; font-weight: 600 } .missed { color: #b3261e; font-weight: 600 }
        .charts { display: flex; flex-wrap: wrap; gap: 1em } svg { border: 1px solid #e3e7eb; border-radius: 6px }
        """;

    /// <summary>Writes the page, and its charts beside it as SVG files.</summary>
    public static void Save(string path, BenchResult result)
    {
        StringBuilder html = new();
        html.AppendLine("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>SOS bench</title>")
            .AppendLine($"<style>{Style}</style><h1>The firewall beside its peers</h1>")
            .AppendLine(CultureInfo.InvariantCulture, $"<p class=\"note\">{result.Date:yyyy-MM-dd HH:mm} UTC, {Text(result.Machine)}; ")
            .AppendLine(CultureInfo.InvariantCulture, $"{result.Rounds} interleaved rounds, one core{(result.RealTime ? ", SCHED_FIFO" : string.Empty)}; ")
            .AppendLine("medians [least–most], what stands for the card subtracted. Only ratios within one run count.</p>");
        AppendBars(html, result);
        List<string> charts = [.. Charts(result).Where(chart => chart.Length != 0)];
        if (charts.Count != 0)
        {
            html.AppendLine("<div class=\"charts\">").AppendJoin('\n', charts).AppendLine("</div>");
        }

        AppendMeasurements(html, result);
        AppendTables(html, result);
        File.WriteAllText(path, html.AppendLine("</html>").ToString());
    }

    /// <summary>The charts.</summary>
    public static IEnumerable<string> Charts(BenchResult result)
    {
        yield return LineChart.Draw(
            "Blocked prefixes", "prefixes in the set",
            [
                Line(result, "SOS, prefixes", WorkloadKind.Prefixes, "SOS", 32),
                Line(result, "SOS, addresses", WorkloadKind.Hosts, "SOS", 32),
                Line(result, "XDP LPM trie", WorkloadKind.Prefixes, "XDP lpm", 1),
                Line(result, "XDP hash", WorkloadKind.Hosts, "XDP hash", 1),
                Line(result, "nft intervals*", WorkloadKind.Prefixes, "nftables*", 1),
                Line(result, "nft hash*", WorkloadKind.Hosts, "nftables*", 1),
                Line(result, "iptables linear*", WorkloadKind.Hosts, "iptables*", 1),
            ]);
        yield return LineChart.Draw(
            "Rules over five fields", "rules",
            [
                Line(result, "SOS, burst 64", WorkloadKind.FiveTuples, "SOS", 64),
                Line(result, "SOS, burst 32", WorkloadKind.FiveTuples, "SOS", 32),
                Line(result, "rte_acl AVX-512", WorkloadKind.FiveTuples, "rte_acl AVX-512", 256),
                Line(result, "rte_acl AVX2", WorkloadKind.FiveTuples, "rte_acl AVX2", 256),
            ]);
        yield return LineChart.Draw(
            "Packets of a burst, SOS", "packets of a burst",
            result.Measurements.Where(item => item.Contender == "SOS" && item.FrameLength == 64 && item.Workload != "MacSwap")
                .GroupBy(item => (item.Workload, item.Size))
                .Where(group => group.Key is ("Hosts", _) or ("FiveTuples", 1_000))
                .Select(group => new ChartLine($"{group.Key.Size:N0} {group.Key.Workload}", [.. group.Select(item => ((double)item.Burst, item.Net.Median))])));
    }

    private static ChartLine Line(BenchResult result, string name, WorkloadKind kind, string contender, int burst) => new(
        name,
        [.. result.Measurements
            .Where(item => item.Workload == $"{kind}" && item.Contender == contender && item.Burst == burst && item.FrameLength == 64)
            .OrderBy(item => item.Size)
            .Select(item => ((double)item.Size, item.Net.Median))]);

    private static void AppendBars(StringBuilder html, BenchResult result)
    {
        if (result.Bars.Count != 0)
        {
            html.AppendLine("<table><tr><th>bar: at most</th><th>SOS, ns</th><th>bar, ns</th><th></th></tr>");
            foreach (Bar bar in result.Bars)
            {
                html.AppendLine(CultureInfo.InvariantCulture, $"<tr><td>{bar.What}</td><td>{bar.Sos:F1}</td><td>{bar.Limit:F1}</td>")
                    .AppendLine(bar.IsMet ? "<td class=\"met\">met</td></tr>" : "<td class=\"missed\">missed</td></tr>");
            }

            html.AppendLine("</table>");
        }

        foreach (string missing in result.Missing)
        {
            html.AppendLine($"<p class=\"missed\">{Text(missing)}</p>");
        }
    }

    private static void AppendMeasurements(StringBuilder html, BenchResult result)
    {
        foreach (IGrouping<string, Measurement> group in result.Measurements.GroupBy(item => item.Workload))
        {
            html.AppendLine($"<h2>{group.Key}</h2><table><tr><th>contender</th><th>rules</th><th>burst</th><th>frame</th><th>ns per packet</th>")
                .AppendLine("<th>spread</th><th>with harness</th><th>Mpps per core</th></tr>");
            foreach (Measurement item in group)
            {
                html.Append(item.Contender.StartsWith("SOS") ? "<tr class=\"sos\">" : "<tr>")
                    .Append(CultureInfo.InvariantCulture, $"<td>{item.Contender}</td><td>{item.Size:N0}</td><td>{item.Burst}</td><td>{item.FrameLength}</td>")
                    .Append(CultureInfo.InvariantCulture, $"<td>{item.Net.Median:F1}</td><td>{item.Net.Minimum:F1}–{item.Net.Maximum:F1}</td>")
                    .AppendLine(CultureInfo.InvariantCulture, $"<td>{item.Total.Median:F1}</td><td>{item.MppsPerCore:F1}</td></tr>");
            }

            html.AppendLine("</table>");
        }

        if (result.Measurements.Any(item => item.Contender.EndsWith('*')))
        {
            html.Append("<p class=\"note\">* real packets through a veth pair with all of Linux's receive path, nothing subtracted: ")
                .AppendLine("order of magnitude.</p>");
        }
    }

    private static void AppendTables(StringBuilder html, BenchResult result)
    {
        if (result.Tables.Count == 0)
        {
            return;
        }

        html.AppendLine("<h2>Tables</h2><table><tr><th>workload</th><th>rules</th><th>bytes</th><th>per rule</th><th>compile, ms</th>")
            .AppendLine("<th>take over, µs</th><th>instructions per packet</th></tr>");
        foreach (TableCost item in result.Tables)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{item.Workload}</td><td>{item.Size:N0}</td><td>{item.Bytes:N0}</td>")
                .Append(CultureInfo.InvariantCulture, $"<td>{item.BytesPerRule:F0}</td><td>{item.CompileMs:F0}</td><td>{item.SwapUs:F0}</td>")
                .AppendLine(CultureInfo.InvariantCulture, $"<td>{item.InstructionsPerPacket:F0}</td></tr>");
        }

        html.AppendLine("</table>");
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}

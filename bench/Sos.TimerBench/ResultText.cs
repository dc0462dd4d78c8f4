using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Sos.TimerBench;

/// <summary>The table, as Markdown, so that it can go into the docs as it is; and the plot.</summary>
public static class ResultText
{
    /// <summary>Writes one table for each machine and kind.</summary>
    public static void Write(TextWriter output, BenchResult result)
    {
        output.WriteLine(result.Machine);
        foreach (IGrouping<(string Where, string Kind), Measurement> group in result.Measurements.GroupBy(line => (line.Where, line.Kind)))
        {
            output.WriteLine();
            output.WriteLine(group.Key.Kind == "timer"
                ? $"**{group.Key.Where}: a wake-up each millisecond, how late** (us)"
                : $"**{group.Key.Where}: gaps in which the cpu did not run the measuring code** (us)");
            output.WriteLine();
            output.WriteLine("| | load | p50 | p99 | p99.9 | max | |");
            output.WriteLine("|---|---|---|---|---|---|---|");
            foreach (Measurement line in group.OrderBy(line => Array.FindIndex([.. group], other => other.Name == line.Name)).ThenBy(line => line.Load))
            {
                output.WriteLine($"| {line.Name} | {line.Load} | {Us(line.P50)} | {Us(line.P99)} | {Us(line.P999)} | {Us(line.Max)} | {line.Note} |");
            }
        }

        foreach (string failure in result.Failures)
        {
            output.WriteLine();
            output.WriteLine($"not measured: {failure}");
        }
    }

    /// <summary>Draws the longest and the median of each line as bars on a logarithmic scale.</summary>
    public static string Draw(BenchResult result)
    {
        const int rowHeight = 20;
        const int left = 470;
        const int width = 1100;
        int height = (result.Measurements.Count * rowHeight) + 70;
        List<string> svg =
        [
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
            $"<text x=\"{left}\" y=\"20\">median (dark) and longest (light), logarithmic: 10 ns to 1 s</text>",
        ];
        double Length(double? ns) => Math.Clamp(Math.Log10(Math.Max(ns ?? 0, 10)) - 1, 0, 8) / 8 * (width - left - 90);
        void Bar(int y, double length, string colour) => svg.Add(string.Create(
            CultureInfo.InvariantCulture, $"<rect x=\"{left}\" y=\"{y}\" width=\"{length:F0}\" height=\"14\" fill=\"{colour}\"/>"));

        for (int i = 0; i < result.Measurements.Count; i++)
        {
            Measurement line = result.Measurements[i];
            int y = 40 + (i * rowHeight);
            svg.Add($"<text x=\"{left - 8}\" y=\"{y + 12}\" text-anchor=\"end\">{line.Where}, {line.Load}: {line.Name}</text>");
            Bar(y, Length(line.Max), "#9fc5e8");
            Bar(y, Length(line.P50), "#235789");
            svg.Add(string.Create(CultureInfo.InvariantCulture, $"<text x=\"{left + Length(line.Max) + 6:F0}\" y=\"{y + 12}\">{Us(line.Max)} us</text>"));
        }

        svg.Add("</svg>");
        return string.Join('\n', svg);
    }

    private static string Us(double? ns) => ns is { } value
        ? (value / 1000).ToString(value < 10_000 ? "0.00" : value < 1e6 ? "0.0" : "0", CultureInfo.InvariantCulture)
        : "";
}

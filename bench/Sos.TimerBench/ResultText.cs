using System;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Sos.TimerBench;

/// <summary>Writes the results as Markdown tables, so that they can go into the docs as they are.</summary>
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

    /// <summary>Nanoseconds in microseconds; empty without a value.</summary>
    internal static string Us(double? ns) => ns is { } value
        ? (value / 1000).ToString(value < 10_000 ? "0.00" : value < 1e6 ? "0.0" : "0", CultureInfo.InvariantCulture)
        : "";
}

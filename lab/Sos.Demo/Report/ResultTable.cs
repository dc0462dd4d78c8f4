using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Traffic.Clients;

namespace Sos.Demo.Report;

/// <summary>The demo's outcome as a table, side by side.</summary>
internal static class ResultTable
{
    private const int ValueWidth = 16;

    /// <summary>Writes it.</summary>
    public static void Write(TextWriter output, DemoResult result)
    {
        List<(string Name, string Linux, string Sos)> rows = Rows(result);
        int width = rows.Max(row => row.Name.Length) + 2;
        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Linux {result.Kernel}, {result.Cpus} CPUs ({result.Accelerator}), {result.BlockedSources} blocked sources, "
            + $"flood of {result.Sos.FloodPpsOffered:N0} packets/s"));
        output.WriteLine();
        output.WriteLine(Line("", "Linux alone", "with SOS", width));
        output.WriteLine(new string('-', width + (2 * ValueWidth)));
        foreach ((string name, string linux, string sos) in rows)
        {
            output.WriteLine(Line(name, linux, sos, width));
        }

        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"The core ({result.BackEnd} back end) was taken from Linux in {result.ReserveMs:F1} ms and given back in {result.ReleaseMs:F1} ms."));
        foreach (string shortfall in result.Shortfalls)
        {
            output.WriteLine($"NOT AS PROMISED: {shortfall}");
        }
    }

    private static List<(string Name, string Linux, string Sos)> Rows(DemoResult result)
    {
        List<(string, string, string)> rows = [];
        void Add(string name, Func<SceneSummary, string> cell) => rows.Add((name, cell(result.Linux), cell(result.Sos)));
        Add("CPUs that Linux has", scene => Count(ReferenceEquals(scene, result.Sos) ? result.Cpus - 1 : result.Cpus));
        Add("good requests served", scene => Share(scene.GoodShare));
        foreach (RequestKind kind in Enum.GetValues<RequestKind>())
        {
            Add("  " + Name(kind), scene => Share(scene.GoodShareByKind[kind]));
        }

        Add("  before the flood", scene => Share(scene.IdleGoodShare));
        Add("latency, median (lost: 1 s)", scene => Milliseconds(scene.LatencyP50Ms));
        Add("latency, 99th percentile (lost: 1 s)", scene => Milliseconds(scene.LatencyP99Ms));
        Add("  of those served", scene => Milliseconds(scene.ServedLatencyP99Ms));
        Add("  median before the flood", scene => Milliseconds(scene.IdleLatencyP50Ms));
        Add("flood packets offered", scene => Count(scene.FloodOffered));
        Add("  lost by the lab's own wire", scene => Count(scene.FloodLostByLab));
        Add("  lost by the card: ring full", scene => Count(scene.FloodRingFull));
        Add("  dropped by the rules", scene => Count(scene.Dropped));
        Add("good packets lost by the card", scene => Count(scene.GoodRingFull));
        Add("Linux's time in softirqs", scene => Share(scene.SoftirqShare));
        Add("Linux's network interrupts", scene => Count(scene.NetworkInterrupts));
        Add("Linux's network softirqs", scene => Count(scene.NetworkSoftirqs));
        return rows;
    }

    private static string Line(string name, string linux, string sos, int width) =>
        name.PadRight(width) + linux.PadLeft(ValueWidth) + sos.PadLeft(ValueWidth);

    private static string Name(RequestKind kind) => kind switch
    {
        RequestKind.Http => "HTTP, a connection each",
        RequestKind.Ping => "ping",
        _ => "keystrokes over ssh",
    };

    private static string Share(double value) =>
        double.IsNaN(value) ? "-" : string.Create(CultureInfo.InvariantCulture, $"{value * 100:F1} %");

    private static string Milliseconds(double value) =>
        double.IsNaN(value) ? "-" : string.Create(CultureInfo.InvariantCulture, $"{value:F1} ms");

    private static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}

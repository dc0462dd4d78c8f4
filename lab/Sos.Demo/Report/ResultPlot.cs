using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using ScottPlot;
using ScottPlot.MultiplotLayouts;
using ScottPlot.Plottables;
using Sos.Demo.Scenes;
using Sos.Traffic.Clients;

namespace Sos.Demo.Report;

/// <summary>
/// The demo's outcome as a picture: what the good clients got over time, how long it took them, and what the flood brought.
/// </summary>
internal static class ResultPlot
{
    private const int Width = 1200;
    private const int Height = 900;
    private const int Rows = 5;
    private const int Columns = 2;
    private const float LineWidth = 3;
    private const double BinS = 1;
    private const string LinuxName = "Linux and nftables alone";
    private const string SosName = "with SOS";

    private static readonly Color LinuxColor = Color.FromHex("#D9653B");
    private static readonly Color SosColor = Color.FromHex("#1F7A8C");
    private static readonly Color FloodColor = Color.FromHex("#8A94A6");
    private static readonly Color TextColor = Color.FromHex("#22303C");
    private static readonly double[] Shares = [.. Enumerable.Range(0, 1000).Select(index => index / 999.0)];
    private static readonly double[] LatencyDecades = [0, 1, 2, 3];

    /// <summary>Draws it.</summary>
    /// <param name="path">A PNG file.</param>
    public static void Save(string path, DemoResult result, SceneMeasurement linux, SceneMeasurement sos)
    {
        Multiplot picture = new();
        picture.AddPlots(3);
        CustomGrid grid = new();
        grid.Set(picture.GetPlot(0), new GridCell(0, 0, Rows, Columns, 3, 2));
        grid.Set(picture.GetPlot(1), new GridCell(3, 0, Rows, Columns, 2, 1));
        grid.Set(picture.GetPlot(2), new GridCell(3, 1, Rows, Columns, 2, 1));
        picture.Layout = grid;
        DrawServed(picture.GetPlot(0), result, linux, sos);
        DrawLatency(picture.GetPlot(1), linux, sos);
        DrawFlood(picture.GetPlot(2), linux, sos);
        _ = picture.SavePng(path, Width, Height);
    }

    /// <summary>Share served, in percent, of the requests that were due in each second.</summary>
    internal static (double[] TimeS, double[] Percent) ServedOverTime(IReadOnlyList<Request> requests)
    {
        IGrouping<int, Request>[] bins = [.. requests.GroupBy(request => (int)(request.StartS / BinS)).OrderBy(bin => bin.Key)];
        return (
            [.. bins.Select(bin => (bin.Key + 0.5) * BinS)],
            [.. bins.Select(bin => 100.0 * bin.Count(request => request.Served) / bin.Count())]);
    }

    private static void DrawServed(Plot plot, DemoResult result, SceneMeasurement linux, SceneMeasurement sos)
    {
        HorizontalSpan flood = plot.Add.HorizontalSpan(sos.FloodStartS, sos.FloodEndS);
        flood.FillColor = FloodColor.WithAlpha(.14);
        flood.LineWidth = 0;
        foreach ((SceneMeasurement scene, Color color, string name, double share) in
            ((SceneMeasurement, Color, string, double)[])
            [
                (linux, LinuxColor, LinuxName, result.Linux.GoodShare), (sos, SosColor, SosName, result.Sos.GoodShare),
            ])
        {
            (double[] time, double[] percent) = ServedOverTime(scene.Requests);
            AddLine(plot, time, percent, color).LegendText =
                string.Create(CultureInfo.InvariantCulture, $"{name}: {share * 100:F1} % during the flood");
        }

        Text label = plot.Add.Text(
            string.Create(CultureInfo.InvariantCulture, $"flood: {result.Sos.FloodPpsOffered:N0} packets a second"),
            (sos.FloodStartS + sos.FloodEndS) / 2, 108);
        label.LabelAlignment = Alignment.MiddleCenter;
        label.LabelFontColor = FloodColor.Darken(.3);
        label.LabelFontSize = 15;
        plot.Axes.SetLimits(0, linux.Requests.Concat(sos.Requests).Max(request => request.StartS), -4, 116);
        plot.Axes.Left.TickGenerator = Ticks([0, 25, 50, 75, 100], value => $"{value:0} %");
        Style(plot, "Good requests served (HTTP, ping, keystrokes over ssh)", "seconds");
        _ = plot.ShowLegend(Alignment.MiddleCenter);
        plot.Legend.FontSize = 15;
        plot.Legend.OutlineWidth = 0;
        plot.Legend.BackgroundColor = Colors.White.WithAlpha(.85);
        plot.Legend.ShadowColor = Colors.Transparent;
    }

    private static void DrawLatency(Plot plot, SceneMeasurement linux, SceneMeasurement sos)
    {
        foreach ((SceneMeasurement scene, Color color) in ((SceneMeasurement, Color)[])[(linux, LinuxColor), (sos, SosColor)])
        {
            double[] latencies = [.. scene.Requests
                .Where(request => request.StartS >= scene.FloodStartS && request.StartS < scene.FloodEndS)
                .Select(request => request.LatencyMs).Order()];
            if (latencies.Length == 0)
            {
                continue;
            }

            double[] logarithms =
                [.. Shares.Select(share => Math.Log10(Math.Max(0.1, latencies[(int)(share * (latencies.Length - 1))])))];
            _ = AddLine(plot, [.. Shares.Select(share => share * 100)], logarithms, color);
        }

        plot.Axes.SetLimits(0, 100, -0.7, 3.2);
        plot.Axes.Left.TickGenerator = Ticks(LatencyDecades, value => $"{Math.Pow(10, value):0} ms");
        plot.Axes.Bottom.TickGenerator = Ticks([0, 25, 50, 75, 100], value => $"{value:0} %");
        Style(plot, "Latency during the flood (lost: 1000 ms)", "share of requests that were as fast or faster");
    }

    private static void DrawFlood(Plot plot, SceneMeasurement linux, SceneMeasurement sos)
    {
        double top = sos.Samples.Max(sample => sample.OfferedPerSecond) / 1000;
        Scatter offered = AddLine(
            plot,
            [.. sos.Samples.Select(sample => sample.TimeS)],
            [.. sos.Samples.Select(sample => sample.OfferedPerSecond / 1000)],
            FloodColor);
        offered.LineWidth = 2;
        offered.LinePattern = LinePattern.Dashed;
        offered.LegendText = "offered";
        foreach ((SceneMeasurement scene, Color color, string name) in
            ((SceneMeasurement, Color, string)[])[(linux, LinuxColor, LinuxName), (sos, SosColor, SosName)])
        {
            AddLine(
                plot,
                [.. scene.Samples.Select(sample => sample.TimeS)],
                [.. scene.Samples.Select(sample => sample.DeliveredPerSecond / 1000)],
                color).LegendText = name;
        }

        plot.Axes.SetLimits(0, sos.Samples.Max(sample => sample.TimeS), 0, top * 1.5);
        Style(plot, "Flood packets taken from the card, thousands a second", "seconds");
        _ = plot.ShowLegend(Alignment.UpperLeft, Orientation.Horizontal);
        plot.Legend.OutlineWidth = 0;
        plot.Legend.FontSize = 13;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.BackgroundColor = Colors.White.WithAlpha(.85);
    }

    private static Scatter AddLine(Plot plot, double[] x, double[] y, Color color)
    {
        Scatter line = plot.Add.ScatterLine(x, y, color);
        line.LineWidth = LineWidth;
        return line;
    }

    private static void Style(Plot plot, string title, string bottom)
    {
        plot.Title(title, 18);
        plot.XLabel(bottom, 14);
        plot.Axes.Title.Label.Bold = false;
        plot.Axes.Title.Label.ForeColor = TextColor;
        plot.Axes.Bottom.Label.Bold = false;
        plot.Axes.Bottom.Label.ForeColor = TextColor;
        plot.Axes.Color(TextColor);
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Axes.Left.TickLabelStyle.FontSize = 13;
        plot.Axes.Bottom.TickLabelStyle.FontSize = 13;
        plot.Grid.MajorLineColor = FloodColor.WithAlpha(.25);
    }

    private static ScottPlot.TickGenerators.NumericManual Ticks(double[] positions, Func<double, FormattableString> label) =>
        new(positions, [.. positions.Select(position => FormattableString.Invariant(label(position)))]);
}

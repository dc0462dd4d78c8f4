using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;

namespace Sos.TimerBench;

/// <summary>
/// Draws the results as one picture: a panel for each machine, load and kind of measurement, in it a bar for each line from the median to the longest,
/// shortest first. What runs on a core of SOS's has a colour of its own.
/// </summary>
public static class ResultPlot
{
    private const int RowHeight = 20;
    private const int BarHeight = 13;
    private const int TitleHeight = 34;
    private const int PanelGap = 18;
    private const int Top = 64;
    private const int ScaleWidth = 560;
    private const int ValueWidth = 150;
    private const int Margin = 16;

    // An average character of the font, somewhat too wide: labels get room by their length, as no font can be measured here.
    private const double CharacterWidth = 7.2;

    // Powers of ten, in ns: from 10 ns to 10 s.
    private const int FirstDecade = 1;
    private const int LastDecade = 10;

    private const string OursDark = "#1f7a8c", OursLight = "#a9d3dc", OthersDark = "#8a94a6", OthersLight = "#d7dbe2";

    /// <summary>Draws.</summary>
    public static string Draw(BenchResult result)
    {
        List<IGrouping<(string Where, string Load, string Kind), Measurement>> panels =
            [.. result.Measurements.GroupBy(line => (line.Where, line.Load, line.Kind)).OrderBy(panel => panel.Key.Kind).ThenBy(panel => panel.Key.Where)
                .ThenBy(panel => panel.Key.Load)];
        int left = Margin + (int)Math.Ceiling(result.Measurements.Select(line => line.Name.Length).DefaultIfEmpty(0).Max() * CharacterWidth);
        int width = left + ScaleWidth + ValueWidth;
        int height = Top + panels.Sum(panel => TitleHeight + (panel.Count() * RowHeight) + PanelGap) + Margin;
        Drawing drawing = new(left);
        drawing.Add($"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
            + "font-family='DejaVu Sans, sans-serif' font-size='12' fill='#22303c'>");
        drawing.Add("<rect width='100%' height='100%' fill='white'/>");
        drawing.Legend();
        int y = Top;
        foreach (IGrouping<(string Where, string Load, string Kind), Measurement> panel in panels)
        {
            drawing.Panel(Title(panel.Key), [.. panel.OrderBy(line => line.Max)], y);
            y += TitleHeight + (panel.Count() * RowHeight) + PanelGap;
        }

        drawing.Add("</svg>");
        return drawing.ToString();
    }

    /// <summary>Whether a line is about a core that SOS has taken.</summary>
    internal static bool IsOurs(Measurement line) => line.Name.Contains("service core", StringComparison.Ordinal)
        || line.Name.Contains("isolated core", StringComparison.Ordinal) || line.Name.StartsWith("timer service", StringComparison.Ordinal);

    private static string Title((string Where, string Load, string Kind) panel)
    {
        string where = panel.Where == "vm" ? "virtual machine" : "this machine, natively";
        string what = panel.Kind == "timer" ? "how late a wake-up is" : "gaps in which the cpu did something else";
        return $"{where}, {panel.Load}: {what}";
    }

    private sealed class Drawing(int left)
    {
        private readonly List<string> _lines = [];

        public void Add(string line) => _lines.Add(line);

        public override string ToString() => string.Join('\n', _lines);

        public void Legend()
        {
            Add($"<text x='{Margin}' y='24' font-size='16' font-weight='bold'>Timers and noise: from the median to the longest, logarithmic</text>");
            Add($"<rect x='{Margin}' y='36' width='14' height='{BarHeight}' fill='{OursDark}'/><text x='{Margin + 20}' y='47'>on a core of SOS</text>");
            Add($"<rect x='{Margin + 150}' y='36' width='14' height='{BarHeight}' fill='{OthersDark}'/>");
            Add($"<text x='{Margin + 170}' y='47'>on Linux's own cpus</text>");
            Add($"<text x='{Margin + 330}' y='47'>dark: up to the median; light: up to the longest, whose value stands behind the bar</text>");
        }

        public void Panel(string title, IReadOnlyList<Measurement> lines, int top)
        {
            Add($"<text x='{Margin}' y='{top + 14}' font-size='13' font-weight='bold'>{Text(title)}</text>");
            int first = top + TitleHeight;
            for (int decade = FirstDecade; decade <= LastDecade; decade++)
            {
                string x = Number(X(Math.Pow(10, decade)));
                Add($"<line x1='{x}' y1='{first - 4}' x2='{x}' y2='{first + (lines.Count * RowHeight)}' stroke='#e3e7eb'/>");
                Add($"<text x='{x}' y='{first - 8}' text-anchor='middle' font-size='10' fill='#67727e'>{Decade(decade)}</text>");
            }

            for (int i = 0; i < lines.Count; i++)
            {
                Row(lines[i], first + (i * RowHeight));
            }
        }

        private void Row(Measurement line, int y)
        {
            bool ours = IsOurs(line);
            Add($"<text x='{left - 8}' y='{y + 11}' text-anchor='end'{(ours ? $" font-weight='bold' fill='{OursDark}'" : "")}>{Text(line.Name)}</text>");
            Bar(y, line.Max, ours ? OursLight : OthersLight);
            Bar(y, line.P50 ?? 0, ours ? OursDark : OthersDark);
            Add($"<text x='{Number(X(line.Max) + 6)}' y='{y + 11}'>{ResultText.Us(line.Max)} us</text>");
        }

        private void Bar(int y, double ns, string colour)
            => Add($"<rect x='{left}' y='{y}' width='{Number(X(ns) - left)}' height='{BarHeight}' fill='{colour}'/>");

        private double X(double ns)
            => left + (Math.Clamp(Math.Log10(Math.Max(ns, 1)) - FirstDecade, 0, LastDecade - FirstDecade) / (LastDecade - FirstDecade) * ScaleWidth);

        private static string Decade(int decade) => $"{Math.Pow(10, decade % 3):F0} {(decade / 3) switch { 0 => "ns", 1 => "us", 2 => "ms", _ => "s" }}";

        private static string Number(double value) => value.ToString("F1", CultureInfo.InvariantCulture);

        private static string Text(string text) => WebUtility.HtmlEncode(text);
    }
}

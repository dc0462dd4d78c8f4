using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Sos.Bench.Report;

/// <summary>A line of a chart.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Points">Its points, ascending.</param>
internal sealed record ChartLine(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>Draws lines over two logarithmic axes as SVG.</summary>
internal static class LineChart
{
    private const int Width = 640;
    private const int Height = 400;
    private const int Left = 64;
    private const int Right = 150;
    private const int Top = 48;
    private const int Bottom = 52;

    private static readonly string[] Colors = ["#1f7a8c", "#d9653b", "#8a94a6", "#7a4fa3", "#c7a008", "#2f4858", "#b83b5e"];

    /// <summary>Draws.</summary>
    /// <param name="title">What is shown.</param>
    /// <param name="xTitle">What the horizontal axis counts.</param>
    /// <param name="lines">The lines; those without points are left out.</param>
    public static string Draw(string title, string xTitle, IEnumerable<ChartLine> lines)
    {
        List<ChartLine> drawn = [.. lines.Where(line => line.Points.Count > 0)];
        if (drawn.Count == 0)
        {
            return string.Empty;
        }

        (double First, double Last) x = Decades(drawn.SelectMany(line => line.Points.Select(point => point.X)));
        (double First, double Last) y = Decades(drawn.SelectMany(line => line.Points.Select(point => point.Y)));
        double X(double value) => Left + ((Math.Log10(value) - x.First) / (x.Last - x.First) * (Width - Left - Right));
        double Y(double value) => Height - Bottom - ((Math.Log10(value) - y.First) / (y.Last - y.First) * (Height - Top - Bottom));
        StringBuilder svg = new();
        svg.Append($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" width=\"{Width}\" height=\"{Height}\" ")
            .AppendLine("font-family=\"DejaVu Sans, sans-serif\" font-size=\"12\" fill=\"#22303c\">")
            .AppendLine($"<rect width=\"{Width}\" height=\"{Height}\" fill=\"#ffffff\"/>")
            .AppendLine($"<text x=\"{Left}\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{title}</text>")
            .AppendLine($"<text x=\"{Left}\" y=\"40\" fill=\"#67727e\">ns per packet, lower is better</text>")
            .AppendLine($"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 12}\" text-anchor=\"middle\">{xTitle}</text>");
        for (double decade = x.First; decade <= x.Last; decade++)
        {
            double at = X(Math.Pow(10, decade));
            svg.AppendLine($"<line x1=\"{at:F1}\" y1=\"{Top}\" x2=\"{at:F1}\" y2=\"{Height - Bottom}\" stroke=\"#e3e7eb\"/>")
                .AppendLine($"<text x=\"{at:F1}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{Math.Pow(10, decade):N0}</text>");
        }

        for (double decade = y.First; decade <= y.Last; decade++)
        {
            double at = Y(Math.Pow(10, decade));
            svg.AppendLine($"<line x1=\"{Left}\" y1=\"{at:F1}\" x2=\"{Width - Right}\" y2=\"{at:F1}\" stroke=\"#e3e7eb\"/>")
                .AppendLine($"<text x=\"{Left - 8}\" y=\"{at + 4:F1}\" text-anchor=\"end\">{Math.Pow(10, decade):N0}</text>");
        }

        AppendLines(svg, drawn, X, Y);
        return svg.AppendLine("</svg>").ToString();
    }

    private static void AppendLines(StringBuilder svg, List<ChartLine> lines, Func<double, double> x, Func<double, double> y)
    {
        double lowest = double.NegativeInfinity;
        foreach ((ChartLine line, int index) in lines.Select((line, index) => (line, index)).OrderBy(pair => y(pair.line.Points[^1].Y)))
        {
            string color = Colors[index % Colors.Length];
            string width = line.Name.StartsWith("SOS", StringComparison.Ordinal) ? "3.5" : "2";
            svg.AppendLine($"<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" points=\""
                + string.Join(' ', line.Points.Select(point => $"{x(point.X):F1},{y(point.Y):F1}")) + "\"/>");
            foreach ((double px, double py) in line.Points)
            {
                svg.AppendLine($"<circle cx=\"{x(px):F1}\" cy=\"{y(py):F1}\" r=\"3.5\" fill=\"{color}\"/>");
            }

            // Names stand at the lines' ends, and make room for each other.
            double at = Math.Max(y(line.Points[^1].Y) + 4, lowest + 15);
            lowest = at;
            svg.AppendLine($"<text x=\"{Width - Right + 8}\" y=\"{at:F1}\" fill=\"{color}\" font-weight=\"bold\">"
                + $"{line.Name} {line.Points[^1].Y:F0}</text>");
        }
    }

    private static (double First, double Last) Decades(IEnumerable<double> values)
    {
        double[] logarithms = [.. values.Select(value => Math.Log10(Math.Max(value, 0.1)))];
        double first = Math.Floor(logarithms.Min());
        return (first, Math.Max(Math.Ceiling(logarithms.Max()), first + 1));
    }
}

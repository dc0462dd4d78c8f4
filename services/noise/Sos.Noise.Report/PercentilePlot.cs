using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Sos.Noise.Report;

/// <summary>Draws how long gaps are, by percentile, both axes logarithmic, as an SVG picture.</summary>
public static class PercentilePlot
{
    private const int Width = 900;
    private const int Height = 540;
    private const int Left = 80;
    private const int Right = 30;
    private const int Top = 50;
    private const int Bottom = 60;
    private const int Nines = 8; // up to 99.999999 %

    private static readonly string[] Colours = ["#0b6e4f", "#c1292e", "#235789", "#f1a208", "#6a4c93", "#444444"];

    /// <summary>Draws curves.</summary>
    /// <param name="title">What it shows.</param>
    /// <param name="curves">A name and the quantile function (percent to ns) of each.</param>
    public static string Draw(string title, IReadOnlyList<(string Name, Func<double, double> QuantileNs)> curves)
    {
        double[] positions = [.. Enumerable.Range(0, (Nines * 20) + 1).Select(i => i / 20.0)];
        double top = curves.SelectMany(curve => positions.Select(x => curve.QuantileNs(Percent(x)))).Append(100).Max();
        int decades = Math.Max(2, (int)Math.Ceiling(Math.Log10(top)));
        StringBuilder svg = new();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" ");
        svg.AppendLine("font-family=\"sans-serif\" font-size=\"13\">");
        svg.AppendLine("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>");
        Text(svg, Width / 2.0, 28, title, "middle", 16);
        DrawGrid(svg, decades);
        for (int i = 0; i < curves.Count; i++)
        {
            string points = string.Join(' ', positions.Select(x => string.Create(
                CultureInfo.InvariantCulture, $"{X(x):F1},{Y(curves[i].QuantileNs(Percent(x)), decades):F1}")));
            string colour = Colours[i % Colours.Length];
            svg.AppendLine($"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{points}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left + 12}\" y=\"{Top + 10 + (i * 20)}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
            Text(svg, Left + 30, Top + 21 + (i * 20), curves[i].Name, "start", 13);
        }

        return svg.AppendLine("</svg>").ToString();
    }

    private static void DrawGrid(StringBuilder svg, int decades)
    {
        for (int nine = 0; nine <= Nines; nine++)
        {
            Line(svg, X(nine), Top, X(nine), Height - Bottom);
            Text(svg, X(nine), Height - Bottom + 18, Percent(nine).ToString("0.########", CultureInfo.InvariantCulture) + " %", "middle", 11);
        }

        for (int decade = 0; decade <= decades; decade++)
        {
            double y = Y(Math.Pow(10, decade), decades);
            Line(svg, Left, y, Width - Right, y);
            string label = decade < 3 ? $"{Math.Pow(10, decade)} ns" : decade < 6 ? $"{Math.Pow(10, decade - 3)} us"
                : decade < 9 ? $"{Math.Pow(10, decade - 6)} ms" : $"{Math.Pow(10, decade - 9)} s";
            Text(svg, Left - 8, y + 4, label, "end", 12);
        }

        Text(svg, Width / 2.0, Height - 14, "part of all gaps that are not longer", "middle", 13);
    }

    private static double Percent(double nines) => 100 - (100 * Math.Pow(10, -nines));

    private static double X(double nines) => Left + (nines / Nines * (Width - Left - Right));

    private static double Y(double ns, int decades)
        => Height - Bottom - (Math.Clamp(Math.Log10(Math.Max(ns, 1)) / decades, 0, 1) * (Height - Top - Bottom));

    private static void Line(StringBuilder svg, double x1, double y1, double x2, double y2)
        => svg.AppendLine(CultureInfo.InvariantCulture, $"<line x1=\"{x1:F1}\" y1=\"{y1:F1}\" x2=\"{x2:F1}\" y2=\"{y2:F1}\" stroke=\"#dddddd\"/>");

    private static void Text(StringBuilder svg, double x, double y, string text, string anchor, int size)
        => svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{x:F1}\" y=\"{y:F1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{Escape(text)}</text>");

    private static string Escape(string text)
        => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Sos.TimerBench;
using Xunit;

namespace Sos.Bench.Tests;

/// <summary>The picture of make bench-timer: everything fits, in order, and what is SOS's stands out.</summary>
public class ResultPlotTests
{
    private static readonly string[] Names =
    [
        "clock_nanosleep", "noise, SCHED_FIFO thread, isolated cpuset if there can be one", "noise, service core", "noise, isolated core",
        "timer service on an isolated core, idle=pause, client sleeps on the eventfd",
    ];

    // Narrower than the drawing reckons with, and wider than DejaVu Sans at 12 pixels is on an average.
    private const double CharacterWidth = 6.6;

    private static readonly XElement Drawing = XElement.Parse(ResultPlot.Draw(new Sos.TimerBench.BenchResult("x", [.. Lines()], [])));

    [Fact]
    public void EveryLabelFits()
    {
        double width = double.Parse(Drawing.Attribute("width")!.Value, CultureInfo.InvariantCulture);
        List<XElement> labels = [.. Texts().Where(text => text.Attribute("text-anchor")?.Value == "end")];
        Assert.Equal(Lines().Count(), labels.Count);
        Assert.All(labels, label => Assert.True(X(label) - (label.Value.Length * CharacterWidth) >= 0, label.Value));
        Assert.All(Texts().Where(text => text.Attribute("text-anchor") is null),
            text => Assert.True(X(text) + (text.Value.Length * CharacterWidth) <= width, $"{text.Value} at {X(text)} of {width}"));
    }

    [Fact]
    public void APanelHasOnePlaceOneLoadAndOneKindAndIsInOrder()
    {
        string[] titles = [.. Texts().Where(text => text.Attribute("font-size")?.Value == "13").Select(text => text.Value)];
        Assert.Equal(8, titles.Length);
        Assert.Equal(titles, titles.Distinct());

        // The values of each panel: those between two titles.
        List<double> values = [];
        foreach (XElement text in Texts().Where(text => text.Attribute("font-size")?.Value == "13" || text.Value.EndsWith(" us", StringComparison.Ordinal)))
        {
            Match value = Regex.Match(text.Value, @"^([\d.]+) us$");
            if (!value.Success)
            {
                values.Clear();
            }
            else if (text.Attribute("font-size") is null)
            {
                values.Add(double.Parse(value.Groups[1].Value, CultureInfo.InvariantCulture));
                Assert.Equal(values.Order(), values);
            }
        }
    }

    [Fact]
    public void WhatIsOursHasAColourOfItsOwn()
    {
        ILookup<bool, string> colours = Lines().DistinctBy(line => line.Name).ToLookup(ResultPlot.IsOurs, line => line.Name);
        Assert.Equal(3, colours[true].Count());
        foreach (XElement label in Texts().Where(text => text.Attribute("text-anchor")?.Value == "end"))
        {
            Assert.Equal(colours[true].Contains(label.Value), label.Attribute("fill") is not null);
        }
    }

    private static IEnumerable<Measurement> Lines()
        => from place in (string[])["vm", "host"]
           from load in (string[])["loaded", "idle"]
           from kind in (string[])["timer", "noise"]
           from index in Enumerable.Range(0, Names.Length)
           select new Measurement(place, load, kind, Names[index], 100 * (index + 1), null, null, Math.Pow(10, (index * 3 % 5) + 4), "");

    private static IEnumerable<XElement> Texts() => Drawing.Elements().Where(element => element.Name.LocalName == "text");

    private static double X(XElement text) => double.Parse(text.Attribute("x")!.Value, CultureInfo.InvariantCulture);
}

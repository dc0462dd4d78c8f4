using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;

namespace Sos.Torture.Report;

/// <summary>How long each phase of a core's cycle took, in milliseconds.</summary>
/// <param name="Kernel">The kernel series.</param>
internal sealed record CyclePhases(string Kernel)
{
    private readonly SortedDictionary<string, List<double>> _times = new(StringComparer.Ordinal);

    /// <summary>Adds a time.</summary>
    public void Add(string phase, double ms)
    {
        if (!_times.TryGetValue(phase, out List<double>? times))
        {
            _times[phase] = times = [];
        }

        times.Add(ms);
    }

    /// <summary>The phases as JSON: count, median, maximum.</summary>
    public JsonObject ToJson()
    {
        JsonObject phases = new() { ["kernel"] = Kernel };
        foreach ((string phase, List<double> times) in _times)
        {
            phases[phase] = new JsonObject { ["count"] = times.Count, ["median_ms"] = Median(times), ["max_ms"] = times.Max() };
        }

        return phases;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Kernel} cycle, ms, median/max: " + string.Join(", ", _times.Select(phase => string.Create(
        CultureInfo.InvariantCulture, $"{phase.Key} {Median(phase.Value):F0}/{phase.Value.Max():F0}")));

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);
}

using System.Collections.Generic;
using System.Text.Json.Serialization;

namespace Sos.TimerBench;

/// <summary>One line of the table. Times in ns; null where the tool does not tell.</summary>
/// <param name="Where">The machine: "vm" or "host".</param>
/// <param name="Load">"idle" or "loaded".</param>
/// <param name="Kind">"timer": how late a wake-up is; "noise": how long the cpu did something else.</param>
/// <param name="Name">What was measured.</param>
/// <param name="P50">Half are not longer.</param>
/// <param name="P99">99 percent are not longer.</param>
/// <param name="P999">99.9 percent are not longer.</param>
/// <param name="Max">The longest.</param>
/// <param name="Note">What belongs to it.</param>
public sealed record Measurement(string Where, string Load, string Kind, string Name, double? P50, double? P99, double? P999, double Max, string Note);

/// <summary>All of a run.</summary>
/// <param name="Machine">What it ran on.</param>
/// <param name="Measurements">The lines.</param>
/// <param name="Failures">What could not be measured, and why.</param>
public sealed record BenchResult(string Machine, IReadOnlyList<Measurement> Measurements, IReadOnlyList<string> Failures);

/// <summary>How results are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(BenchResult))]
public sealed partial class BenchJson : JsonSerializerContext;

using System.Collections.Generic;
using System.Text.Json.Serialization;

namespace Limiter.Control;

// The JSON documents of 'sosctl limiter'. Keys are added, never renamed.

internal sealed record LimiterDocument(int Cpu, string? Limits, ulong Generation, IReadOnlyList<LimitCounterEntry> Entries);

internal sealed record LimitCounterEntry(string Address, uint PacketsPerSecond, ulong Passed, ulong Dropped);

internal sealed record LimitsAppliedDocument(int Cpu, string Limits, ulong Generation, int Entries);

/// <summary>How the documents are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LimiterDocument))]
[JsonSerializable(typeof(LimitsAppliedDocument))]
internal sealed partial class LimiterDocuments : JsonSerializerContext;

using System.Collections.Generic;
using System.Text.Json.Serialization;

namespace Sos.Timer.Control;

// The JSON documents of 'sosctl timer', as docs/sosctl.md describes them. Keys are added, never renamed.

internal sealed record TimerServedDocument(int Cpu, string Socket);

internal sealed record TimerStatDocument(
    int Cpu, uint Armed, ulong Expirations, ulong Misses, ulong Overruns, ulong ClockSteps, double LatenessMaxNs, double ToleranceNs,
    IReadOnlyList<TimerClientEntry> Clients);

internal sealed record TimerClientEntry(int Client, uint Armed, ulong Expirations, ulong Misses, ulong BadRequests, bool Broken);

internal sealed record TimerListDocument(int Cpu, IReadOnlyList<TimerEntry> Timers);

internal sealed record TimerEntry(int Client, int Timer, string State, ulong Expirations, ulong Misses, ulong Overruns, double LatenessMaxNs);

/// <summary>How the documents are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TimerServedDocument))]
[JsonSerializable(typeof(TimerStatDocument))]
[JsonSerializable(typeof(TimerListDocument))]
internal sealed partial class TimerDocuments : JsonSerializerContext;

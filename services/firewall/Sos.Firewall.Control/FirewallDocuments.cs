using System.Collections.Generic;
using System.Text.Json.Serialization;

namespace Sos.Firewall.Control;

// The JSON documents of 'sosctl firewall', as docs/sosctl.md describes them. Keys are added, never renamed.

internal sealed record RulesCheckedDocument(
    string File, bool Accepted, int? Rules, int? Elements, int? TableBytes, IReadOnlyList<RuleEntry> Diagnostics);

internal sealed record PrefilterCheckedDocument(
    string File, bool Accepted, int Rules, int Elements, int TableBytes, IReadOnlyList<RuleEntry> Diagnostics, int Drops, int Taken, int TakenInPart,
    int Elsewhere, int Logged, IReadOnlyList<DropEntry> Left, IReadOnlyList<string> Notes);

internal sealed record DropEntry(string Place, string? Rule, string Share, string Reason);

internal sealed record ExplainedDocument(
    string Packet, bool Dropped, bool Logged, string Reason, IReadOnlyList<StepEntry> Steps);

internal sealed record StepEntry(int Depth, string Chain, string Rule, string Match, string Outcome, string Doubt);

internal sealed record RuleEntry(string Severity, string Id, string Message, string Place, string? Rule);

internal sealed record RulesAppliedDocument(int Cpu, string File, ulong Generation, int Rules, int Elements, int TableBytes);

internal sealed record FirewallDocument(
    int Cpu, string? Rules, ulong Generation, IReadOnlyList<RuleCounterEntry> Counters, IReadOnlyDictionary<string, ulong> Statistics);

internal sealed record RuleCounterEntry(string Rule, ulong Packets, ulong Bytes);

internal sealed record CapturedDocument(System.DateTime Time, string Packet, string Verdict, uint Length, string Frame);

internal sealed record LoggedDocument(int Level, string Prefix, string Line);

internal sealed record CaptureWrittenDocument(string File, ulong Frames, ulong Wanted);

internal sealed record FlowsDocument(int Cpu, IReadOnlyList<FlowEntry> Flows);

internal sealed record FlowEntry(string Protocol, string From, string To, string? State, IReadOnlyList<string> Status, uint Seconds);

/// <summary>How the documents are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RulesCheckedDocument))]
[JsonSerializable(typeof(PrefilterCheckedDocument))]
[JsonSerializable(typeof(ExplainedDocument))]
[JsonSerializable(typeof(RulesAppliedDocument))]
[JsonSerializable(typeof(FirewallDocument))]
[JsonSerializable(typeof(FlowsDocument))]
[JsonSerializable(typeof(LoggedDocument))]
[JsonSerializable(typeof(CapturedDocument))]
[JsonSerializable(typeof(CaptureWrittenDocument))]
internal sealed partial class FirewallDocuments : JsonSerializerContext;

using System.Collections.Generic;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>A rule or policy on a packet's way.</summary>
/// <param name="Depth">How many jumps lead to it.</param>
/// <param name="Chain">Its chain, with the hook of a base chain.</param>
/// <param name="Text">nft's text of the rule, or the policy.</param>
/// <param name="IsSure">Whether it certainly matches.</param>
/// <param name="Outcome">What follows on the core.</param>
/// <param name="Doubt">Why it only may match; empty if it certainly does.</param>
public sealed record TraceStep(int Depth, string Chain, string Text, bool IsSure, string Outcome, string Doubt);

/// <summary>A packet's way through the rules.</summary>
/// <param name="Steps">The rules that match or may match, in order.</param>
/// <param name="IsDropped">Whether the core drops it.</param>
/// <param name="IsLogged">Whether a rule may log or answer it: then Linux gets a share of such packets even so.</param>
/// <param name="Reason">What decided.</param>
public sealed record PrefilterTrace(IReadOnlyList<TraceStep> Steps, bool IsDropped, bool IsLogged, string Reason);

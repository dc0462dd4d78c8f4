using System.Collections.Generic;
using System.Linq;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>The share of a prefilter in a rule or policy that drops.</summary>
public enum DropShare
{
    /// <summary>Nothing: Linux judges these packets.</summary>
    None,

    /// <summary>Drops some of them.</summary>
    Part,

    /// <summary>Drops all of them that it can read.</summary>
    All,
}

/// <summary>A rule or policy that drops, and what a prefilter takes of it.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Text">nft's text of it, if known.</param>
/// <param name="Share">How much the core takes.</param>
/// <param name="Reason">Why not all; empty if it does.</param>
public sealed record DropReport(string Place, string? Text, DropShare Share, string Reason);

/// <summary>A prefilter: any ruleset makes one.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Drops">What drops of what arrives for the machine.</param>
/// <param name="Elsewhere">Rules and policies that drop what the machine sends or forwards, which the core leaves to Linux.</param>
/// <param name="Logged">Rules that log, and of whose packets Linux gets a share.</param>
/// <param name="Notes">What a person should know.</param>
public sealed record PrefilterResult(
    CompiledTable Table, IReadOnlyList<DropReport> Drops, int Elsewhere, int Logged, IReadOnlyList<string> Notes)
{
    /// <summary>How many of <see cref="Drops"/> the core takes, those in part included.</summary>
    public int Taken => Drops.Count(drop => drop.Share != DropShare.None);
}

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;

namespace Sos.Firewall.Rules;

/// <summary>The compiler's product of a ruleset.</summary>
public sealed class CompileResult
{
    /// <summary>Makes a result.</summary>
    public CompileResult(CompiledTable? table, IReadOnlyList<RuleDiagnostic> diagnostics)
    {
        Table = table;
        Diagnostics = diagnostics;
    }

    /// <summary>The table, or null if there is an error among the <see cref="Diagnostics"/>.</summary>
    public CompiledTable? Table { get; }

    /// <summary>Rules that ask for the port's name, which the compiler was not to know: of such a table nothing is certain but that it can be made.</summary>
    public int OpenRuleCount { get; init; }

    /// <summary>Errors and notes, in the order of the rules.</summary>
    public IReadOnlyList<RuleDiagnostic> Diagnostics { get; }
}

/// <summary>A table ready to be copied into a slot, and what its counters stand for.</summary>
public sealed class CompiledTable
{
    private readonly byte[] _bytes;
    private readonly int _length;

    internal CompiledTable(
        byte[] bytes, int length, IReadOnlyList<CompiledCounter> counters, int ruleCount, int elementCount, TableMode mode = TableMode.Authoritative)
    {
        _bytes = bytes;
        _length = length;
        Counters = counters;
        RuleCount = ruleCount;
        ElementCount = elementCount;
        Mode = mode;
    }

    /// <summary>The table's bytes, with its header; the generation is 0 until a table slot takes it.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>The rules' counters; number n of this list is statistic <c>rule_countern</c>.</summary>
    public IReadOnlyList<CompiledCounter> Counters { get; }

    /// <summary>Rules compiled.</summary>
    public int RuleCount { get; }

    /// <summary>Elements of all sets, after neighbours were merged.</summary>
    public int ElementCount { get; }

    /// <summary>Bytes of the service's memory that sets take which packets fill.</summary>
    public long SetMemory { get; internal init; }

    /// <summary>Who decides with it, and by what.</summary>
    public TableMode Mode { get; }

    /// <summary>Gives the table a lease, which is over until somebody renews it.</summary>
    internal void SetLease() => MemoryMarshal.Cast<byte, TableHeader>(_bytes.AsSpan(0, TableHeader.HeaderSize))[0].LeaseEnd = 1;

    /// <summary>Opens the table as the service does.</summary>
    /// <exception cref="InvalidOperationException">The service would refuse it, which is a defect of the compiler.</exception>
    internal unsafe void EnsureValid()
    {
        fixed (byte* start = _bytes)
        {
            if (!FirewallTable.TryOpen(start, (ulong)_length, out _))
            {
                throw new InvalidOperationException("the compiler made a table that the firewall would refuse: a defect, please report it");
            }
        }
    }
}

/// <summary>The rule or policy that one counter stands for.</summary>
/// <param name="Place">The rule or the named counter.</param>
/// <param name="RuleText">nft's text of the rule, if it is known and the counter is one rule's.</param>
/// <param name="InitialPackets">What the ruleset says it starts from, to be added to the statistic.</param>
/// <param name="InitialBytes">The same for bytes.</param>
public sealed record CompiledCounter(string Place, string? RuleText, ulong InitialPackets, ulong InitialBytes);

/// <summary>The compiler's knowledge beside the rules.</summary>
public sealed record CompileOptions
{
    /// <summary>
    /// The names under which the rules know the port (<c>iifname</c>): the card's and its host port's. Empty: such matches
    /// are errors.
    /// </summary>
    public IReadOnlyList<string> PortNames { get; init; } = [];

    /// <summary>
    /// Whether nobody knows yet which port it will be, as in a check: then what rules ask of its name may hold, so that each is read in full, and a table that
    /// comes of them is not to be used where the result says so.
    /// </summary>
    public bool IsPortOpen { get; init; }

    /// <summary>Whether the core tracks connections for the rules; else a match on them is an error.</summary>
    public bool TracksConnections { get; init; }

    /// <summary>The fate of chains for what Linux sends, where these do anything.</summary>
    public SentFrames Sent { get; init; }

    /// <summary>
    /// Whether the core decides alone: then rules mean the packet as it arrives, and may look at what Linux would change or put together. Else matches on
    /// that are errors.
    /// </summary>
    public bool DecidesAlone { get; init; }

    /// <summary>The port's group of devices (<c>iifgroup</c>); null where it is not known, and a match on it is an error.</summary>
    public uint? PortGroup { get; init; }

    /// <summary>Whether the machine certainly forwards nothing, so that a chain for what it forwards is never asked; else such a chain is an error.</summary>
    public bool ForwardsNothing { get; init; }

    /// <summary>The kernel's time zone, in minutes west of Greenwich, for <c>meta day</c>; null for this machine's, as it is when rules ask for it.</summary>
    public int? MinutesWest { get; init; }

    /// <summary>
    /// nft's text of each rule, by "family table handle" as <see cref="NftRuleset.RuleKey"/> makes it, for messages.
    /// </summary>
    public IReadOnlyDictionary<string, string> RuleTexts { get; init; } = new Dictionary<string, string>();
}

/// <summary>The treatment of chains on <c>output</c> and <c>postrouting</c>.</summary>
public enum SentFrames
{
    /// <summary>They are errors.</summary>
    Refused,

    /// <summary>The core judges what Linux sends by them.</summary>
    Judged,

    /// <summary>The core does not see what Linux sends: those that could drop are errors, others are left out.</summary>
    Unseen,
}

using System.Collections.Generic;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>The end of a rule.</summary>
internal enum Ending
{
    /// <summary>Nothing: the next rule is asked.</summary>
    Continue,

    /// <summary>Accepts.</summary>
    Accept,

    /// <summary>Drops.</summary>
    Drop,

    /// <summary>Returns from its chain.</summary>
    Return,

    /// <summary>Jumps.</summary>
    Jump,

    /// <summary>Goes to another chain for good.</summary>
    Goto,

    /// <summary>Does what only Linux can, so that the packet must reach it.</summary>
    Effect,
}

/// <summary>
/// One way through a rule: conditions, all of which must hold, and its ending. A rule with a verdict map has as many as the map has elements.
/// </summary>
internal sealed class Branch
{
    /// <summary>Conditions that the core decides as Linux does.</summary>
    public List<Instruction> Known { get; private init; } = [];

    /// <summary>Conditions that must hold for the core to decide <see cref="Guarded"/>.</summary>
    public List<Instruction> Guards { get; private init; } = [];

    /// <summary>Conditions that the core decides if all guards hold.</summary>
    public List<Instruction> Guarded { get; private init; } = [];

    /// <summary>Whether it matches no packet of this port.</summary>
    public bool NeverMatches { get; set; }

    /// <summary>The first condition that the core cannot decide, in words; null if it can.</summary>
    public string? Doubt { get; private set; }

    /// <summary>Its ending.</summary>
    public Ending Ending { get; set; }

    /// <summary>The chain of a jump or goto.</summary>
    public string? Target { get; set; }

    /// <summary>The thing that Linux alone can do, in words.</summary>
    public string? Effect { get; set; }

    /// <summary>Instructions that note a packet that meets it, so that Linux gets its share of what it logs or answers.</summary>
    public List<Instruction> Notes { get; private init; } = [];

    /// <summary>Whether it drops what the rest of its chain would drop as well: see <see cref="ShareReader.TryReadLimit"/>.</summary>
    public bool DropsAsItsTail { get; set; }

    /// <summary>Makes its match a maybe.</summary>
    public void AddDoubt(string reason) => Doubt ??= reason;

    /// <summary>Adds a condition without which the core cannot decide.</summary>
    public void AddGuard(Instruction guard)
    {
        if (!Guards.Exists(other => IsSame(other, guard)))
        {
            Guards.Add(guard);
        }
    }

    /// <summary>Another one with the same conditions so far.</summary>
    public Branch Clone() => new()
    {
        Known = [.. Known],
        Guards = [.. Guards],
        Guarded = [.. Guarded],
        NeverMatches = NeverMatches,
        Doubt = Doubt,
        Ending = Ending,
        Target = Target,
        Effect = Effect,
        Notes = [.. Notes],
        DropsAsItsTail = DropsAsItsTail,
    };

    private static bool IsSame(in Instruction one, in Instruction other)
        => one.Operation == other.Operation && one.Field == other.Field && one.A == other.A && one.B == other.B && one.Negate == other.Negate;
}

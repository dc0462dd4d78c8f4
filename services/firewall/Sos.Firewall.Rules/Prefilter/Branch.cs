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

    /// <summary>Fields that must be 0 for the core to decide <see cref="Guarded"/>.</summary>
    public SortedSet<Field> Guards { get; private init; } = [];

    /// <summary>Conditions that the core decides if all guards are 0.</summary>
    public List<Instruction> Guarded { get; private init; } = [];

    /// <summary>Whether it cannot match if all guards are 0.</summary>
    public bool FailsWhenGuarded { get; set; }

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

    /// <summary>Notes a packet that meets it, so that Linux gets its share of what it logs; null if it logs nothing.</summary>
    public Instruction? Log { get; set; }

    /// <summary>Whether it drops what the rest of its chain would drop as well: see <see cref="LogReader.TryReadLimit"/>.</summary>
    public bool DropsAsItsTail { get; set; }

    /// <summary>Makes its match a maybe.</summary>
    public void AddDoubt(string reason) => Doubt ??= reason;

    /// <summary>Another one with the same conditions so far.</summary>
    public Branch Clone() => new()
    {
        Known = [.. Known],
        Guards = [.. Guards],
        Guarded = [.. Guarded],
        FailsWhenGuarded = FailsWhenGuarded,
        NeverMatches = NeverMatches,
        Doubt = Doubt,
        Ending = Ending,
        Target = Target,
        Effect = Effect,
        Log = Log,
        DropsAsItsTail = DropsAsItsTail,
    };
}

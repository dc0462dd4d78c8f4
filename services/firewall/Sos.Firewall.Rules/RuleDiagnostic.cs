namespace Sos.Firewall.Rules;

/// <summary>How bad a <see cref="RuleDiagnostic"/> is.</summary>
public enum RuleSeverity
{
    /// <summary>Worth knowing; the rules are honoured.</summary>
    Note,

    /// <summary>The rules cannot be honoured, and there is no table.</summary>
    Error,
}

/// <summary>One thing that the compiler has to say, with the place it speaks of.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="Id">Stable, "SOSFW" and three digits, see docs/firewall.md.</param>
/// <param name="Message">What is wrong and what to do.</param>
/// <param name="Place">Where, for example <c>table inet filter, chain input, rule handle 7</c>; empty if nowhere.</param>
/// <param name="RuleText">nft's own text of the rule, if it is about a rule and the text is known.</param>
public sealed record RuleDiagnostic(RuleSeverity Severity, string Id, string Message, string Place, string? RuleText)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        string severity = Severity == RuleSeverity.Error ? "error" : "note";
        string place = Place.Length == 0 ? string.Empty : Place + ": ";
        string text = RuleText is null ? string.Empty : $"\n    {RuleText}";
        return $"{place}{severity} {Id}: {Message}{text}";
    }
}

/// <summary>The identifiers of the diagnostics.</summary>
public static class RuleDiagnosticIds
{
    /// <summary>The input is no ruleset as <c>nft -j list ruleset</c> prints it.</summary>
    public const string NotARuleset = "SOSFW001";

    /// <summary>A table of a family that the firewall does not see.</summary>
    public const string Family = "SOSFW002";

    /// <summary>A base chain on a hook, or of a type, that the firewall does not have.</summary>
    public const string Hook = "SOSFW003";

    /// <summary>A statement that the firewall cannot carry out.</summary>
    public const string Statement = "SOSFW004";

    /// <summary>A match on something that the firewall does not look at.</summary>
    public const string Expression = "SOSFW005";

    /// <summary>A value that does not fit its field.</summary>
    public const string Value = "SOSFW006";

    /// <summary>A set that the firewall cannot hold.</summary>
    public const string Set = "SOSFW007";

    /// <summary>A limit of the table is exceeded.</summary>
    public const string Limit = "SOSFW008";

    /// <summary>A chain, set or counter that does not exist.</summary>
    public const string Missing = "SOSFW009";

    /// <summary>Connection tracking.</summary>
    public const string Tracking = "SOSFW010";

    /// <summary>A match on an interface whose name the compiler was not told; a note where it was not to be told.</summary>
    public const string Interface = "SOSFW011";

    /// <summary>A rule that can never match a packet of this port.</summary>
    public const string NeverMatches = "SOSFW012";

    /// <summary>nft's own listing of a rule does not say what was loaded.</summary>
    public const string LossyListing = "SOSFW013";

    /// <summary>A table that is switched off.</summary>
    public const string Dormant = "SOSFW014";

    /// <summary>A note: the rules drop replies to a DHCP client, about which they are not asked.</summary>
    public const string DhcpReplies = "SOSFW015";

    /// <summary>A note: a chain is for what the machine forwards, and it forwards nothing.</summary>
    public const string ForwardsNothing = "SOSFW016";

    /// <summary>A note: a chain counts or logs what Linux sends, which the core does not see.</summary>
    public const string Unseen = "SOSFW017";

    /// <summary>A note: a set counts by element, which the core does not.</summary>
    public const string ElementCounters = "SOSFW018";

    /// <summary>A note: rules trace packets, which the core does not.</summary>
    public const string Traces = "SOSFW019";
}

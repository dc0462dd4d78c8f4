using System.Collections.Generic;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>The facts that decide how much a prefilter can prove, beside the rules. The defaults prove least.</summary>
public sealed record PrefilterOptions
{
    /// <summary>The names under which Linux knows the port.</summary>
    public IReadOnlyList<string> PortNames { get; init; } = [];

    /// <summary>nft's text of each rule by <see cref="NftRuleset.RuleKey"/>, for reports.</summary>
    public IReadOnlyDictionary<string, string> RuleTexts { get; init; } = new Dictionary<string, string>();

    /// <summary>Rules, by the same key, of which the listing says all that the kernel does; of others it may say less.</summary>
    public IReadOnlySet<string> Sure { get; init; } = new HashSet<string>();

    /// <summary>The elements of sets that the listing leaves out, by "family table name".</summary>
    public IReadOnlyDictionary<string, KnownElements> Elements { get; init; } = new Dictionary<string, KnownElements>();

    /// <summary>Tables that are switched off, as "family name".</summary>
    public IReadOnlySet<string> Dormant { get; init; } = new HashSet<string>();

    /// <summary>The devices of chains that name some, by "family table chain".</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> ChainDevices { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Whether the core records which connections Linux answered or began.</summary>
    public bool RecordsConnections { get; init; }

    /// <summary>
    /// Whether the core also records what it passes, so that it knows of a stranger's packet that Linux saw nothing of its connection. The compiler
    /// decides that by the rules.
    /// </summary>
    internal bool RecordsPassed { get; init; }

    /// <summary>Linux's knowledge of connections, for a core that records them; null: then no packet is certainly a stranger's so far.</summary>
    public KnownConnections? Connections { get; init; }

    /// <summary>Whether something other than nftables has rules, and may rewrite addresses: then no connection is known.</summary>
    public bool HasOtherTranslation { get; init; }

    /// <summary>The machine's own IPv4 addresses if it forwards packets, else null: then all that is not for it is lost anyway.</summary>
    public IReadOnlyList<string>? ForwardsExceptIpv4 { get; init; } = [];

    /// <summary>The same for IPv6.</summary>
    public IReadOnlyList<string>? ForwardsExceptIpv6 { get; init; } = [];

    /// <summary>Addresses that certainly are the machine's own: those of devices that are up.</summary>
    public IReadOnlyList<string> OwnAddresses { get; init; } = [];

    /// <summary>The port's group of devices (<c>iifgroup</c>), if it is known.</summary>
    public uint? PortGroup { get; init; }

    /// <summary>The port's type of hardware (<c>iiftype</c>, ARPHRD), if it is known.</summary>
    public uint? PortType { get; init; }

    /// <summary>How many packets that rules refuse Linux answers with an error of ICMP at most; null where it answers all.</summary>
    public AnswerLimit? Answers { get; init; }

    /// <summary>Whether the table is of use only as long as its lease is renewed: for rules that change.</summary>
    public bool IsLeased { get; init; }

    /// <summary>Why nothing can be proven here at all, or null.</summary>
    public string? Obstacle { get; init; }
}

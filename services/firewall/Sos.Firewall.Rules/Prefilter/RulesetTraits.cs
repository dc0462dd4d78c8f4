using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Connections;
using static Sos.Firewall.Rules.Prefilter.StatementShape;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>Tells what rules, all together, do to connections and to what the machine sends, which decides what the core can know of a packet.</summary>
internal sealed class RulesetTraits
{
    private static readonly HashSet<string> Sending =
    [
        "match", "counter", "accept", "return", "jump", "goto", "continue", "comment", "log", "limit", "quota", "notrack", "snat", "masquerade", "dnat",
        "redirect", "set", "map", "mangle", "ct count", "ct helper", "ct timeout", "ct expectation",
    ];

    /// <summary>Where Linux looks a packet's connection up (NF_IP_PRI_CONNTRACK).</summary>
    private const long TrackingPriority = -200;

    private readonly NftRuleset _ruleset;
    private readonly Dictionary<string, NftChain> _byKey;
    private readonly HashSet<NftChain> _beforeTracking;

    /// <summary>Reads rules.</summary>
    /// <param name="ruleset">The rules.</param>
    /// <param name="haveHelpers">Whether connections have helpers already.</param>
    public RulesetTraits(NftRuleset ruleset, bool haveHelpers = false)
    {
        _ruleset = ruleset;
        _byKey = ruleset.Chains.ToDictionary(KeyOf);
        List<NftChain> sending = Reach(ruleset.Chains.Where(chain => chain.Hook is "output" or "postrouting" or "egress"));
        HashSet<NftChain> egress = [.. Reach(ruleset.Chains.Where(chain => chain.Hook == "egress"))];
        _beforeTracking = [.. Reach(ruleset.Chains.Where(
            chain => chain.Hook == "ingress" || (chain.Hook == "prerouting" && chain.Priority <= TrackingPriority)))];
        HidesSent = sending.Exists(chain => chain.Rules.Exists(rule => !Statements(rule).All(IsKnownToSend)) || (egress.Contains(chain) && Loses(chain)));
        LosesSent = sending.Exists(Loses);
        HasUntracked = Has("notrack", "xt");
        HasHelpers = haveHelpers || Has("ct helper", "ct expectation", "xt") || ruleset.Unknown.Exists(item => item.Kind is "ct helper" or "ct expectation");
        RewritesDestinations = Has("dnat", "redirect", "tproxy", "xt", "fwd");
        AsksForFirst = Reach(ruleset.Chains.Where(chain => chain.Hook is "prerouting" or "input"))
            .Exists(chain => chain.Rules.Exists(rule => AsksWhichIsFirst(chain, rule)));
    }

    /// <summary>Whether what is sent may leave, or be lost, in ways that are not understood, or after Linux took note of it.</summary>
    public bool HidesSent { get; }

    /// <summary>Whether rules drop what the machine sends: Linux takes a connection for established all the same, since it answered.</summary>
    public bool LosesSent { get; }

    /// <summary>Whether rules may have packets not tracked.</summary>
    public bool HasUntracked { get; }

    /// <summary>Whether a connection may announce others. What an iptables target or an unknown object does is anybody's guess.</summary>
    public bool HasHelpers { get; }

    /// <summary>Whether a connection's first packet may decide where the others go.</summary>
    public bool RewritesDestinations { get; }

    /// <summary>Whether it decides much if a packet is the first of its connection: rules ask for what only tracked packets have.</summary>
    public bool AsksForFirst { get; }

    /// <summary>Whether Linux may not have looked the connections of packets up that meet a chain.</summary>
    public bool IsBeforeTracking(NftChain chain) => _beforeTracking.Contains(chain);

    /// <summary>Chains, and all that their rules may lead to.</summary>
    public List<NftChain> Reach(IEnumerable<NftChain> from)
    {
        List<NftChain> reached = [.. from];
        HashSet<NftChain> known = [.. reached];
        for (int i = 0; i < reached.Count; i++)
        {
            NftChain chain = reached[i];
            reached.AddRange(chain.Rules.SelectMany(rule => Targets(chain, rule)).Where(known.Add));
        }

        return reached;
    }

    private static string KeyOf(NftChain chain) => $"{chain.Family} {chain.Table} {chain.Name}";

    private static IEnumerable<JsonElement> Statements(NftRule rule) => rule.Statements.EnumerateArray();

    private static bool IsKnownToSend(JsonElement statement) => Sending.Contains(Name(statement)) || Name(statement) is "drop" or "reject" or "queue" or "vmap";

    private bool Loses(NftChain chain)
        => chain.PolicyDrop || chain.Rules.Exists(rule => Verdicts(chain, rule).Any(verdict => Name(verdict) is "drop" or "reject" or "queue"));

    /// <summary>A rule's statements, and what verdict maps that it looks up lead to.</summary>
    private IEnumerable<JsonElement> Verdicts(NftChain chain, NftRule rule)
        => Statements(rule).SelectMany(statement => Name(statement) == "vmap" && NftRuleset.TryGet(Value(statement), "data", out JsonElement data)
            ? EntriesOf(chain, data).Where(entry => entry.ValueKind == JsonValueKind.Array && entry.GetArrayLength() == 2).Select(entry => entry[1])
            : [statement]);

    private IEnumerable<JsonElement> EntriesOf(NftChain chain, JsonElement data)
        => (NftRuleset.TryGet(data, "set", out JsonElement entries)
                || (data.ValueKind == JsonValueKind.String && data.GetString() is ['@', .. string name]
                    && _ruleset.Maps.TryGetValue($"{chain.Family} {chain.Table} {name}", out JsonElement map) && NftRuleset.TryGet(map, "elem", out entries)))
            && entries.ValueKind == JsonValueKind.Array ? entries.EnumerateArray() : [];

    private bool AsksWhichIsFirst(NftChain chain, NftRule rule)
        => Statements(rule).Any(statement => Name(statement) switch
        {
            "match" when NftRuleset.TryGet(Value(statement), "left", out JsonElement left) => TrackingMatch.KeyOf(left) switch
            {
                "mark" or "status" or "direction" => true,
                "state" => TellsNew(Value(statement)) && LeadsToEffect(chain, rule),
                _ => false,
            },
            "vmap" when NftRuleset.TryGet(Value(statement), "key", out JsonElement key) => TrackingMatch.KeyOf(key) == "state" && LeadsToEffect(chain, rule),
            _ => false,
        });

    /// <summary>Whether a rule, or a chain that it leads to, does what only Linux can, or what Linux gets a share of.</summary>
    private bool LeadsToEffect(NftChain chain, NftRule rule)
        => RuleReader.HasEffect(rule) || Reach(Targets(chain, rule)).Exists(one => one.Rules.Exists(RuleReader.HasEffect));

    private IEnumerable<NftChain> Targets(NftChain chain, NftRule rule)
        => Verdicts(chain, rule).Where(verdict => Name(verdict) is "jump" or "goto").Select(verdict => Text(Value(verdict), "target")).OfType<string>()
            .Distinct().Select(target => _byKey.GetValueOrDefault($"{chain.Family} {chain.Table} {target}")).OfType<NftChain>();

    private static bool TellsNew(JsonElement match)
        => Text(match, "op") is { } operation && NftRuleset.TryGet(match, "right", out JsonElement right)
            && TrackingMatch.StatesOf(operation, right) is { } states
            && (states & ConnectionStates.New) != 0 != ((states & ConnectionStates.Invalid) != 0);

    private bool Has(params string[] names)
        => _ruleset.Chains.Exists(chain => chain.Rules.Exists(rule => Statements(rule).Any(statement => names.Contains(Name(statement)))));
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;

namespace Sos.Router.Control.Filter;

/// <summary>Linux's ruleset as nft lists it, with what is asked of it for each pair of ports.</summary>
internal sealed class RuleSource
{
    // What asks or changes what Linux keeps of connections; "xt" is an extension of iptables, which may be anything.
    private static readonly HashSet<string> Tracking =
    [
        "ct", "ct helper", "ct timeout", "ct expectation", "ct count", "snat", "dnat", "masquerade", "redirect", "tproxy", "synproxy", "flow", "socket", "xt",
    ];

    private readonly RulesetListing _listing;
    private readonly Dictionary<string, List<JsonObject>> _rules = [];
    private readonly Dictionary<string, JsonObject> _sets = [];
    private readonly HashSet<string> _changing = [];
    private readonly HashSet<string> _dormant = [];
    private readonly SortedSet<string> _patterns = new(StringComparer.Ordinal);

    /// <summary>Reads a listing.</summary>
    /// <exception cref="JsonException">It is not shaped like one.</exception>
    public RuleSource(RulesetListing listing)
    {
        _listing = listing;
        Objects = JsonNode.Parse(listing.Json.Span)?["nftables"] is JsonArray array
            ? [.. array.OfType<JsonObject>().Where(item => item.Count == 1)]
            : throw new JsonException("there is no array \"nftables\"");
        _dormant.UnionWith(listing.Dormant);
        foreach (JsonObject item in Objects)
        {
            Index(item);
        }

        foreach (JsonObject rule in _rules.Values.SelectMany(rules => rules))
        {
            _patterns.UnionWith(InterfaceMatches(rule["expr"]).SelectMany(match => NamesOf(match["right"], TableOf(rule)) ?? []));
        }

        _patterns.UnionWith(listing.ChainDevices.Values.SelectMany(devices => devices));
    }

    /// <summary>All objects of the listing, in its order.</summary>
    public IReadOnlyList<JsonObject> Objects { get; }

    /// <summary>A string of an object.</summary>
    /// <exception cref="JsonException">It has none of that name.</exception>
    public static string TextOf(JsonObject value, string name)
        => value[name] is JsonValue text && text.TryGetValue(out string? read) ? read : throw new JsonException($"expected a string \"{name}\"");

    /// <summary>The table that an object is in, as "family name".</summary>
    public static string TableOf(JsonObject value) => $"{TextOf(value, "family")} {TextOf(value, "table")}";

    /// <summary>An object's key among those of its kind.</summary>
    public static string KeyOf(JsonObject value, string name) => $"{TableOf(value)} {TextOf(value, name)}";

    /// <summary>The place of a chain or rule, as the firewall's compiler names it.</summary>
    public static string PlaceOf(JsonObject value)
        => value["chain"] is null
            ? $"table {TableOf(value)}, chain {TextOf(value, "name")}"
            : $"table {TableOf(value)}, chain {TextOf(value, "chain")}, rule handle {(long)value["handle"]!}";

    /// <summary>Whether a pattern of nft's names a network device.</summary>
    public static bool IsMatch(string pattern, string name)
        => pattern.EndsWith("\\*", StringComparison.Ordinal) ? name == pattern[..^2] + "*"
            : pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal)
            : name == pattern;

    /// <summary>The key by which a match asks for an interface.</summary>
    /// <returns>Null for another match.</returns>
    public static string? InterfaceKeyOf(JsonNode match)
        => match["left"] is JsonObject left && left["meta"] is JsonObject meta && (string?)meta["key"] is "iifname" or "iif" or "oifname" or "oif"
            ? (string?)meta["key"]
            : null;

    /// <summary>The first thing in a rule that asks or changes what Linux keeps of connections.</summary>
    /// <returns>Null when there is none.</returns>
    public static string? FindTracking(JsonNode? node) => node switch
    {
        JsonObject item => item.Select(pair => Tracking.Contains(pair.Key) ? pair.Key : FindTracking(pair.Value)).FirstOrDefault(found => found is not null),
        JsonArray array => array.Select(FindTracking).FirstOrDefault(found => found is not null),
        _ => null,
    };

    /// <summary>Whether packets change a set or map, in whatever chain they meet the rule that does it: nft asks for no flag of it.</summary>
    public bool IsChanging(JsonObject set) => _changing.Contains(KeyOf(set, "name"));

    /// <summary>Whether a chain or rule is in a table that is switched off.</summary>
    public bool IsDormant(JsonObject value) => _dormant.Contains(TableOf(value));

    /// <summary>Whether the listing says all that a rule does.</summary>
    public bool IsSure(JsonObject rule)
        => _listing.Sure.Contains(NftRuleset.RuleKey(TextOf(rule, "family"), TextOf(rule, "table"), (long)rule["handle"]!));

    /// <summary>Whether a chain judges anything: by rules, or by its policy.</summary>
    public bool HasRules(string key, JsonObject chain) => _rules.ContainsKey(key) || (string?)chain["policy"] == "drop";

    /// <summary>Says which patterns of the ruleset name an interface, or the device that it is on.</summary>
    /// <returns>The same for interfaces that no rule tells apart.</returns>
    public string SeenAs(FilteredInterface one)
        => string.Concat(_patterns.Select(pattern => (IsMatch(pattern, one.Name), one.Below is { } below && IsMatch(pattern, below)) switch
        {
            (false, false) => '0',
            (true, false) => '1',
            (false, true) => '2',
            (true, true) => '3',
        }));

    /// <summary>The devices that a chain names; null if it names none.</summary>
    public IReadOnlyList<string>? DevicesOf(JsonObject chain) => _listing.ChainDevices.GetValueOrDefault(KeyOf(chain, "name"));

    /// <summary>The chains that a chain's rules lead to, in verdict maps as well.</summary>
    public IEnumerable<string> TargetsOf(string chain)
        => _rules.GetValueOrDefault(chain) is not { } rules ? [] : rules.SelectMany(rule => Targets(rule["expr"])
            .Concat(MapsOf(rule["expr"]).SelectMany(name => Targets(_sets.GetValueOrDefault($"{TableOf(rule)} {name}"))))
            .Select(target => $"{TableOf(rule)} {target}"));

    /// <summary>The names of interfaces that a match compares with.</summary>
    /// <param name="right">The match's right side.</param>
    /// <param name="table">The rule's table.</param>
    /// <returns>Null where it is no name, or a set of others.</returns>
    public IReadOnlyList<string>? NamesOf(JsonNode? right, string table)
    {
        switch (right)
        {
            case JsonValue value when value.TryGetValue(out string? name):
                return !name.StartsWith('@') ? [name]
                    : _sets.TryGetValue($"{table} {name[1..]}", out JsonObject? set) && set["flags"] is null && set["stmt"] is null && !IsChanging(set)
                        ? NamesOf(set["elem"] ?? new JsonArray(), table)
                        : null;
            case JsonObject item when item["set"] is { } elements:
                return NamesOf(elements, table);
            case JsonArray array:
                List<string>? names = [];
                foreach (JsonNode? element in array)
                {
                    if (element is not JsonValue one || !one.TryGetValue(out string? text) || text.StartsWith('@'))
                    {
                        return null;
                    }

                    names.Add(text);
                }

                return names;
            default:
                return null;
        }
    }

    private static IEnumerable<JsonNode> InterfaceMatches(JsonNode? node) => node switch
    {
        JsonObject item => item.SelectMany(pair => pair is { Key: "match", Value: JsonObject match } && InterfaceKeyOf(match) is not null
            ? [match]
            : InterfaceMatches(pair.Value)),
        JsonArray array => array.SelectMany(InterfaceMatches),
        _ => [],
    };

    private static IEnumerable<string> Targets(JsonNode? node) => node switch
    {
        JsonObject item => item.SelectMany(pair => pair is { Key: "jump" or "goto", Value: JsonObject target } && target["target"] is { } name
            ? [(string)name!]
            : Targets(pair.Value)),
        JsonArray array => array.SelectMany(Targets),
        _ => [],
    };

    private static IEnumerable<string> MapsOf(JsonNode? node) => node switch
    {
        JsonObject item => item.SelectMany(pair => pair.Key == "data" && pair.Value is JsonValue value && value.TryGetValue(out string? name)
            && name.StartsWith('@') ? [name[1..]] : MapsOf(pair.Value)),
        JsonArray array => array.SelectMany(MapsOf),
        _ => [],
    };

    // The sets and maps that a rule's statements add packets' addresses to, or take them from.
    private static IEnumerable<string> ChangedBy(JsonNode? node) => node switch
    {
        JsonObject item => item.SelectMany(pair => pair switch
        {
            { Key: "set" or "map", Value: JsonObject change } when NameOf(change[pair.Key]) is ['@', .. string name] => [name],
            { Key: "meter", Value: JsonObject meter } when NameOf(meter["name"]) is { } name => [name],
            _ => ChangedBy(pair.Value),
        }),
        JsonArray array => array.SelectMany(ChangedBy),
        _ => [],
    };

    private static string? NameOf(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? name) ? name : null;

    private void Index(JsonObject item)
    {
        (string kind, JsonNode? node) = item.First();
        if (node is not JsonObject value)
        {
            return;
        }

        switch (kind)
        {
            case "table" when value["flags"] is { } flags && flags.ToJsonString().Contains("\"dormant\"", StringComparison.Ordinal):
                _dormant.Add($"{TextOf(value, "family")} {TextOf(value, "name")}");
                break;
            case "rule":
                string chain = KeyOf(value, "chain");
                if (!_rules.TryGetValue(chain, out List<JsonObject>? rules))
                {
                    _rules.Add(chain, rules = []);
                }

                rules.Add(value);
                _changing.UnionWith(ChangedBy(value["expr"]).Select(name => $"{TableOf(value)} {name}"));
                break;
            case "set" or "map":
                _sets[KeyOf(value, "name")] = value;
                break;
        }
    }
}

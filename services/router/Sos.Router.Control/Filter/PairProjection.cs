using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;

namespace Sos.Router.Control.Filter;

/// <summary>
/// The rules that packets meet which come in by one interface and leave by another, written so that the firewall's compiler, which knows one arriving packet
/// and no interfaces, makes a table of them: the chains of the three hooks stand in one row, matches on interfaces are decided, and a rule that does what only
/// Linux can drops instead. So what this ruleset accepts has met none of those, and Linux accepts it too; what it drops is Linux's to judge unless
/// <see cref="IsExact"/>.
/// </summary>
internal sealed class PairProjection
{
    private static readonly string[] Hooks = ["prerouting", "forward", "postrouting"];

    // Between two hooks' priorities, each of 32 bits.
    private const long HookStep = 1L << 33;

    private readonly RuleSource _source;
    private readonly FilteredInterface _in;
    private readonly FilteredInterface _out;
    private readonly JsonArray _objects = [];
    private readonly Dictionary<string, JsonArray> _rules = [];
    private readonly Dictionary<string, ProjectedChain> _chains = [];

    /// <summary>Projects a ruleset.</summary>
    /// <param name="source">The ruleset.</param>
    /// <param name="incoming">The interface that packets come in by.</param>
    /// <param name="outgoing">The one that they leave by.</param>
    public PairProjection(RuleSource source, FilteredInterface incoming, FilteredInterface outgoing)
    {
        _source = source;
        _in = incoming;
        _out = outgoing;
        ReadChains();
        FollowJumps();
        foreach (JsonObject item in source.Objects)
        {
            Project(item);
        }
    }

    /// <summary>Why no packet of the pair can be judged on the core; null if some can.</summary>
    public string? Obstacle { get; private set; }

    /// <summary>Whether every drop is one of Linux's.</summary>
    public bool IsExact { get; private set; } = true;

    /// <summary>Whether anything judges packets before routing.</summary>
    public bool HasPrerouting => _chains.Values.Any(chain => chain is { Hook: "prerouting", JudgesAny: true });

    /// <summary>Rules that do what only Linux can, by their place, with what that is.</summary>
    public SortedDictionary<string, string> Left { get; } = new(StringComparer.Ordinal);

    /// <summary>The ruleset, as nft lists one.</summary>
    public string ToJson() => new JsonObject { ["nftables"] = _objects.DeepClone() }.ToJsonString();

    /// <summary>Shortens a rule that the compiler cannot honour by its last match: it then leaves more to Linux.</summary>
    /// <param name="place">The rule's place.</param>
    /// <param name="reason">Why.</param>
    /// <returns>False when there is no such rule, or it has no match left.</returns>
    public bool TryWiden(string place, string reason)
    {
        if (!_rules.TryGetValue(place, out JsonArray? statements))
        {
            return false;
        }

        bool wasLeft = Left.ContainsKey(place);
        if (wasLeft && statements.Count <= 1)
        {
            return false;
        }

        if (wasLeft)
        {
            statements.RemoveAt(statements.Count - 2); // The last is the drop.
        }
        else
        {
            List<JsonNode?> matches = [.. statements.TakeWhile(statement => NameOf(statement) == "match")];
            statements.Clear();
            matches.ForEach(statements.Add);
            Leave(place, statements, reason);
        }

        return true;
    }

    private static string NameOf(JsonNode? statement) => statement is JsonObject { Count: 1 } one ? one.First().Key : string.Empty;

    private void Leave(string place, JsonArray statements, string reason)
    {
        statements.Add((JsonNode)new JsonObject { ["drop"] = null });
        Left[place] = reason;
        IsExact = false;
    }

    private void ReadChains()
    {
        foreach (JsonObject chain in _source.Objects.Select(item => item["chain"]).OfType<JsonObject>())
        {
            string key = RuleSource.KeyOf(chain, "name");
            string? hook = (string?)chain["hook"];
            bool isSeen = RuleSource.TextOf(chain, "family") is "ip" or "ip6" or "inet" && !_source.IsDormant(chain);
            bool isMet = isSeen && (hook is null || Array.IndexOf(Hooks, hook) >= 0);
            _chains[key] = new ProjectedChain(RuleSource.TableOf(chain), isMet ? hook : null) { IsDropped = !isMet };
            if (hook is "ingress" or "egress" && !_source.IsDormant(chain) && MayJudge(chain, hook == "ingress" ? _in : _out))
            {
                Obstacle ??= $"{RuleSource.PlaceOf(chain)}: a device's own chain judges its packets first, which the core has not";
            }
        }
    }

    private bool MayJudge(JsonObject chain, FilteredInterface at)
        => _source.HasRules(RuleSource.KeyOf(chain, "name"), chain)
            && (_source.DevicesOf(chain) is not { Count: > 0 } devices || devices.Any(device => at.Devices.Any(name => RuleSource.IsMatch(device, name))));

    // Which hooks a chain is met at decides which interfaces its packets have.
    private void FollowJumps()
    {
        foreach ((string key, ProjectedChain chain) in _chains.Where(pair => pair.Value.Hook is not null).ToList())
        {
            Reach(key, chain.Hook!);
        }
    }

    private void Reach(string key, string hook)
    {
        if (!_chains.TryGetValue(key, out ProjectedChain? chain) || !chain.MetAt.Add(hook))
        {
            return;
        }

        foreach (string target in _source.TargetsOf(key))
        {
            Reach(target, hook);
        }
    }

    private void Project(JsonObject item)
    {
        (string kind, JsonNode? value) = item.First();
        switch (kind)
        {
            case "chain":
                ProjectChain(value!.AsObject());
                break;
            case "rule":
                ProjectRule(value!.AsObject());
                break;
            case "flowtable":
                break; // It does nothing until a rule refers to it, which is then found.
            case "set" or "map":
                ProjectSet(kind, value!.AsObject());
                break;
            default:
                _objects.Add(item.DeepClone());
                break;
        }
    }

    // A set that packets change is one whose elements the listing does not tell, also without the flag that says so.
    private void ProjectSet(string kind, JsonObject set)
    {
        JsonObject copy = set.DeepClone().AsObject();
        if (_source.IsChanging(set))
        {
            JsonArray flags = copy["flags"] is JsonArray several ? several : copy["flags"] is { } one ? [one.DeepClone()] : [];
            flags.Add((JsonNode)"dynamic");
            copy["flags"] = flags.DeepClone();
        }

        _objects.Add((JsonNode)new JsonObject { [kind] = copy });
    }

    private void ProjectChain(JsonObject chain)
    {
        string key = RuleSource.KeyOf(chain, "name");
        ProjectedChain projected = _chains[key];
        if (projected.IsDropped || (projected.Hook is null && projected.MetAt.Count == 0))
        {
            projected.IsDropped = true;
            return;
        }

        projected.JudgesAny = _source.HasRules(key, chain);
        JsonObject copy = chain.DeepClone().AsObject();
        if (projected.Hook is { } hook)
        {
            if ((string?)chain["type"] != "filter" && projected.JudgesAny)
            {
                Obstacle ??= $"{RuleSource.PlaceOf(chain)}: it translates addresses, and of translated flows Linux must see every packet";
            }

            copy["hook"] = "prerouting";
            copy["prio"] = (Array.IndexOf(Hooks, hook) * HookStep) + (long)chain["prio"]!;
        }

        _objects.Add((JsonNode)new JsonObject { ["chain"] = copy });
    }

    private void ProjectRule(JsonObject rule)
    {
        ProjectedChain chain = _chains[RuleSource.KeyOf(rule, "chain")];
        if (chain.IsDropped)
        {
            return;
        }

        string place = RuleSource.PlaceOf(rule);
        if (RuleSource.FindTracking(rule["expr"]) is { } tracking)
        {
            Obstacle ??= tracking == "xt"
                ? $"{place}: an extension of iptables may ask for anything"
                : $"{place}: \"{tracking}\" asks or changes what Linux keeps of connections, of which it must see every packet";
            return;
        }

        JsonArray statements = [];
        bool isSure = _source.IsSure(rule);
        foreach (JsonNode? statement in rule["expr"]!.AsArray())
        {
            switch (NameOf(statement))
            {
                case "match" when DecideInterface(statement!["match"]!, chain) is { } decided:
                    if (!decided)
                    {
                        return; // for other interfaces
                    }

                    break;
                case "match":
                    statements.Add(statement!.DeepClone());
                    break;
                case "counter" or "notrack" or "continue":
                    break; // It decides nothing.
                case "accept" or "drop" or "return" or "jump" or "goto" when isSure:
                    statements.Add(statement!.DeepClone());
                    break;
                default:
                    Leave(place, statements, isSure ? $"\"{NameOf(statement)}\" is Linux's alone" : "nft lists it with fewer conditions than the kernel has");
                    Add(rule, place, statements);
                    return;
            }
        }

        Add(rule, place, statements);
    }

    private void Add(JsonObject rule, string place, JsonArray statements)
    {
        JsonObject copy = rule.DeepClone().AsObject();
        copy["expr"] = statements;
        _rules[place] = statements;
        _objects.Add((JsonNode)new JsonObject { ["rule"] = copy });
    }

    /// <summary>Decides a match on an interface.</summary>
    /// <returns>Null for another match, and where the packet's interface depends on the kernel's version: before routing it has none to leave by.</returns>
    private bool? DecideInterface(JsonNode match, ProjectedChain chain)
    {
        string? key = RuleSource.InterfaceKeyOf(match);
        bool isIncoming = key is "iifname" or "iif";
        if (key is null)
        {
            return null;
        }

        if (chain.MetAt.Contains(isIncoming ? "postrouting" : "prerouting") || (string?)match["op"] is not ("==" or "!=" or "in")
            || _source.NamesOf(match["right"], chain.Table) is not { } patterns)
        {
            return null;
        }

        bool isListed = patterns.Any(pattern => RuleSource.IsMatch(pattern, (isIncoming ? _in : _out).Name));
        return isListed == ((string?)match["op"] != "!=");
    }

    private sealed class ProjectedChain(string table, string? hook)
    {
        public string Table => table;

        public string? Hook => hook;

        public bool IsDropped { get; set; }

        public bool JudgesAny { get; set; }

        public HashSet<string> MetAt { get; } = [];
    }
}

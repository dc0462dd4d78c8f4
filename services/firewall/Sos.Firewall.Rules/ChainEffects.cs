using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules;

/// <summary>Finds what a base chain may do to packets, by the statements that it reaches: no matter which packets its rules match.</summary>
/// <param name="ruleset">The ruleset.</param>
internal sealed class ChainEffects(NftRuleset ruleset)
{
    private const string Unreadable = "?";

    // With these a packet goes on, and nothing tells that it came by.
    private static readonly HashSet<string> Harmless = ["match", "vmap", "accept", "return", "continue", "jump", "goto"];

    // With these a packet goes on as well.
    private static readonly HashSet<string> Passing = ["counter", "log", "limit", "quota", "notrack"];

    private readonly Dictionary<string, NftChain> _chains = ruleset.Chains.DistinctBy(chain => ProgramLinker.Key(chain))
        .ToDictionary(chain => ProgramLinker.Key(chain));

    /// <summary>Whether a base chain does anything but let packets pass.</summary>
    /// <param name="chain">The chain.</param>
    public bool HasAny(NftChain chain) => chain.PolicyDrop || KindsOf(chain).Exists(kind => !Harmless.Contains(kind));

    /// <summary>Whether a base chain may keep a packet from passing, or change it.</summary>
    /// <param name="chain">The chain.</param>
    public bool CanDrop(NftChain chain) => chain.PolicyDrop || KindsOf(chain).Exists(kind => !Harmless.Contains(kind) && !Passing.Contains(kind));

    /// <summary>The kinds of statements that a packet may meet in a chain and those that it reaches.</summary>
    private List<string> KindsOf(NftChain start)
    {
        List<string> kinds = [];
        HashSet<string> seen = [ProgramLinker.Key(start)];
        Queue<NftChain> waiting = new([start]);
        while (waiting.TryDequeue(out NftChain? chain))
        {
            foreach ((string kind, JsonElement value) in chain.Rules.SelectMany(rule => Statements(chain, rule)))
            {
                kinds.Add(kind);
                if (kind is not ("jump" or "goto"))
                {
                    continue;
                }

                string key = NftRuleset.TryGet(value, "target", out JsonElement target) ? $"{chain.Family} {chain.Table} {target}" : string.Empty;
                if (!_chains.TryGetValue(key, out NftChain? next))
                {
                    kinds.Add(Unreadable);
                }
                else if (seen.Add(key))
                {
                    waiting.Enqueue(next);
                }
            }
        }

        return kinds;
    }

    /// <summary>The statements of a rule, those of its verdict maps included.</summary>
    private List<(string Kind, JsonElement Value)> Statements(NftChain chain, NftRule rule)
    {
        List<(string Kind, JsonElement Value)> statements = [];
        foreach (JsonElement statement in rule.Statements.EnumerateArray())
        {
            (string kind, JsonElement value) = NftRuleset.SingleProperty(statement);
            statements.Add((kind, value));
            if (kind == "vmap")
            {
                statements.AddRange(VerdictsOf(chain, value));
            }
        }

        return statements;
    }

    private List<(string Kind, JsonElement Value)> VerdictsOf(NftChain chain, JsonElement map)
    {
        if (!NftRuleset.TryGet(map, "data", out JsonElement data))
        {
            return [(Unreadable, default)];
        }

        bool isNamed = data.ValueKind == JsonValueKind.String
            && ruleset.Maps.TryGetValue($"{chain.Family} {chain.Table} {data.GetString()!.TrimStart('@')}", out data);
        if (!NftRuleset.TryGet(data, isNamed ? "elem" : "set", out JsonElement elements))
        {
            return isNamed ? [] : [(Unreadable, default)];
        }

        return elements.ValueKind != JsonValueKind.Array
            ? [(Unreadable, default)]
            : [.. elements.EnumerateArray().Select(element => element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == 2
                ? NftRuleset.SingleProperty(element[1]) : (Unreadable, default))];
    }
}

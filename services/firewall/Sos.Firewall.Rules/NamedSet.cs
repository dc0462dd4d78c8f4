using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules;

/// <summary>A set or map with a name whose elements only a reload changes.</summary>
internal static class NamedSet
{
    /// <summary>Whether the statements of a set's elements count packets, and do nothing else.</summary>
    public static bool OnlyCounts(JsonElement statements)
        => statements.ValueKind == JsonValueKind.Array && statements.EnumerateArray().All(one => NftRuleset.TryGet(one, "counter", out _));

    /// <summary>Returns its elements, as the listing has them; undefined where it has none.</summary>
    /// <param name="named">All sets or maps, by "family table name".</param>
    /// <param name="chain">The chain of the rule that refers to it.</param>
    /// <param name="reference">The reference, <c>"@name"</c>.</param>
    /// <param name="kind">"set" or "map", for messages.</param>
    /// <exception cref="RuleException">There is none of that name, or it changes by itself.</exception>
    public static JsonElement ElementsOf(Dictionary<string, JsonElement> named, NftChain chain, JsonElement reference, string kind)
    {
        string name = reference.ValueKind == JsonValueKind.String ? reference.GetString()!.TrimStart('@') : NftRuleset.Shorten(reference);
        if (!named.TryGetValue($"{chain.Family} {chain.Table} {name}", out JsonElement found))
        {
            throw new RuleException(RuleDiagnosticIds.Missing, $"there is no {kind} \"{name}\" in this table");
        }

        if (NftRuleset.TryGet(found, "stmt", out _) || (NftRuleset.TryGet(found, "flags", out JsonElement flags)
            && (NftRuleset.HasText(flags, "timeout") || NftRuleset.HasText(flags, "dynamic"))))
        {
            throw new RuleException(
                RuleDiagnosticIds.Set, $"{kind} \"{name}\" changes or counts by itself; the firewall's tables change by reload only");
        }

        return NftRuleset.TryGet(found, "elem", out JsonElement elements) ? elements : default;
    }
}

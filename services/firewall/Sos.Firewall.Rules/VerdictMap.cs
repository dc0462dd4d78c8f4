using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules;

/// <summary>A verdict map as the rules that it stands for: one for each element, since a packet matches one at most.</summary>
internal static class VerdictMap
{
    /// <summary>Elements of a map at most: each takes the rule's matches once more.</summary>
    public const int ElementsMax = 256;

    /// <summary>Reads a <c>vmap</c> statement.</summary>
    /// <param name="ruleset">The ruleset, for named maps.</param>
    /// <param name="chain">The chain that it stands in.</param>
    /// <param name="value">The statement.</param>
    /// <returns>The expression that it looks up, and for each element its value and its verdict.</returns>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public static (JsonElement Key, IReadOnlyList<(JsonElement Value, JsonElement Verdict)> Elements) Read(
        NftRuleset ruleset, NftChain chain, JsonElement value)
    {
        if (!NftRuleset.TryGet(value, "key", out JsonElement key) || !NftRuleset.TryGet(value, "data", out JsonElement data))
        {
            throw new RuleException(RuleDiagnosticIds.Statement, $"{NftRuleset.Shorten(value)} is no verdict map");
        }

        JsonElement elements = ElementsOf(ruleset, chain, data);
        if (elements.ValueKind != JsonValueKind.Array)
        {
            return (key, []);
        }

        if (elements.GetArrayLength() > ElementsMax)
        {
            throw new RuleException(
                RuleDiagnosticIds.Set, $"a verdict map of more than {ElementsMax} elements is not supported: put values of the same verdict into a set");
        }

        return (key, [.. elements.EnumerateArray().Select(ReadElement)]);
    }

    private static JsonElement ElementsOf(NftRuleset ruleset, NftChain chain, JsonElement data)
    {
        if (NftRuleset.TryGet(data, "set", out JsonElement elements))
        {
            return elements;
        }

        return NamedSet.ElementsOf(ruleset.Maps, chain, data, "map");
    }

    private static (JsonElement Value, JsonElement Verdict) ReadElement(JsonElement element)
        => element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == 2
            ? (element[0], element[1])
            : throw new RuleException(RuleDiagnosticIds.Set, $"{NftRuleset.Shorten(element)} is no element of a verdict map");
}

using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules;

/// <summary>Rules that look several fields up together, as one row for each element: no packet has the values of two.</summary>
internal static class Concatenation
{
    /// <summary>Rows of a rule at most.</summary>
    public const int RowsMax = 256;

    /// <summary>Returns the rows that a rule stands for.</summary>
    /// <param name="ruleset">The ruleset, for named sets.</param>
    /// <param name="chain">The chain that it stands in.</param>
    /// <param name="statements">The rule.</param>
    /// <param name="filled">The sets that packets fill, which are looked up as they are; null where they are Linux's.</param>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public static List<List<(string Kind, JsonElement Value)>> Expand(
        NftRuleset ruleset, NftChain chain, List<(string Kind, JsonElement Value)> statements, FilledSets? filled = null)
    {
        List<List<(string Kind, JsonElement Value)>> rows = [[]];
        bool hasActed = false;
        foreach ((string kind, JsonElement value) in statements)
        {
            List<JsonElement> alternatives = kind == "match" ? Alternatives(ruleset, chain, value, filled) : [value];
            if (hasActed && alternatives.Count != 1)
            {
                throw new RuleException(
                    RuleDiagnosticIds.Expression, "a rule that looks several fields up together behind a statement is not supported: write the match first");
            }

            hasActed |= kind != "match" || (filled is not null && NftRuleset.TryGet(value, "right", out JsonElement set) && filled.IsLimited(chain, set));
            if ((long)rows.Count * alternatives.Count > RowsMax)
            {
                throw new RuleException(
                    RuleDiagnosticIds.Set, $"a rule that looks several fields up together in more than {RowsMax} elements is not supported");
            }

            rows = [.. rows.SelectMany(row => alternatives.Select(alternative => row.Append((kind, alternative)).ToList()))];
        }

        return rows;
    }

    private static List<JsonElement> Alternatives(NftRuleset ruleset, NftChain chain, JsonElement match, FilledSets? filled)
    {
        if (!NftRuleset.TryGet(match, "left", out JsonElement left) || !NftRuleset.TryGet(left, "concat", out _)
            || !NftRuleset.TryGet(match, "right", out JsonElement right) || NftRuleset.TryGet(right, "concat", out _)
            || filled?.Contains(chain, right) == true)
        {
            return [match];
        }

        string operation = NftRuleset.Text(match, "op");
        if (operation is not ("==" or "in"))
        {
            throw new RuleException(RuleDiagnosticIds.Expression, $"the operator \"{operation}\" is not supported for several fields together");
        }

        return [.. ElementsOf(ruleset, chain, right).Select(element => Equality(left, element))];
    }

    private static IEnumerable<JsonElement> ElementsOf(NftRuleset ruleset, NftChain chain, JsonElement right)
    {
        if (!NftRuleset.TryGet(right, "set", out JsonElement elements))
        {
            elements = NamedSet.ElementsOf(ruleset.Sets, chain, right, "set");
        }

        return elements.ValueKind switch
        {
            JsonValueKind.Array => elements.EnumerateArray(),
            JsonValueKind.Undefined => [],
            _ => [elements],
        };
    }

    private static JsonElement Equality(JsonElement left, JsonElement element)
    {
        using JsonDocument document = JsonDocument.Parse($$"""{"op":"==","left":{{left.GetRawText()}},"right":{{element.GetRawText()}}}""");
        return document.RootElement.Clone();
    }
}

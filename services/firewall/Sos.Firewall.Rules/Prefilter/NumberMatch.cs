using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>Answers matches on a value that is known when compiling.</summary>
internal static class NumberMatch
{
    /// <summary>Whether a value fulfils a match.</summary>
    /// <param name="operation">The match's operator.</param>
    /// <param name="right">Its right side, as <c>nft -n</c> lists it.</param>
    /// <param name="value">The value on its left side.</param>
    /// <returns>Null where the match is not understood.</returns>
    public static bool? Matches(string operation, JsonElement right, uint value)
    {
        if (NftRuleset.TryGet(right, "set", out JsonElement set))
        {
            return Among(set.ValueKind == JsonValueKind.Array ? [.. set.EnumerateArray()] : [set], value) is not { } isAmong ? null : operation switch
            {
                "==" or "in" => isAmong,
                "!=" => !isAmong,
                _ => null,
            };
        }

        if (NftRuleset.TryGet(right, "range", out _))
        {
            return Among([right], value) is not { } isWithin ? null : operation switch
            {
                "==" => isWithin,
                "!=" => !isWithin,
                _ => null,
            };
        }

        return right.ValueKind != JsonValueKind.Number || !right.TryGetUInt32(out uint number) ? null : operation switch
        {
            "==" => value == number,
            "!=" => value != number,
            "<" => value < number,
            "<=" => value <= number,
            ">" => value > number,
            ">=" => value >= number,
            "in" => (value & number) != 0,
            "!" => (value & number) == 0,
            _ => null,
        };
    }

    private static bool? Among(IReadOnlyList<JsonElement> elements, uint value)
    {
        List<bool?> answers = [.. elements.Select(element => Equal(element, value))];
        return answers.Contains(null) ? null : answers.Contains(true);
    }

    private static bool? Equal(JsonElement element, uint value)
    {
        if (NftRuleset.TryGet(element, "range", out JsonElement ends))
        {
            return ends.ValueKind == JsonValueKind.Array && ends.GetArrayLength() == 2
                ? Matches(">=", ends[0], value) is not { } isAbove || Matches("<=", ends[1], value) is not { } isBelow ? null : isAbove && isBelow
                : null;
        }

        return Matches("==", element, value);
    }
}

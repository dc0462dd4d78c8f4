using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>A match on <c>ct state</c>, as a question about each of the states that a packet can have.</summary>
internal static class StateMatch
{
    /// <summary>All states: a packet has exactly one.</summary>
    public static readonly IReadOnlyList<uint> All = [Invalid, Established, Related, New, Untracked];

    private const uint Invalid = 1;
    private const uint Established = 2;
    private const uint Related = 4;
    private const uint New = 8;
    private const uint Untracked = 64;

    private static readonly Dictionary<string, uint> Names = new()
    {
        ["invalid"] = Invalid,
        ["established"] = Established,
        ["related"] = Related,
        ["new"] = New,
        ["untracked"] = Untracked,
    };

    /// <summary>The states of a packet that belongs to no connection.</summary>
    /// <param name="hasHelpers">Whether connections may announce others.</param>
    public static IEnumerable<uint> WithoutConnection(bool hasHelpers)
        => All.Where(state => state != Established && (hasHelpers || state != Related));

    /// <summary>Whether an expression is <c>ct state</c>.</summary>
    public static bool Is(JsonElement left)
        => left.ValueKind == JsonValueKind.Object && left.TryGetProperty("ct", out JsonElement ct)
            && ct.ValueKind == JsonValueKind.Object && ct.EnumerateObject().Count() == 1
            && ct.TryGetProperty("key", out JsonElement key) && key.ValueKind == JsonValueKind.String && key.ValueEquals("state");

    /// <summary>Answers for one state.</summary>
    /// <returns>Null where the match is not understood.</returns>
    public static bool? Matches(string operation, JsonElement right, uint state)
    {
        if (right.ValueKind == JsonValueKind.Object && right.TryGetProperty("set", out JsonElement set))
        {
            List<uint?> values = [.. (set.ValueKind == JsonValueKind.Array ? set.EnumerateArray().ToArray() : [set]).Select(Value)];
            return values.Contains(null) ? null : operation switch
            {
                "==" or "in" => values.Contains(state),
                "!=" => !values.Contains(state),
                _ => null,
            };
        }

        return Value(right) is not { } mask ? null : operation switch
        {
            "in" => (state & mask) != 0,
            "!" => (state & mask) == 0,
            "==" => state == mask,
            "!=" => state != mask,
            _ => null,
        };
    }

    private static uint? Value(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number when value.TryGetUInt32(out uint number):
                return number;
            case JsonValueKind.String when Names.TryGetValue(value.GetString()!, out uint named):
                return named;
            case JsonValueKind.Array:
                return value.EnumerateArray().Select(Value).Aggregate((uint?)0, (sum, item) => sum | item);
            case JsonValueKind.Object when value.TryGetProperty("|", out JsonElement parts):
                return Value(parts);
            default:
                return null;
        }
    }
}

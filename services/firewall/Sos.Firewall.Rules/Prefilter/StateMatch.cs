using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Connections;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>A match on <c>ct state</c>, as a question about each of the states that a packet can have.</summary>
internal static class StateMatch
{
    /// <summary>All states: a packet has exactly one.</summary>
    public static readonly IReadOnlyList<uint> All =
    [
        ConnectionStates.Invalid, ConnectionStates.Established, ConnectionStates.Related, ConnectionStates.New, ConnectionStates.Untracked,
    ];

    private static readonly Dictionary<string, uint> Names = new()
    {
        ["invalid"] = ConnectionStates.Invalid,
        ["established"] = ConnectionStates.Established,
        ["related"] = ConnectionStates.Related,
        ["new"] = ConnectionStates.New,
        ["untracked"] = ConnectionStates.Untracked,
    };

    /// <summary>Answers for one state.</summary>
    /// <returns>Null where the match is not understood.</returns>
    public static bool? Matches(string operation, JsonElement right, uint state)
    {
        if (NftRuleset.TryGet(right, "set", out JsonElement set))
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
            default:
                return NftRuleset.TryGet(value, "|", out JsonElement parts) ? Value(parts) : null;
        }
    }
}

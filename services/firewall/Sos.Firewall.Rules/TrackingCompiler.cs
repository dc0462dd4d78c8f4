using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Connections;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Compiles the matches on what the core's connection tracking knows of a packet: <c>ct state</c>, <c>ct direction</c>, <c>ct status</c>.</summary>
internal static class TrackingCompiler
{
    private static readonly Dictionary<string, uint> Directions = new() { ["original"] = 0, ["reply"] = 1 };

    // enum ip_conntrack_status: no packet here is expected or translated, which is exact, since nothing on the core does either.
    private static readonly Dictionary<string, uint> Statuses = new()
    {
        ["expected"] = 1,
        ["seen-reply"] = 2,
        ["assured"] = 4,
        ["confirmed"] = 8,
        ["snat"] = 16,
        ["dnat"] = 32,
        ["dying"] = 512,
    };

    /// <summary>Compiles a match.</summary>
    /// <param name="operation">Its operator.</param>
    /// <param name="ct">The <c>ct</c> expression.</param>
    /// <param name="right">The value.</param>
    /// <returns>The instruction; null where the match always succeeds.</returns>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public static Instruction? Compile(string operation, JsonElement ct, JsonElement right)
    {
        string key = NftRuleset.Text(ct, "key");
        if (ct.EnumerateObject().Count() != 1)
        {
            throw FieldReference.UnknownTracking(key);
        }

        return key switch
        {
            "state" => CompileState(operation, right),
            "direction" => Compare(operation, Field.FlowDirection, Read(right, Directions), isBits: false),
            "status" => Compare(operation, Field.FlowStatus, Read(right, Statuses), isBits: true),
            _ => throw FieldReference.UnknownTracking(key),
        };
    }

    // A packet has exactly one state.
    private static Instruction? CompileState(string operation, JsonElement right)
        => TrackingMatch.StatesOf(operation, right) is not { } states ? throw Bad(right)
            : states == ConnectionStates.All ? null
            : new Instruction { Operation = Operation.EqualsMasked, Field = Field.Connection, A = ~states, B = 0 };

    private static Instruction Compare(string operation, Field field, uint value, bool isBits)
    {
        (uint mask, uint wanted, bool negate) = operation switch
        {
            "==" => (uint.MaxValue, value, false),
            "!=" => (uint.MaxValue, value, true),
            "in" when isBits => (value, 0u, true),
            "!" when isBits => (value, 0u, false),
            _ => throw new RuleException(RuleDiagnosticIds.Expression, $"the operator \"{operation}\" is not supported here"),
        };
        return new Instruction { Operation = Operation.EqualsMasked, Field = field, A = mask, B = wanted, Negate = negate ? (byte)1 : (byte)0 };
    }

    private static uint Read(JsonElement value, Dictionary<string, uint> names)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number when value.TryGetUInt32(out uint number):
                return number;
            case JsonValueKind.String when names.TryGetValue(value.GetString()!, out uint named):
                return named;
            case JsonValueKind.Array:
                return value.EnumerateArray().Aggregate(0u, (sum, item) => sum | Read(item, names));
            default:
                return NftRuleset.TryGet(value, "|", out JsonElement parts) ? Read(parts, names) : throw Bad(value);
        }
    }

    private static RuleException Bad(JsonElement value)
        => new(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(value)} is no value of connection tracking that the core knows");
}

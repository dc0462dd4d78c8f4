using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>Reads the shape of a rule's statements, without asking what they match.</summary>
internal static class StatementShape
{
    /// <summary>A statement's name: it is an object of one property; anything else has none.</summary>
    public static string Name(JsonElement statement)
        => statement.ValueKind == JsonValueKind.Object && statement.EnumerateObject().Count() == 1
            ? NftRuleset.SingleProperty(statement).Name
            : string.Empty;

    /// <summary>The value behind a statement's name.</summary>
    public static JsonElement Value(JsonElement statement)
        => Name(statement).Length > 0 ? NftRuleset.SingleProperty(statement).Value : default;

    /// <summary>A property that is a string, or null.</summary>
    public static string? Text(JsonElement element, string name)
        => NftRuleset.TryGet(element, name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    /// <summary>Whether a statement sets what ends with the packet: its mark, priority or trace.</summary>
    public static bool IsMark(JsonElement statement)
        => TryGetChanged(statement, out JsonElement key) && NftRuleset.TryGet(key, "meta", out JsonElement meta)
            && Text(meta, "key") is "mark" or "priority" or "nftrace";

    /// <summary>Whether a statement changes a field of the packet that the core never looks at, and nothing else.</summary>
    public static bool IsUnseenChange(JsonElement statement)
        => TryGetChanged(statement, out JsonElement key)
            && ((NftRuleset.TryGet(key, "payload", out JsonElement payload) && $"{Text(payload, "protocol")} {Text(payload, "field")}" is "ip dscp"
                    or "ip ecn" or "ip ttl" or "ip6 dscp" or "ip6 ecn" or "ip6 hoplimit" or "ip6 flowlabel")
                || (NftRuleset.TryGet(key, "tcp option", out JsonElement option) && Text(option, "name") == "maxseg"));

    private static bool TryGetChanged(JsonElement statement, out JsonElement key)
    {
        key = default;
        return Name(statement) == "mangle" && NftRuleset.TryGet(Value(statement), "key", out key);
    }
}

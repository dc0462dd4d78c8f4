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

    /// <summary>
    /// Whether a statement may end its rule for a packet though nft lists no match for it: what it looks up may be missing (NFT_BREAK). Those are
    /// named that certainly do not; of what is not known it may be so. Matches, verdict maps and limits are read by themselves.
    /// </summary>
    public static bool MayBreak(JsonElement statement) => Name(statement) switch
    {
        "match" or "vmap" or "limit" or "log" or "notrack" or "comment" => false,
        "continue" or "accept" or "drop" or "return" or "jump" or "goto" or "reject" => false,
        "counter" => !IsOwnCounter(Value(statement)),
        "mangle" => !(IsMark(statement) && NftRuleset.TryGet(Value(statement), "value", out JsonElement value) && IsAtHand(value)),
        _ => true,
    };

    // Its own numbers, or the name of one; with a map the packet chooses the counter.
    private static bool IsOwnCounter(JsonElement counter)
        => counter.ValueKind is JsonValueKind.Null or JsonValueKind.String
            || (counter.ValueKind == JsonValueKind.Object && counter.EnumerateObject().All(property => property.Name is "packets" or "bytes"));

    // A number, or one made of such and of what each packet has.
    private static bool IsAtHand(JsonElement value)
        => value.ValueKind is JsonValueKind.Number or JsonValueKind.String or JsonValueKind.True or JsonValueKind.False
            || (NftRuleset.TryGet(value, "meta", out JsonElement meta) && Text(meta, "key") is "mark" or "priority")
            || (Name(value) is "|" or "&" or "^" or "<<" or ">>" && Value(value).ValueKind == JsonValueKind.Array
                && Value(value).EnumerateArray().All(IsAtHand));

    private static bool TryGetChanged(JsonElement statement, out JsonElement key)
    {
        key = default;
        return Name(statement) == "mangle" && NftRuleset.TryGet(Value(statement), "key", out key);
    }
}

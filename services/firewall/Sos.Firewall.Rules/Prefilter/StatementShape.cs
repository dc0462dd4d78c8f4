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
        => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    /// <summary>Whether a statement sets what ends with the packet: its mark, priority or trace.</summary>
    public static bool IsMark(JsonElement statement)
        => Name(statement) == "mangle" && Value(statement) is { ValueKind: JsonValueKind.Object } value
            && value.TryGetProperty("key", out JsonElement key) && key.ValueKind == JsonValueKind.Object
            && key.TryGetProperty("meta", out JsonElement meta) && Text(meta, "key") is "mark" or "priority" or "nftrace";
}

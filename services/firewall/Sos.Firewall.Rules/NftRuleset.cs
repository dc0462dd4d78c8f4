using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules;

/// <summary>A ruleset as <c>nft -j list ruleset</c> prints it (libnftables-json(5)), split into its objects.</summary>
public sealed class NftRuleset
{
    /// <summary>All chains, in the order of the listing.</summary>
    public List<NftChain> Chains { get; } = [];

    /// <summary>Sets by "family table name".</summary>
    public Dictionary<string, JsonElement> Sets { get; } = [];

    /// <summary>Maps by "family table name".</summary>
    public Dictionary<string, JsonElement> Maps { get; } = [];

    /// <summary>Named counters by "family table name".</summary>
    public Dictionary<string, JsonElement> Counters { get; } = [];

    /// <summary>Named limits by "family table name".</summary>
    public Dictionary<string, JsonElement> Limits { get; } = [];

    /// <summary>The named quotas, by "family table name".</summary>
    public Dictionary<string, JsonElement> Quotas { get; } = [];

    /// <summary>Tables as "family name", with whether they are dormant.</summary>
    public Dictionary<string, bool> Tables { get; } = [];

    /// <summary>Objects of kinds that are not understood, and where they stand.</summary>
    public List<(string Kind, string Place)> Unknown { get; } = [];

    /// <summary>A rule's key among all rules.</summary>
    public static string RuleKey(string family, string table, long handle) => $"{family} {table} {handle}";

    /// <summary>Reads a listing.</summary>
    /// <exception cref="JsonException">It is not shaped like one.</exception>
    public static NftRuleset Read(JsonElement root)
    {
        if (!TryGet(root, "nftables", out JsonElement objects) || objects.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("there is no array \"nftables\"");
        }

        NftRuleset ruleset = new();
        Dictionary<string, NftChain> byName = [];
        foreach (JsonElement wrapper in objects.EnumerateArray())
        {
            (string kind, JsonElement value) = SingleProperty(wrapper);
            ruleset.Add(kind, value, byName);
        }

        return ruleset;
    }

    /// <summary>An object's only property; JSON expressions and statements are such objects.</summary>
    /// <exception cref="JsonException">It is no object, or not of one property.</exception>
    public static (string Name, JsonElement Value) SingleProperty(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            JsonElement.ObjectEnumerator properties = element.EnumerateObject();
            if (properties.MoveNext())
            {
                JsonProperty first = properties.Current;
                if (!properties.MoveNext())
                {
                    return (first.Name, first.Value);
                }
            }
        }

        throw new JsonException($"expected an object of one property, found {Shorten(element)}");
    }

    /// <summary>Gets a property of an element, if that is an object and has it.</summary>
    public static bool TryGet(JsonElement element, string name, out JsonElement value)
    {
        value = default;
        return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out value);
    }

    /// <summary>A property that must be a string.</summary>
    /// <exception cref="JsonException">It is missing or none.</exception>
    public static string Text(JsonElement element, string name)
        => TryGet(element, name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw new JsonException($"expected a string \"{name}\" in {Shorten(element)}");

    /// <summary>A property that must be a whole number.</summary>
    /// <exception cref="JsonException">It is missing or none.</exception>
    public static long Number(JsonElement element, string name)
        => TryGet(element, name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt64(out long number)
            ? number
            : throw new JsonException($"expected a number \"{name}\" in {Shorten(element)}");

    /// <summary>The JSON of an element, cut to a length that fits a message.</summary>
    public static string Shorten(JsonElement element)
    {
        string text = element.GetRawText();
        return text.Length <= 100 ? text : text[..97] + "...";
    }

    private void Add(string kind, JsonElement value, Dictionary<string, NftChain> byName)
    {
        switch (kind)
        {
            case "metainfo":
                break;
            case "table":
                Tables[$"{Text(value, "family")} {Text(value, "name")}"] = IsDormant(value);
                break;
            case "chain":
                NftChain chain = NftChain.Read(value);
                Chains.Add(chain);
                byName[Key(value, "name")] = chain;
                break;
            case "rule":
                if (!byName.TryGetValue(Key(value, "chain"), out NftChain? owner))
                {
                    throw new JsonException($"rule of a chain that is not listed: {Shorten(value)}");
                }

                owner.Rules.Add(NftRule.Read(value));
                break;
            case "set":
                Sets[Key(value, "name")] = value;
                break;
            case "counter":
                Counters[Key(value, "name")] = value;
                break;
            case "map":
                Maps[Key(value, "name")] = value;
                break;
            default:
                if (kind == "limit")
                {
                    Limits[Key(value, "name")] = value;
                }
                else if (kind == "quota")
                {
                    Quotas[Key(value, "name")] = value;
                }

                Unknown.Add((kind, Shorten(value)));
                break;
        }
    }

    /// <summary>An object's key among those of its kind.</summary>
    private static string Key(JsonElement value, string nameProperty)
        => $"{Text(value, "family")} {Text(value, "table")} {Text(value, nameProperty)}";

    private static bool IsDormant(JsonElement table)
    {
        return TryGet(table, "flags", out JsonElement flags) && HasText(flags, "dormant");
    }

    /// <summary>Whether an element is that text, or an array with it.</summary>
    internal static bool HasText(JsonElement element, string text)
        => element.ValueKind == JsonValueKind.Array
            ? element.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.String && item.ValueEquals(text))
            : element.ValueKind == JsonValueKind.String && element.ValueEquals(text);
}

/// <summary>A chain of a listing.</summary>
public sealed class NftChain
{
    private NftChain(string family, string table, string name)
    {
        Family = family;
        Table = table;
        Name = name;
    }

    /// <summary>The family of its table.</summary>
    public string Family { get; }

    /// <summary>Its table.</summary>
    public string Table { get; }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The type of a base chain ("filter"), else null.</summary>
    public string? Type { get; private init; }

    /// <summary>The hook of a base chain.</summary>
    public string? Hook { get; private init; }

    /// <summary>Whether a base chain sees what Linux sends.</summary>
    internal bool IsSent => Hook is "output" or "postrouting";

    /// <summary>The device of a base chain, if there is one.</summary>
    public string? Device { get; private init; }

    /// <summary>The priority of a base chain.</summary>
    public long Priority { get; private init; }

    /// <summary>Whether the policy of a base chain is to drop.</summary>
    public bool PolicyDrop { get; private init; }

    /// <summary>Its rules.</summary>
    public List<NftRule> Rules { get; } = [];

    /// <summary>Its place for messages.</summary>
    public string Place => $"table {Family} {Table}, chain {Name}";

    /// <summary>A chain of its table by another name, without rules and with a policy of its own.</summary>
    internal NftChain Named(string name, bool policyDrop) => new(Family, Table, name)
    {
        Type = Type,
        Hook = Hook,
        Priority = Priority,
        PolicyDrop = policyDrop,
    };

    /// <summary>Reads a chain.</summary>
    public static NftChain Read(JsonElement value)
    {
        string family = NftRuleset.Text(value, "family");
        string table = NftRuleset.Text(value, "table");
        string name = NftRuleset.Text(value, "name");
        if (!NftRuleset.TryGet(value, "hook", out _))
        {
            return new NftChain(family, table, name);
        }

        string policy = NftRuleset.TryGet(value, "policy", out _) ? NftRuleset.Text(value, "policy") : "accept";
        if (policy is not ("accept" or "drop"))
        {
            throw new JsonException($"unknown policy {policy}");
        }

        return new NftChain(family, table, name)
        {
            Type = NftRuleset.Text(value, "type"),
            Hook = NftRuleset.Text(value, "hook"),
            Device = NftRuleset.TryGet(value, "dev", out JsonElement device) ? NftRuleset.Shorten(device) : null,
            Priority = NftRuleset.Number(value, "prio"),
            PolicyDrop = policy == "drop",
        };
    }
}

/// <summary>A rule of a listing.</summary>
/// <param name="Handle">Its number in its table.</param>
/// <param name="Statements">Its matches and statements, an array.</param>
public sealed record NftRule(long Handle, JsonElement Statements)
{
    /// <summary>Reads a rule.</summary>
    public static NftRule Read(JsonElement value)
        => NftRuleset.TryGet(value, "expr", out JsonElement statements) && statements.ValueKind == JsonValueKind.Array
            ? new NftRule(NftRuleset.Number(value, "handle"), statements)
            : throw new JsonException($"rule without statements: {NftRuleset.Shorten(value)}");
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>A set as a listing declares it.</summary>
/// <param name="Family">The family of its table.</param>
/// <param name="Table">Its table.</param>
/// <param name="Name">Its name.</param>
/// <param name="Type">nft's name of its type.</param>
/// <param name="IsInterval">Whether its elements are intervals.</param>
public sealed record SetDeclaration(string Family, string Table, string Name, string Type, bool IsInterval)
{
    /// <summary>Its key among all sets, "family table name".</summary>
    public string Key => $"{Family} {Table} {Name}";
}

/// <summary>Reads elements of sets that a listing leaves out.</summary>
public interface IElementSource
{
    /// <summary>Reads the elements of a set whose type has a <see cref="KnownElements.KeySize"/>.</summary>
    /// <returns>Null where nft must list them.</returns>
    KnownElements? Read(SetDeclaration set);
}

/// <summary>Completes a listing without elements (<c>nft -t</c>): those of plain sets come from a source, others from nft, set by set.</summary>
internal static class ElementListing
{
    // Beyond it is quicker to list all at once.
    private const int ListedSetsMax = 16;

    /// <summary>Completes a listing.</summary>
    /// <returns>Null where nft must list the whole ruleset.</returns>
    public static RulesetListing? Complete(RulesetListing terse, IElementSource source)
    {
        List<SetDeclaration> plain = [];
        List<(string Kind, string Family, string Table, string Name)> others = [];
        using (JsonDocument document = JsonDocument.Parse(terse.Json))
        {
            foreach (JsonElement wrapper in document.RootElement.GetProperty("nftables").EnumerateArray())
            {
                (string kind, JsonElement value) = NftRuleset.SingleProperty(wrapper);
                if (kind is not ("set" or "map"))
                {
                    continue;
                }

                if (kind == "set" && Declaration(value) is { } set)
                {
                    plain.Add(set);
                }
                else if (kind == "map" || !HasFlag(value, "dynamic"))
                {
                    others.Add((kind, NftRuleset.Text(value, "family"), NftRuleset.Text(value, "table"), NftRuleset.Text(value, "name")));
                }
            }
        }

        if (others.Count > ListedSetsMax)
        {
            return null;
        }

        Dictionary<string, KnownElements> elements = [];
        foreach (SetDeclaration set in plain)
        {
            if (source.Read(set) is { } read)
            {
                elements.Add(set.Key, read);
            }
            else
            {
                others.Add(("set", set.Family, set.Table, set.Name));
            }
        }

        return terse with { Elements = elements, Json = others.Count == 0 ? terse.Json : Insert(terse.Json, others) };
    }

    // Timeouts, counters and what packets change are left to nft.
    private static SetDeclaration? Declaration(JsonElement set)
        => NftRuleset.TryGet(set, "type", out JsonElement type) && type.ValueKind == JsonValueKind.String
            && KnownElements.KeySize(type.GetString()!) > 0
            && !NftRuleset.TryGet(set, "stmt", out _) && !NftRuleset.TryGet(set, "timeout", out _)
            && !HasFlag(set, "timeout") && !HasFlag(set, "dynamic")
            ? new SetDeclaration(
                NftRuleset.Text(set, "family"), NftRuleset.Text(set, "table"), NftRuleset.Text(set, "name"), type.GetString()!, HasFlag(set, "interval"))
            : null;

    private static bool HasFlag(JsonElement set, string flag)
        => NftRuleset.TryGet(set, "flags", out JsonElement flags) && NftRuleset.HasText(flags, flag);

    /// <summary>Puts sets and maps as nft lists them alone into a listing.</summary>
    private static ReadOnlyMemory<byte> Insert(ReadOnlyMemory<byte> json, List<(string Kind, string Family, string Table, string Name)> others)
    {
        JsonObject root = JsonNode.Parse(json.Span)!.AsObject();
        Dictionary<string, JsonObject> byKey = [];
        foreach (JsonNode? wrapper in root["nftables"]!.AsArray())
        {
            foreach (string kind in (string[])["set", "map"])
            {
                if (wrapper![kind] is JsonObject value)
                {
                    byKey[$"{kind} {value["family"]} {value["table"]} {value["name"]}"] = value;
                }
            }
        }

        foreach ((string kind, string family, string table, string name) in others)
        {
            JsonArray listed = JsonNode.Parse(RulesetLister.Run("nft", ["-j", "-n", "list", kind, family, table, name]))!["nftables"]!.AsArray();
            if (listed.Select(one => one![kind]).OfType<JsonObject>().FirstOrDefault() is { } whole && whole["elem"] is { } elements)
            {
                byKey[$"{kind} {family} {table} {name}"]["elem"] = elements.DeepClone();
            }
        }

        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }
}

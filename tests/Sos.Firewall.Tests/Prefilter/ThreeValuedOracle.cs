using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>
/// A plain three-valued interpreter of nft's JSON: it follows every evaluation that the rules allow when whatever <see cref="NftOracle"/> does
/// not know may match or not. Slow, simple, and made of nothing that the compiler is made of.
/// </summary>
internal sealed class ThreeValuedOracle(JsonElement root, string portName)
{
    // The only match on states that is sure: one of all five.
    private const string EveryState = """{"op": "in", "left": {"ct": {"key": "state"}}, "right": [1, 2, 4, 8, 64]}""";

    private static readonly string[] Hooks = ["prerouting", "input"];

    private readonly NftOracle _known = new(root, portName);
    private readonly List<JsonElement> _objects = [.. root.GetProperty("nftables").EnumerateArray()];

    /// <summary>The outcomes that a rule or chain may have.</summary>
    [Flags]
    private enum Ends
    {
        None = 0,
        Next = 1,
        Return = 2,
        Accept = 4,
        Drop = 8,
        Effect = 16,
        GoesOn = 32, // in the same rule
    }

    /// <summary>Whether every evaluation drops the frame, and none does anything else that lasts.</summary>
    public bool MustDrop(byte[] frame)
    {
        bool isIpv4 = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == 0x0800;
        NftOracle.View view = (isIpv4 ? NftOracle.View.Ipv4(frame[14..]) : NftOracle.View.Ipv6(frame[14..]))
            ?? throw new ArgumentException("the frame is malformed", nameof(frame));
        IEnumerable<IGrouping<(int, int), JsonElement>> places = _objects
            .Where(item => item.TryGetProperty("chain", out JsonElement chain) && chain.TryGetProperty("hook", out _))
            .Select(item => item.GetProperty("chain"))
            .Where(chain => chain.GetProperty("family").GetString() != (isIpv4 ? "ip6" : "ip"))
            .GroupBy(chain => (Array.IndexOf(Hooks, chain.GetProperty("hook").GetString()), chain.GetProperty("prio").GetInt32()))
            .OrderBy(group => group.Key);
        foreach (IGrouping<(int, int), JsonElement> place in places)
        {
            List<Ends> ends = [.. place.Select(chain => EndsOf(chain, view))];
            if (ends.Exists(end => end.HasFlag(Ends.Effect)))
            {
                return false; // Whatever comes first on this priority.
            }

            if (ends.Exists(end => end == Ends.Drop))
            {
                return true;
            }
        }

        return false;
    }

    private Ends EndsOf(JsonElement chain, NftOracle.View view)
    {
        Ends ends = Walk(Text(chain, "family"), Text(chain, "table"), Text(chain, "name"), 0, view);
        return ends.HasFlag(Ends.Return)
            ? (ends & ~Ends.Return) | (Text(chain, "policy") == "drop" ? Ends.Drop : Ends.Accept)
            : ends;
    }

    /// <summary>All that may come of a chain; its end is a return.</summary>
    private Ends Walk(string family, string table, string chain, int from, NftOracle.View? view)
    {
        Ends all = Ends.None;
        List<JsonElement> rules = [.. _objects.Where(item => item.TryGetProperty("rule", out JsonElement rule)
            && Text(rule, "family") == family && Text(rule, "table") == table && Text(rule, "chain") == chain).Select(item => item.GetProperty("rule"))];
        for (int i = from; i < rules.Count; i++)
        {
            int next = i + 1;
            Ends ends = Run(family, table, rules[i].GetProperty("expr"), view, () => AllDrops(family, table, chain, next));
            all |= ends & ~Ends.Next;
            if (!ends.HasFlag(Ends.Next))
            {
                return all;
            }
        }

        return all | Ends.Return;
    }

    /// <summary>Whether the rest of a chain drops every packet there is.</summary>
    private bool AllDrops(string family, string table, string chain, int from)
    {
        JsonElement own = _objects.Where(item => item.TryGetProperty("chain", out _)).Select(item => item.GetProperty("chain"))
            .First(item => Text(item, "family") == family && Text(item, "table") == table && Text(item, "name") == chain);
        Ends ends = Walk(family, table, chain, from, view: null);
        bool drops = own.TryGetProperty("policy", out JsonElement policy) && policy.GetString() == "drop";
        return ends == Ends.Drop || (drops && (ends & ~Ends.Return) is Ends.None or Ends.Drop);
    }

    private Ends Run(string family, string table, JsonElement statements, NftOracle.View? view, Func<bool>? restDrops = null)
    {
        Ends all = Ends.None;
        foreach (JsonElement statement in statements.EnumerateArray())
        {
            JsonProperty property = statement.EnumerateObject().First();
            switch (property.Name)
            {
                case "match":
                    bool? matches = Matches(family, table, property.Value, view);
                    if (matches == false)
                    {
                        return all | Ends.Next;
                    }

                    all |= matches is null ? Ends.Next : Ends.None;
                    break;
                case "accept":
                    return all | Ends.Accept;
                case "drop":
                    return all | Ends.Drop;
                case "return":
                    return all | Ends.Return;
                case "goto":
                    return all | Walk(family, table, Text(property.Value, "target"), 0, view);
                case "jump":
                    Ends inner = Walk(family, table, Text(property.Value, "target"), 0, view);
                    return all | (inner & ~Ends.Return) | (inner.HasFlag(Ends.Return) ? Ends.Next : Ends.None);
                case "counter" or "mangle": // of those that are generated, "mangle" sets the mark
                    all |= property.Value.GetRawText().Contains("\"map\"", StringComparison.Ordinal)
                        || property.Value.GetRawText().Contains("\"ct\"", StringComparison.Ordinal) ? Ends.Next : Ends.None;
                    break;
                case "continue" or "notrack":
                    break;
                case "log":
                    break; // Linux gets a share of these packets, whatever becomes of them.
                case "limit" when DecidesNothing(family, table, statements, property.Value, restDrops):
                    all |= Ends.Next;
                    break;
                case "vmap":
                    Ends found = LookUp(family, table, property.Value, view);
                    all |= found & ~Ends.GoesOn;
                    if (!found.HasFlag(Ends.GoesOn))
                    {
                        return all;
                    }

                    break;
                default:
                    return all | Ends.Effect;
            }
        }

        return all | Ends.Next;
    }

    // How many packets a limit has seen then shows in what is logged, and in nothing else.
    private bool DecidesNothing(string family, string table, JsonElement statements, JsonElement limit, Func<bool>? restDrops)
    {
        List<JsonProperty> others = [.. statements.EnumerateArray().Select(statement => statement.EnumerateObject().First())];
        return limit.ValueKind == JsonValueKind.Object && !limit.TryGetProperty("inv", out _) && !limit.TryGetProperty("rate_unit", out _)
            && !others.Exists(other => other.Name is "accept" or "return" or "goto" or "vmap" or "mangle" or "quota")
            && others.TrueForAll(other => other.Name switch
            {
                "drop" => restDrops?.Invoke() == true,
                "jump" => Walk(family, table, Text(other.Value, "target"), 0, view: null) == Ends.Return,
                _ => true,
            });
    }

    /// <summary>All that may come of a verdict map: of each element that may match, and of none.</summary>
    private Ends LookUp(string family, string table, JsonElement map, NftOracle.View? view)
    {
        Ends all = Ends.None;
        foreach (JsonElement element in map.GetProperty("data").GetProperty("set").EnumerateArray())
        {
            bool? matches = IsKey(family, table, map.GetProperty("key"), element[0], view);
            if (matches == false)
            {
                continue;
            }

            all |= element[1].TryGetProperty("continue", out _) ? Ends.GoesOn
                : Run(family, table, JsonSerializer.SerializeToElement(new[] { element[1] }), view);
            if (matches == true)
            {
                return all;
            }
        }

        return all | Ends.Next;
    }

    private bool? IsKey(string family, string table, JsonElement key, JsonElement value, NftOracle.View? view)
    {
        if (!key.TryGetProperty("concat", out JsonElement keys))
        {
            return Matches(family, table, JsonSerializer.SerializeToElement(new { op = "==", left = key, right = value }), view);
        }

        List<bool?> parts = [.. keys.EnumerateArray().Zip(value.GetProperty("concat").EnumerateArray())
            .Select(pair => IsKey(family, table, pair.First, pair.Second, view))];
        return parts.Contains(false) ? false : parts.Contains(null) ? null : true;
    }

    private bool? Matches(string family, string table, JsonElement match, NftOracle.View? view)
    {
        if (view is null)
        {
            return null;
        }

        if (match.GetRawText().Contains(EveryState, StringComparison.Ordinal))
        {
            return true;
        }

        try
        {
            return _known.Matches(family, table, match, view);
        }
        catch (Exception unknown) when (unknown is NotSupportedException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sos.Firewall.Sets;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>A set that packets fill, or whose elements go by themselves, as it was declared and as rules use it.</summary>
/// <param name="name">Its name.</param>
/// <param name="declared">Its declaration; undefined for a meter.</param>
/// <param name="fills">The statements that fill it.</param>
internal sealed class FilledSet(string name, JsonElement declared, IReadOnlyList<SetStatement> fills)
{
    /// <summary>Whether the elements of the declaration have the statements of the declaration.</summary>
    public bool ListedHaveLimits => LimitOf(DeclaredStatements) is not null;

    /// <summary>Whether elements count packets, which is not kept.</summary>
    public bool Counts => DeclaredStatements.Concat(fills.SelectMany(fill => fill.Statements)).Any(statement => NftRuleset.TryGet(statement, "counter", out _));

    private IReadOnlyList<JsonElement> DeclaredStatements
        => !NftRuleset.TryGet(declared, "stmt", out JsonElement own) ? [] : own.ValueKind == JsonValueKind.Array ? [.. own.EnumerateArray()] : [own];

    /// <summary>Whether an element that a statement adds has a limit.</summary>
    public bool Limits(SetStatement fill) => LimitOf(fill.Statements.Count != 0 ? fill.Statements : DeclaredStatements) is not null;

    /// <summary>Reads the limit that its elements have.</summary>
    /// <returns>Null where none has.</returns>
    /// <exception cref="RuleException">They have different ones, or other statements.</exception>
    public RateLimit? ReadLimit()
    {
        List<RateLimit> limits = [.. fills.Select(fill => fill.Statements).Append(DeclaredStatements)
            .Select(LimitOf).OfType<JsonElement>().Select(LimitReader.Read).Distinct()];
        return limits.Count switch
        {
            0 => null,
            1 => limits[0],
            _ => throw new RuleException(
                RuleDiagnosticIds.Set, $"elements of set \"{name}\" have different limits, which is not supported: give each its own set"),
        };
    }

    /// <summary>Reads the declaration.</summary>
    /// <param name="key">Its place among all sets, which its elements keep from table to table.</param>
    /// <param name="fields">The fields that make an element.</param>
    /// <param name="elements">Elements that it was declared with.</param>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public DynamicSet Read(string key, IReadOnlyList<FieldReference> fields, int elements)
    {
        if (NftRuleset.TryGet(declared, "flags", out JsonElement flags) && NftRuleset.HasText(flags, "interval"))
        {
            throw new RuleException(RuleDiagnosticIds.Set, $"set \"{name}\" has intervals that go by themselves or count, which is not supported");
        }

        int halves = fields.Sum(field => SetAccess.IsLong(field.Field) ? 4 : 1);
        if (halves > SetKey.HalvesMax)
        {
            throw new RuleException(RuleDiagnosticIds.Set, $"elements of set \"{name}\" have more than {SetKey.HalvesMax * 32} bits, which is not supported");
        }

        long capacity = fills.Any(fill => fill.Operation != SetOperation.Delete) ? ReadSize() : Math.Max(elements, 1);
        if (capacity is <= 0 or > FirewallHeader.DynamicElementsMax || elements > FirewallHeader.ListedElementsMax)
        {
            throw new RuleException(
                RuleDiagnosticIds.Limit, $"set \"{name}\" has room for {capacity} elements and brings {elements}; the firewall has room for "
                    + $"{FirewallHeader.DynamicElementsMax} that packets add and {FirewallHeader.ListedElementsMax} that the rules bring");
        }

        RateLimit? limit = ReadLimit();
        ulong timeout = NftRuleset.TryGet(declared, "timeout", out _) ? SetStatement.ReadTime(declared, "timeout") : 0;
        string all = $"{key}\n{string.Join(' ', fields.Select(field => field.Type))}\n{capacity} {timeout} {limit is null}"
            + $"\n{limit?.Rate} {limit?.Nanoseconds} {limit?.TokensMax} {limit?.CountsBytes} {limit?.IsOver}";
        return new DynamicSet
        {
            Name = BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes(all))),
            TimeoutNs = timeout,
            Capacity = (uint)capacity,
            KeyLength = (uint)(halves + 1) / 2,
            HasLimit = limit is null ? 0u : 1,
            Limit = limit ?? default,
        };
    }

    /// <summary>Reads the elements of the declaration.</summary>
    /// <param name="fields">The fields that make an element.</param>
    /// <returns>Of each the ns that it stays, 0 for good, and the words of its key.</returns>
    /// <exception cref="RuleException">One is no plain value.</exception>
    public List<ulong> ReadElements(IReadOnlyList<FieldReference> fields)
    {
        List<ulong> words = [];
        if (NftRuleset.TryGet(declared, "elem", out JsonElement elements))
        {
            foreach (JsonElement element in elements.ValueKind == JsonValueKind.Array ? elements.EnumerateArray().ToArray() : [elements])
            {
                JsonElement value = element;
                if (NftRuleset.TryGet(element, "elem", out JsonElement details) && !NftRuleset.TryGet(details, "val", out value))
                {
                    throw NoElement(element);
                }

                words.Add(details.ValueKind == JsonValueKind.Object ? TimeLeft(details) : 0);
                AddKey(words, value, fields);
            }
        }

        return words;
    }

    /// <summary>The time that an element has left. The listing came a moment after it was made: then it has the whole of it.</summary>
    private ulong TimeLeft(JsonElement element)
    {
        const ulong Moment = 2_000_000_000;
        ulong timeout = NftRuleset.TryGet(element, "timeout", out _) ? SetStatement.ReadTime(element, "timeout")
            : NftRuleset.TryGet(declared, "timeout", out _) ? SetStatement.ReadTime(declared, "timeout") : 0;
        ulong left = NftRuleset.TryGet(element, "expires", out _) ? SetStatement.ReadTime(element, "expires") : timeout;
        return timeout == 0 ? 0 : left + Moment > timeout ? timeout : Math.Max(left, 1);
    }

    private void AddKey(List<ulong> words, JsonElement value, IReadOnlyList<FieldReference> fields)
    {
        JsonElement[] parts = NftRuleset.TryGet(value, "concat", out JsonElement together) && together.ValueKind == JsonValueKind.Array
            ? [.. together.EnumerateArray()] : [value];
        if (parts.Length != fields.Count)
        {
            throw NoElement(value);
        }

        SetKey key = default;
        for (int i = 0; i < parts.Length; i++)
        {
            Interval interval = ValueReader.ReadInterval(parts[i], fields[i].Type);
            if (interval.First != interval.Last)
            {
                throw NoElement(value);
            }

            if (SetAccess.IsLong(fields[i].Field))
            {
                key.Append(IntervalSetBuilder.ToAddress(interval.First));
            }
            else
            {
                key.Append((uint)interval.First);
            }
        }

        for (int i = 0; i < key.Length; i++)
        {
            words.Add(key[i]);
        }
    }

    private long ReadSize()
        => fills.Select(fill => fill.MeterSize).OfType<long>().FirstOrDefault(
            NftRuleset.TryGet(declared, "size", out _) ? NftRuleset.Number(declared, "size") : FilledSets.SizeDefault);

    private JsonElement? LimitOf(IReadOnlyList<JsonElement> statements)
    {
        JsonElement? found = null;
        foreach (JsonElement statement in statements)
        {
            (string kind, JsonElement value) = NftRuleset.SingleProperty(statement);
            if (kind == "limit" && found is null)
            {
                found = value;
            }
            else if (kind != "counter")
            {
                throw new RuleException(
                    RuleDiagnosticIds.Statement,
                    $"\"{kind}\" for each element of set \"{name}\" is not supported: elements have one \"limit\", or \"counter\"");
            }
        }

        return found;
    }

    private RuleException NoElement(JsonElement element)
        => new(RuleDiagnosticIds.Set, $"{NftRuleset.Shorten(element)} is no element of set \"{name}\" that the firewall knows");
}

using System;
using System.Collections.Generic;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>A statement by which packets fill a set: <c>add</c>, <c>update</c> and <c>delete</c>, and <c>meter</c>, which has a set of its own.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Set">The set's name.</param>
/// <param name="Key">The expression that makes an element.</param>
/// <param name="TimeoutNs">The time that the element stays; 0 for the set's own.</param>
/// <param name="Statements">The statements that each element has for itself.</param>
/// <param name="MeterSize">Elements of a meter; null for a set that is declared.</param>
internal sealed record SetStatement(
    SetOperation Operation, string Set, JsonElement Key, ulong TimeoutNs, IReadOnlyList<JsonElement> Statements, long? MeterSize)
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    // Beyond, a time in nanoseconds that is added to the clock's would come round.
    private const long SecondsMax = 1_000_000_000;

    /// <summary>Whether a statement is one.</summary>
    public static bool Is(string kind) => kind is "set" or "meter";

    /// <summary>Reads a statement, if it is one that can be read. Others are refused with their rule.</summary>
    /// <param name="statement">Any statement.</param>
    public static SetStatement? TryRead(JsonElement statement)
    {
        string kind = NftRuleset.TryGet(statement, "meter", out JsonElement value) ? "meter" : "set";
        try
        {
            return kind == "meter" || NftRuleset.TryGet(statement, "set", out value) ? Read(kind, value) : null;
        }
        catch (Exception unread) when (unread is RuleException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Reads a statement.</summary>
    /// <param name="kind">"set" or "meter".</param>
    /// <param name="value">Its value.</param>
    /// <exception cref="RuleException">It is none that the firewall knows.</exception>
    /// <exception cref="JsonException">It is not shaped like one.</exception>
    public static SetStatement Read(string kind, JsonElement value)
    {
        bool isMeter = kind == "meter";
        if (!NftRuleset.TryGet(value, isMeter ? "key" : "elem", out JsonElement key))
        {
            throw new RuleException(RuleDiagnosticIds.Statement, $"{NftRuleset.Shorten(value)} names no element");
        }

        ulong timeout = 0;
        if (NftRuleset.TryGet(key, "elem", out JsonElement element))
        {
            timeout = NftRuleset.TryGet(element, "timeout", out _) ? ReadTime(element, "timeout") : 0;
            key = NftRuleset.TryGet(element, "val", out JsonElement inner)
                ? inner
                : throw new RuleException(RuleDiagnosticIds.Statement, $"{NftRuleset.Shorten(element)} names no element");
        }

        IReadOnlyList<JsonElement> statements = !NftRuleset.TryGet(value, "stmt", out JsonElement own) ? []
            : own.ValueKind == JsonValueKind.Array ? [.. own.EnumerateArray()] : [own];
        if (isMeter)
        {
            // nft makes it so: an element of a meter with a time begins it anew with each packet.
            long size = NftRuleset.TryGet(value, "size", out _) ? NftRuleset.Number(value, "size") : FilledSets.SizeDefault;
            return new SetStatement(
                timeout != 0 ? SetOperation.Update : SetOperation.Add, NftRuleset.Text(value, "name"), key, timeout, statements, size);
        }

        return new SetStatement(ReadOperation(NftRuleset.Text(value, "op")), NftRuleset.Text(value, "set").TrimStart('@'), key, timeout, statements, null);
    }

    /// <summary>Reads seconds.</summary>
    /// <returns>The same in ns.</returns>
    /// <exception cref="RuleException">They are negative, or so many that nobody would wait for their end.</exception>
    public static ulong ReadTime(JsonElement value, string name)
        => NftRuleset.Number(value, name) is var seconds and >= 0 and <= SecondsMax
            ? (ulong)seconds * NanosecondsPerSecond
            : throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(value)} has a time beyond {SecondsMax} seconds");

    private static SetOperation ReadOperation(string operation) => operation switch
    {
        "add" => SetOperation.Add,
        "update" => SetOperation.Update,
        "delete" => SetOperation.Delete,
        _ => throw new RuleException(RuleDiagnosticIds.Statement, $"\"{operation}\" is nothing that is done with a set"),
    };
}

using System;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Reads limits and quotas as nft's JSON has them, and works out what nft_limit does of them when it takes them in.</summary>
internal static class LimitReader
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;
    private const ulong PacketsDefault = 5; // NFT_LIMIT_PKT_BURST_DEFAULT

    /// <summary>Reads a limit.</summary>
    /// <param name="limit">A statement's value, or a named limit's object.</param>
    /// <exception cref="RuleException">It is none that the firewall knows.</exception>
    public static RateLimit Read(JsonElement limit)
    {
        ulong seconds = SecondsOf(NftRuleset.Text(limit, "per"))
            ?? throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(limit)} has no time that the firewall knows");
        ulong nanoseconds = seconds * NanosecondsPerSecond;
        bool countsBytes = NftRuleset.TryGet(limit, "rate_unit", out _) && NftRuleset.Text(limit, "rate_unit") != "packets";
        UInt128 rate = (UInt128)NumberOf(limit, "rate") * (countsBytes ? UnitOf(NftRuleset.Text(limit, "rate_unit")) : 1);
        UInt128 burst = NftRuleset.TryGet(limit, "burst", out _) ? NumberOf(limit, "burst") : 0;
        burst *= countsBytes && NftRuleset.TryGet(limit, "burst_unit", out _) ? UnitOf(NftRuleset.Text(limit, "burst_unit")) : 1;
        if (!countsBytes && burst == 0)
        {
            burst = PacketsDefault;
        }

        // The kernel adds before it divides here, and takes none whose sum or product goes beyond 64 bits.
        UInt128 most = countsBytes ? nanoseconds * (rate + burst) : rate == 0 ? 0 : nanoseconds / rate * burst;
        if (rate == 0 || rate > ulong.MaxValue || burst > ulong.MaxValue || most > ulong.MaxValue)
        {
            throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(limit)}: nothing, or more than the kernel can count");
        }

        return new RateLimit
        {
            Rate = (ulong)rate,
            Nanoseconds = nanoseconds,
            TokensMax = (ulong)(countsBytes ? most / rate : most),
            CountsBytes = countsBytes ? 1u : 0,
            IsOver = IsInverted(limit),
        };
    }

    /// <summary>Reads a quota.</summary>
    /// <param name="quota">A statement's value, or a named quota's object.</param>
    /// <exception cref="RuleException">It is none that the firewall knows.</exception>
    public static RateLimit ReadQuota(JsonElement quota)
    {
        UInt128 all = NftRuleset.TryGet(quota, "bytes", out _) ? NumberOf(quota, "bytes") : BytesOf(quota, "val");
        UInt128 used = NftRuleset.TryGet(quota, "used", out _) ? BytesOf(quota, "used") : 0;
        if (all > long.MaxValue || used > long.MaxValue)
        {
            throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(quota)}: more than the kernel can count");
        }

        return new RateLimit { Rate = 1, TokensMax = (ulong)(all - UInt128.Min(all, used)), CountsBytes = 1, IsOver = IsInverted(quota) };
    }

    /// <summary>Returns the seconds of a limit's unit of time; null where nft has no such unit.</summary>
    public static ulong? SecondsOf(string? unit) => unit switch
    {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        _ => null,
    };

    private static uint IsInverted(JsonElement limit)
        => NftRuleset.TryGet(limit, "inv", out JsonElement inverted) && inverted.ValueKind != JsonValueKind.False ? 1u : 0;

    private static UInt128 BytesOf(JsonElement quota, string name)
        => (UInt128)NumberOf(quota, name) * (NftRuleset.TryGet(quota, $"{name}_unit", out _) ? UnitOf(NftRuleset.Text(quota, $"{name}_unit")) : 1);

    private static uint UnitOf(string unit) => unit switch
    {
        "bytes" => 1,
        "kbytes" => 1 << 10,
        "mbytes" => 1 << 20,
        _ => throw new RuleException(RuleDiagnosticIds.Value, $"\"{unit}\" is no unit of a limit or quota"),
    };

    private static ulong NumberOf(JsonElement limit, string name)
        => NftRuleset.Number(limit, name) is var number and >= 0
            ? (ulong)number
            : throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(limit)} has a negative number");
}

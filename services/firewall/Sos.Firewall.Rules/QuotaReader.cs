using System;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Reads quotas as nft's JSON has them.</summary>
internal static class QuotaReader
{
    /// <summary>Reads a quota.</summary>
    /// <param name="quota">A statement's value, or a named quota's object.</param>
    /// <exception cref="RuleException">It is none that the firewall knows.</exception>
    public static ByteQuota Read(JsonElement quota)
    {
        bool isNamed = NftRuleset.TryGet(quota, "bytes", out _);
        return new ByteQuota
        {
            Bytes = AmountOf(quota, isNamed ? "bytes" : "val", "val_unit"),
            Used = NftRuleset.TryGet(quota, "used", out _) ? AmountOf(quota, "used", "used_unit") : 0,
            IsOver = NftRuleset.TryGet(quota, "inv", out JsonElement inverted) && inverted.ValueKind != JsonValueKind.False ? 1u : 0,
        };
    }

    private static ulong AmountOf(JsonElement quota, string name, string unitName)
    {
        long number = NftRuleset.Number(quota, name);
        ulong unit = NftRuleset.TryGet(quota, unitName, out JsonElement named) ? UnitOf(named) : 1;
        UInt128 amount = number < 0 ? UInt128.MaxValue : (UInt128)number * unit;
        return amount <= long.MaxValue // nft_quota takes no more
            ? (ulong)amount
            : throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(quota)}: less than nothing, or more than the kernel can count");
    }

    private static ulong UnitOf(JsonElement unit) => unit.ValueKind == JsonValueKind.String ? unit.GetString() switch
    {
        "bytes" => 1UL,
        "kbytes" => 1 << 10,
        "mbytes" => 1 << 20,
        _ => throw Bad(unit),
    } : throw Bad(unit);

    private static RuleException Bad(JsonElement unit) => new(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(unit)} is no unit of a quota");
}

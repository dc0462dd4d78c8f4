using System;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>How many packets of a rule that logs or answers pass for Linux to do so.</summary>
/// <param name="Microseconds">The time for each.</param>
/// <param name="Burst">How many pass at once.</param>
internal readonly record struct SampleRate(uint Microseconds, uint Burst)
{
    /// <summary>Those of a rule without a limit: ten a second.</summary>
    public static readonly SampleRate Default = new(100_000, 10);

    /// <summary>Reads the limit before a log or an answer.</summary>
    /// <param name="limit">A limit as nft's JSON has it, or a named one's object.</param>
    /// <param name="rate">What it lets through, and never less.</param>
    /// <returns>False for a limit of bytes, or one that matches what exceeds it.</returns>
    public static bool TryRead(JsonElement limit, out SampleRate rate)
    {
        rate = default;
        if (NftRuleset.TryGet(limit, "rate_unit", out _) || IsOver(limit)
            || !TryNumber(limit, "rate", out uint packets) || packets == 0 || !TryNumber(limit, "burst", out uint burst)
            || LimitReader.SecondsOf(StatementShape.Text(limit, "per")) is not { } seconds)
        {
            return false;
        }

        ulong microseconds = Math.Clamp(seconds * 1_000_000 / packets, 1, FirewallHeader.SampleMicrosecondsMax);
        rate = new SampleRate((uint)microseconds, Math.Clamp(burst, 1, FirewallHeader.SampleBurstMax));
        return true;
    }

    private static bool IsOver(JsonElement limit) => NftRuleset.TryGet(limit, "inv", out JsonElement inverted) && inverted.ValueKind != JsonValueKind.False;

    private static bool TryNumber(JsonElement limit, string name, out uint number)
    {
        number = 0;
        return NftRuleset.TryGet(limit, name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetUInt32(out number);
    }
}

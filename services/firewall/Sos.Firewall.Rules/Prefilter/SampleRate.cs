using System;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>How many packets of a rule that logs pass for Linux to log them.</summary>
/// <param name="Microseconds">The time for each.</param>
/// <param name="Burst">How many pass at once.</param>
internal readonly record struct SampleRate(uint Microseconds, uint Burst)
{
    /// <summary>Those of a rule without a limit: ten a second.</summary>
    public static readonly SampleRate Default = new(100_000, 10);

    /// <summary>Reads the limit before a log.</summary>
    /// <param name="limit">A limit as nft's JSON has it.</param>
    /// <param name="rate">What it lets through, and never less.</param>
    /// <returns>False for a limit that others share, of bytes, or that matches what exceeds it.</returns>
    public static bool TryRead(JsonElement limit, out SampleRate rate)
    {
        rate = default;
        if (limit.ValueKind != JsonValueKind.Object || limit.TryGetProperty("rate_unit", out _) || IsOver(limit)
            || !TryNumber(limit, "rate", out uint packets) || packets == 0 || !TryNumber(limit, "burst", out uint burst)
            || !limit.TryGetProperty("per", out JsonElement per) || per.ValueKind != JsonValueKind.String || SecondsOf(per.GetString()) is not { } seconds)
        {
            return false;
        }

        ulong microseconds = Math.Clamp(seconds * 1_000_000 / packets, 1, FirewallHeader.SampleMicrosecondsMax);
        rate = new SampleRate((uint)microseconds, Math.Clamp(burst, 1, FirewallHeader.SampleBurstMax));
        return true;
    }

    private static bool IsOver(JsonElement limit) => limit.TryGetProperty("inv", out JsonElement inverted) && inverted.ValueKind != JsonValueKind.False;

    private static bool TryNumber(JsonElement limit, string name, out uint number)
    {
        number = 0;
        return limit.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetUInt32(out number);
    }

    private static ulong? SecondsOf(string? unit) => unit switch
    {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        _ => null,
    };
}

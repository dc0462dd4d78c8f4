using System;
using System.Globalization;

namespace Sos.Verbs;

/// <summary>Times on the command line: a number with ms, s, m, h or d behind it; or a word for none.</summary>
public static class Durations
{
    private static readonly (string Unit, TimeSpan Length)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)), ("h", TimeSpan.FromHours(1)),
        ("d", TimeSpan.FromDays(1)),
    ];

    /// <summary>Reads a time that is not zero and at most a year.</summary>
    /// <param name="text">The text.</param>
    /// <param name="bare">The unit of a number that has none; null: it must have one.</param>
    /// <param name="duration">The time.</param>
    public static bool TryParse(string text, string? bare, out TimeSpan duration)
    {
        duration = default;
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        string unit = digits < 0 ? bare ?? "" : text[digits..];
        int index = Array.FindIndex(Units, candidate => candidate.Unit == unit);
        if (index < 0 || !long.TryParse(digits < 0 ? text : text[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            || number == 0 || number > TimeSpan.FromDays(366) / Units[index].Length)
        {
            return false;
        }

        duration = number * Units[index].Length;
        return true;
    }

    /// <summary>A time in words, in its two largest units.</summary>
    public static string Format(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0}s"),
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0}s"),
        { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}m{time.Seconds:00}s"),
        { TotalDays: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.Hours}h{time.Minutes:00}m"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalDays}d{time.Hours:00}h"),
    };
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Firewall.Rules.Prefilter;

namespace Sos.Firewall.Control;

/// <summary>Reads how many errors of ICMP Linux sends at most: what rules refuse beyond is not answered.</summary>
internal static class AnswerSettings
{
    private const uint Unreachable = 3; // ICMP_DEST_UNREACH
    private const uint Unreachable6 = 1; // ICMPV6_DEST_UNREACH
    private const uint MicrosecondsPerMillisecond = 1000;
    private const int ShorterForPrefix = 4; // icmpv6_xrlim_allow: the time is a sixteenth for a peer behind a default route
    private const uint MillisecondsMax = 3_600_000;

    /// <summary>Reads the settings.</summary>
    /// <param name="settings">The directory of the network's settings, /proc/sys/net.</param>
    /// <returns>Null where errors are not limited, or nobody knows.</returns>
    public static AnswerLimit? Read(string settings)
    {
        if (Number(settings, "ipv4/icmp_msgs_per_sec") is not uint perSecond || Number(settings, "ipv4/icmp_msgs_burst") is not uint burst
            || Number(settings, "ipv4/icmp_ratelimit") is not uint peer || Number(settings, "ipv4/icmp_ratemask") is not uint mask
            || perSecond == 0 || burst == 0 || ((mask >> (int)Unreachable) & 1) == 0)
        {
            return null;
        }

        uint microseconds = Math.Min(peer, MillisecondsMax) * MicrosecondsPerMillisecond;
        if (Directory.Exists(Path.Combine(settings, "ipv6/icmp")))
        {
            if (Number(settings, "ipv6/icmp/ratelimit") is not uint peer6 || !Limits(Text(settings, "ipv6/icmp/ratemask"), Unreachable6))
            {
                return null;
            }

            microseconds = Math.Min(microseconds, (Math.Min(peer6, MillisecondsMax) * MicrosecondsPerMillisecond) >> ShorterForPrefix);
        }

        return new AnswerLimit(perSecond, burst, Math.Max(microseconds, 1));
    }

    /// <summary>Whether a list such as "0-1,3-127" has a number.</summary>
    private static bool Limits(string? list, uint number)
    {
        foreach (string item in list?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [])
        {
            IReadOnlyList<uint> ends =
                [.. item.Split('-').Select(end => uint.TryParse(end, CultureInfo.InvariantCulture, out uint value) ? value : uint.MaxValue)];
            if (ends[0] <= number && number <= ends[^1] && ends[^1] != uint.MaxValue)
            {
                return true;
            }
        }

        return false;
    }

    private static uint? Number(string settings, string name)
        => uint.TryParse(Text(settings, name), CultureInfo.InvariantCulture, out uint number) ? number : null;

    private static string? Text(string settings, string name)
    {
        try
        {
            return File.ReadAllText(Path.Combine(settings, name)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

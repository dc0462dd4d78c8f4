using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json;
using Sos.Firewall.Capture;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>A <c>log</c> statement that writes lines.</summary>
/// <param name="Prefix">What each line begins with.</param>
/// <param name="Level">Syslog's level, 0 to 7.</param>
/// <param name="Flags">What lines tell beyond the usual.</param>
internal sealed record LogStatement(string Prefix, uint Level, LogFlags Flags)
{
    private const uint Warning = 4; // LOGLEVEL_WARNING, nft's own

    private static readonly Dictionary<string, uint> Levels = new()
    {
        ["emerg"] = 0,
        ["alert"] = 1,
        ["crit"] = 2,
        ["err"] = 3,
        ["warn"] = Warning,
        ["notice"] = 5,
        ["info"] = 6,
        ["debug"] = 7,
    };

    private static readonly Dictionary<string, LogFlags> FlagNames = new()
    {
        ["tcp sequence"] = LogFlags.TcpSequence,
        ["tcp options"] = LogFlags.TcpOptions,
        ["ip options"] = LogFlags.IpOptions,
        ["skuid"] = LogFlags.User,
        ["ether"] = LogFlags.Ether,
        ["all"] = LogFlags.All,
    };

    /// <summary>Reads a statement. One with a group would hand packets to a program on Linux; the core writes lines of it, as of any other.</summary>
    /// <param name="value">Its value in nft's JSON.</param>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public static LogStatement Read(JsonElement value)
    {
        if (value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null))
        {
            throw Refuse(value, "is no log statement");
        }

        string prefix = NftRuleset.TryGet(value, "prefix", out _) ? NftRuleset.Text(value, "prefix") : string.Empty;
        uint level = Warning;
        if (NftRuleset.TryGet(value, "level", out _) && !Levels.TryGetValue(NftRuleset.Text(value, "level"), out level))
        {
            throw Refuse(value, "has a level that is none of syslog's");
        }

        return Encoding.UTF8.GetByteCount(prefix) > LogSlot.PrefixMax
            ? throw Refuse(value, $"has a prefix of more than {LogSlot.PrefixMax} bytes")
            : new LogStatement(prefix, level, NftRuleset.TryGet(value, "flags", out JsonElement flags) ? ReadFlags(flags) : LogFlags.None);
    }

    private static LogFlags ReadFlags(JsonElement flags)
        => flags.ValueKind == JsonValueKind.Array
            ? flags.EnumerateArray().Aggregate(LogFlags.None, (all, flag) => all | ReadFlags(flag))
            : flags.ValueKind == JsonValueKind.String && FlagNames.TryGetValue(flags.GetString()!, out LogFlags named)
                ? named
                : throw Refuse(flags, "is no flag of a log statement");

    private static RuleException Refuse(JsonElement value, string why) => new(RuleDiagnosticIds.Statement, $"{NftRuleset.Shorten(value)} {why}");
}

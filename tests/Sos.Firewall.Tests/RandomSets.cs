using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Sos.Firewall.Tests;

/// <summary>
/// Random rules with sets that packets fill, so small that some become full, with elements of their own, and with limits for each element whose rates are so
/// low that next to nothing comes into a bucket while a test runs. Where a rule removes elements there is room for all, since Linux makes room later.
/// </summary>
internal sealed class RandomSets(Random random)
{
    private static readonly (string Type, string[] Keys, string Element)[] Kinds =
    [
        ("ipv4_addr", ["ip saddr", "ip daddr"], "10.1.2.3"),
        ("ipv6_addr", ["ip6 saddr", "ip6 daddr"], "fd00:9::3"),
        ("inet_service", ["th dport", "th sport", "tcp dport", "udp sport"], "443"),
        ("ipv4_addr . inet_service", ["ip saddr . th dport", "ip daddr . tcp sport", "ip saddr . udp dport"], "10.1.1.1 . 80"),
        ("ipv6_addr . ipv6_addr . inet_proto", ["ip6 saddr . ip6 daddr . meta l4proto"], "fd00:1::1 . fd00:9::2 . 6"),
    ];

    /// <summary>Makes a table of two chains.</summary>
    /// <param name="hook">The first chain's hook.</param>
    public string MakeRules(string hook)
    {
        List<Set> sets = [.. Enumerable.Range(0, 4).Select(MakeSet)];
        StringBuilder text = new();
        text.AppendLine("table inet t {");
        sets.ForEach(set => text.AppendLine($"  {set.Declaration}"));
        text.AppendLine("  chain other {");
        AddRules(text, sets, jumps: false);
        text.AppendLine("  }");
        text.AppendLine("  chain c {");
        text.AppendLine($"    type filter hook {hook} priority 0; policy {Pick("accept", "drop")};");
        AddRules(text, sets, jumps: true);
        text.AppendLine("  }");
        text.AppendLine("}");
        return text.ToString();
    }

    private Set MakeSet(int number)
    {
        (string type, string[] keys, string element) = Kinds[random.Next(Kinds.Length)];
        string limit = $"limit rate {Pick("over ", "")}1/week burst {random.Next(1, 6)} packets";
        string declared = Pick("", "", limit + "; ", "counter; ");
        bool removes = random.Next(3) == 0;
        string size = $"size {(removes ? 2000 : random.Next(2, 30))}; ";
        string timeout = Pick("flags dynamic; ", "flags dynamic, timeout; ", "flags dynamic, timeout; timeout 1h; ");
        string elements = random.Next(3) == 0 ? $"elements = {{ {element}{(timeout.Contains(", timeout") ? Pick("", " timeout 2h") : "")} }}; " : "";
        string statement = declared.Length != 0 ? "" : Pick("", " " + limit, " counter", $" counter {limit}");
        return new Set(
            $"set s{number} {{ type {type}; {size}{timeout}{declared}{elements}}}", $"s{number}", keys, statement, timeout.Contains(", timeout"),
            timeout.Contains("1h"), removes);
    }

    private void AddRules(StringBuilder text, List<Set> sets, bool jumps)
    {
        int rules = random.Next(4, 9);
        for (int i = 0; i < rules; i++)
        {
            string rule = MakeRule(sets);
            string verdict = jumps ? Pick("accept", "drop", "drop", "jump other", "continue", "") : Pick("accept", "drop", "return", "continue", "");
            text.AppendLine($"    {rule}{verdict}".TrimEnd());
        }

        if (random.Next(2) == 0)
        {
            string key = Pick("ip saddr", "ip6 saddr", "ip saddr . th dport");
            string name = jumps ? "m" : "n";
            string limit = $"limit rate {Pick("over ", "")}1/week burst 3 packets";
            text.AppendLine($"    meter {name} size {random.Next(3, 40)} {{ {key}{Pick("", " timeout 1h")} {limit} }} drop");
        }
    }

    private string MakeRule(List<Set> sets)
    {
        while (true)
        {
            string first = random.Next(3) == 0 ? Match() + " " : "";
            string rule = $"{first}{Use(sets)} {Pick("counter ", "")}{(random.Next(3) == 0 ? Use(sets) + " " : "")}";
            bool isOfBoth = (rule.Contains("ip ") && rule.Contains("ip6 ")) || (rule.Contains("tcp") && rule.Contains("udp"));
            if (!isOfBoth)
            {
                return rule; // nft takes no rule for packets of two protocols at once
            }
        }
    }

    private string Use(List<Set> sets)
    {
        Set set = sets[random.Next(sets.Count)];
        string key = set.Keys[random.Next(set.Keys.Length)];
        return random.Next(5) switch
        {
            0 or 1 => $"{key} {Pick("", "!= ")}@{set.Name}",
            2 when set.Removes => $"delete @{set.Name} {{ {key} }}",
            3 => $"update @{set.Name} {{ {key}{Time(set)}{set.Statement} }}",
            _ => $"add @{set.Name} {{ {key}{Time(set)}{set.Statement} }}",
        };
    }

    // Without any time an update ends the element's, and Linux makes room later.
    private string Time(Set set) => !set.HasTimes ? "" : set.HasTime ? Pick("", " timeout 3h") : " timeout 3h";

    private string Match() => Pick("meta l4proto tcp", "meta l4proto udp", "tcp dport { 22, 80 }", "th dport 1024-65535", "th sport != 53", "tcp flags syn");

    private string Pick(params string[] choices) => choices[random.Next(choices.Length)];

    private sealed record Set(string Declaration, string Name, string[] Keys, string Statement, bool HasTimes, bool HasTime, bool Removes);
}

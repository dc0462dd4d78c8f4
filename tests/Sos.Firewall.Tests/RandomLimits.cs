using System;
using System.Text;

namespace Sos.Firewall.Tests;

/// <summary>
/// Random rules with limits and quotas, with a name and without. Rates are so low that next to nothing comes into a bucket while a test runs, and each
/// packet's cost is a whole number of nanoseconds, so that what passes depends on the bursts and on the order of the packets alone.
/// </summary>
internal sealed class RandomLimits(Random random)
{
    /// <summary>Makes a table of two chains.</summary>
    /// <param name="hook">The first chain's hook.</param>
    public string MakeRules(string hook)
    {
        string family = Pick("inet", "inet", "ip", "ip6");
        StringBuilder text = new();
        text.AppendLine($"table {family} t {{");
        text.AppendLine($"  limit few {{ {Limit(isBytes: false)}; }}");
        text.AppendLine($"  limit little {{ {Limit(isBytes: true)}; }}");
        text.AppendLine($"  quota volume {{ {Quota()}; }}");
        text.AppendLine("  chain other {");
        AddRules(text, jumps: false);
        text.AppendLine("  }");
        text.AppendLine("  chain c {");
        text.AppendLine($"    type filter hook {hook} priority 0; policy {Pick("accept", "drop")};");
        AddRules(text, jumps: true);
        text.AppendLine("  }");
        text.AppendLine("}");
        return text.ToString();
    }

    private void AddRules(StringBuilder text, bool jumps)
    {
        int rules = random.Next(3, 8);
        for (int i = 0; i < rules; i++)
        {
            string first = random.Next(4) == 0 ? string.Empty : Match() + " ";
            string counter = Pick("counter ", string.Empty);
            string second = random.Next(4) == 0 ? Pick("th sport != 53 ", "th dport 1024-65535 ", "meta length < 60 ") : string.Empty;
            string limit = random.Next(7) switch
            {
                0 => "limit name \"few\"",
                1 => "limit name \"little\"",
                2 => "counter",
                3 => "quota name \"volume\"",
                4 => $"quota {Quota()}",
                _ => $"limit {Limit(random.Next(2) == 0)}",
            };
            string verdict = jumps ? Pick("accept", "drop", "drop", "jump other", "continue") : Pick("accept", "drop", "return", "continue");
            text.AppendLine($"    {first}{counter}{limit} {second}{verdict}");
        }
    }

    private string Limit(bool isBytes)
    {
        string over = Pick("over ", string.Empty);
        string unit = Pick("hour", "day", "week");
        return isBytes
            ? $"rate {over}{Pick("1 bytes", "100 bytes", "1000 bytes")}/{unit} burst {random.Next(1, 8)} {Pick("kbytes", "kbytes", "bytes")}"
            : $"rate {over}{Pick("1", "3", "10")}/{unit} burst {random.Next(1, 60)} packets";
    }

    private string Quota()
        => $"{Pick("over", "until")} {Pick("1 kbytes used 500 bytes", $"{random.Next(1, 4000)} bytes", $"{random.Next(1, 4000)} bytes")}";

    private string Match() => Pick(
        "meta l4proto tcp", "meta l4proto udp", "tcp dport { 22, 80 }", "th dport 1024-65535", "th sport != 53", "udp dport 53", "meta l4proto != tcp",
        "tcp flags syn");

    private string Pick(params string[] choices) => choices[random.Next(choices.Length)];
}

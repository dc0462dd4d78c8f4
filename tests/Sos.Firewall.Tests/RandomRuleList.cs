using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Sos.Firewall.Tests;

/// <summary>
/// Long chains of overlapping rules over addresses, ports and protocols, in the world of <see cref="RandomPackets"/>: what becomes
/// classifiers. Some rules look at more than a classifier can, some count, jump, or go on.
/// </summary>
internal sealed class RandomRuleList(Random random, string hook)
{
    private const int RulesMax = 70;
    private const int CountersMax = 30;

    private int _counters;

    public string Make()
    {
        string family = random.Next(3) == 0 ? "ip" : "inet";
        StringBuilder text = new();
        text.AppendLine($"table {family} lists {{");
        AddChain(text, "inner", string.Empty, random.Next(4, 20), []);
        AddChain(text, "outer", string.Empty, random.Next(4, 20), ["inner"]);
        string policy = random.Next(2) == 0 ? "drop" : "accept";
        AddChain(
            text, "first", $"type filter hook {hook} priority 0; policy {policy};", random.Next(10, RulesMax), ["inner", "outer"]);
        if (random.Next(2) == 0)
        {
            AddChain(text, "second", $"type filter hook {hook} priority 10; policy accept;", random.Next(4, 30), ["outer"]);
        }

        text.AppendLine("}");
        return text.ToString();
    }

    private void AddChain(StringBuilder text, string name, string definition, int rules, string[] targets)
    {
        text.AppendLine($"  chain {name} {{ {definition}");
        for (int i = 0; i < rules; i++)
        {
            text.AppendLine($"    {Rule(targets)}");
        }

        text.AppendLine("  }");
    }

    private string Rule(string[] targets)
    {
        List<string> parts = [];
        AddAddress(parts, "saddr", 0);
        AddAddress(parts, "daddr", 9);
        string protocol = Pick("tcp", "udp", "th");
        AddPort(parts, protocol, "sport");
        if (protocol != "th" || !parts.Exists(part => part.StartsWith("th ", StringComparison.Ordinal)))
        {
            // nft makes one match of 32 bits of two on th ports, which the firewall does not take.
            AddPort(parts, protocol, "dport");
        }

        if (protocol != "th" && !parts.Exists(part => part.Contains("port", StringComparison.Ordinal)) && random.Next(2) == 0)
        {
            parts.Add($"meta l4proto {protocol}");
        }

        switch (random.Next(12))
        {
            case 0 when protocol == "tcp":
                parts.Add("tcp flags syn");
                break;
            case 1 when protocol == "th":
                parts.Add($"meta l4proto != {Pick("tcp", "udp")}");
                break;
            case 2:
                parts.Add("ip frag-off & 0x1fff != 0");
                break;
        }

        if (_counters < CountersMax && random.Next(4) == 0)
        {
            _counters++;
            parts.Add("counter");
        }

        string[] verdicts = ["accept", "drop", "drop", "return", "continue"];
        parts.Add(targets.Length > 0 && random.Next(6) == 0 ? $"{Pick("jump", "jump", "goto")} {Pick(targets)}" : Pick(verdicts));
        return string.Join(' ', parts);
    }

    private void AddAddress(List<string> parts, string side, int block)
    {
        if (random.Next(3) == 0)
        {
            return;
        }

        string second = block == 9 ? "9" : $"{random.Next(4)}";
        string third = block == 9 ? "0" : $"{random.Next(4)}";
        string value = random.Next(5) switch
        {
            0 => $"10.{second}.0.0/16",
            1 => $"10.{second}.{third}.0/24",
            2 => $"10.{second}.{third}.{random.Next(1, 4)}-10.{second}.{third}.{random.Next(4, 200)}",
            _ => $"10.{second}.{third}.{random.Next(1, 8)}",
        };
        parts.Add($"ip {side} {(random.Next(10) == 0 ? "!= " : string.Empty)}{value}");
    }

    private void AddPort(List<string> parts, string protocol, string side)
    {
        if (random.Next(2) == 0)
        {
            return;
        }

        int port = RandomPackets.Ports[random.Next(RandomPackets.Ports.Length)];
        string value = random.Next(4) switch
        {
            0 => Pick("20-80", "53-1023", "1024-65535"),
            1 => $"{{ {string.Join(", ", RandomPackets.Ports.Where(_ => random.Next(2) == 0).Append(7777))} }}",
            _ => $"{port}",
        };
        parts.Add($"{protocol} {side} {value}");
    }

    private string Pick(params string[] choices) => choices[random.Next(choices.Length)];
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Sos.Firewall.Tests;

/// <summary>Random nftables rules over the world of <see cref="RandomPackets"/>, as text that nft accepts.</summary>
internal sealed class RandomRuleset(Random random, string hook, string portName)
{
    private static readonly string[] Families = ["ip", "ip6", "inet", "inet"];

    public string Make()
    {
        StringBuilder text = new();
        int tables = random.Next(1, 4);
        for (int i = 0; i < tables; i++)
        {
            AddTable(text, Pick(Families), $"t{i}");
        }

        return text.ToString();
    }

    private void AddTable(StringBuilder text, string family, string name)
    {
        text.AppendLine($"table {family} {name} {{");
        text.AppendLine("  counter named { }");
        if (family != "ip6")
        {
            text.AppendLine($"  set s4 {{ type ipv4_addr; flags interval; auto-merge; elements = {{ "
                + $"{List(() => Ipv4Element(0), random.Next(2) == 0 ? 4 : 90)} }} }}");
        }

        if (family != "ip")
        {
            text.AppendLine($"  set s6 {{ type ipv6_addr; flags interval; auto-merge; elements = {{ "
                + $"{List(() => Ipv6Element(1), 9)} }} }}");
        }

        text.AppendLine($"  set ports {{ type inet_service; flags interval; auto-merge; elements = {{ "
            + $"{List(PortElement, 4)} }} }}");
        int regular = random.Next(0, 4);
        for (int i = 0; i < regular; i++)
        {
            AddChain(text, family, $"c{i}", string.Empty, Enumerable.Range(i + 1, regular - i - 1).Select(n => $"c{n}").ToList());
        }

        int bases = random.Next(1, 3);
        for (int i = 0; i < bases; i++)
        {
            string where = $"type filter hook {(random.Next(3) == 0 ? "prerouting" : hook)} priority {random.Next(-50, 50)}; "
                + $"policy {(random.Next(3) == 0 ? "drop" : "accept")};";
            AddChain(text, family, $"base{i}", where, Enumerable.Range(0, regular).Select(n => $"c{n}").ToList());
        }

        text.AppendLine("}");
    }

    private void AddChain(StringBuilder text, string family, string name, string definition, List<string> targets)
    {
        text.AppendLine($"  chain {name} {{");
        if (definition.Length > 0)
        {
            text.AppendLine($"    {definition}");
        }

        int rules = random.Next(1, 7);
        for (int i = 0; i < rules; i++)
        {
            text.AppendLine($"    {Rule(family, targets)}");
        }

        text.AppendLine("  }");
    }

    private string Rule(string family, List<string> targets)
    {
        List<string> parts = [];
        string net = family == "inet" ? Pick("ip", "ip6", "any") : family;
        if (net != "any" && random.Next(3) != 0)
        {
            parts.Add(AddressMatch(net));
        }

        if (random.Next(3) != 0)
        {
            parts.Add(TransportMatch(net, family));
        }

        if (random.Next(8) == 0)
        {
            parts.Add($"iifname {Pick("", "!= ")}\"{Pick(portName, "other0", portName[..3] + "*")}\"");
        }

        if (random.Next(5) == 0)
        {
            parts.Add(Pick("counter", "counter name \"named\""));
        }

        string[] verdicts = ["accept", "drop", "drop", "return", "continue"];
        bool jumps = targets.Count > 0 && random.Next(3) == 0;
        parts.Add(jumps ? $"{Pick("jump", "jump", "goto")} {Pick([.. targets])}" : Pick(verdicts));
        return string.Join(' ', parts);
    }

    private string AddressMatch(string net)
    {
        (string side, int block) = random.Next(3) == 0 ? ("daddr", 9) : ("saddr", net == "ip" ? 0 : 1);
        Func<string> element = net == "ip" ? () => Ipv4Element(block) : () => Ipv6Element(block);
        string value = random.Next(4) switch
        {
            0 => $"{{ {DistinctList(net, block)} }}",
            1 => net == "ip" ? "@s4" : "@s6",
            _ => element(),
        };
        return $"{net} {side} {Pick("", "", "!= ")}{value}";
    }

    private string TransportMatch(string net, string family) => random.Next(11) switch
    {
        0 or 1 => $"tcp {Pick("sport", "dport")} {PortValue()}",
        2 => $"udp {Pick("sport", "dport")} {PortValue()}",
        3 => $"meta l4proto {{ tcp, udp }} th {Pick("sport", "dport")} {PortValue()}",
        4 => $"th dport {PortValue()}",
        5 => Pick("tcp flags syn", "tcp flags & (syn|ack) == syn", "tcp flags != syn", "tcp flags ! fin,rst", "tcp flags "
            + "{ syn, ack }"),
        6 => net == "ip6"
            ? $"icmpv6 type {Pick("echo-request", "!= echo-request", "{ 128, 130 }")}"
            : net == "ip" ? $"icmp type {Pick("echo-request", "{ 8, 10 }")} icmp code {Pick("0", "!= 1")}" : "meta "
                + "l4proto != tcp",
        7 => net == "ip6" ? $"ip6 nexthdr {Pick("tcp", "!= udp", "{ 0, 44, 60 }")}"
            : net == "ip" ? $"ip protocol {Pick("udp", "!= tcp", "{ 1, 58, 99 }")}" : "meta nfproto ipv6",
        8 => net == "ip" ? Pick("ip frag-off & 0x1fff != 0", "ip frag-off & 0x3fff == 0") : "meta l4proto { 44, 51, 58, 59, 99 }",
        9 => family == "inet" ? Pick("meta protocol ip", "meta nfproto ipv4", "meta protocol != ip6") : "meta l4proto udp",
        _ => $"meta l4proto {Pick("tcp", "!= tcp", "udp", "99", "ah")}",
    };

    private string PortValue() => random.Next(5) switch
    {
        0 => $"{{ {string.Join(", ", RandomPackets.Ports.Where(_ => random.Next(2) == 0).Append(7777))} }}",
        1 => "@ports",
        2 => $"{Pick("<", ">", "<=", ">=")} {Pick("80", "1024")}",
        3 => $"{Pick("", "!= ")}{Pick("20-80", "53-1023")}",
        _ => $"{Pick("", "!= ")}{RandomPackets.Ports[random.Next(RandomPackets.Ports.Length)]}",
    };

    private string PortElement() => Pick("22", "50-60", "1024-8080", "443", "65535");

    private string DistinctList(string net, int block) => net == "ip"
        ? $"10.{block}.0.{random.Next(1, 4)}, 10.{block}.{random.Next(1, 3)}.0/24, "
            + $"10.{block}.3.{random.Next(1, 3)}-10.{block}.3.{random.Next(3, 7)}"
        : $"fd00:{block}::{random.Next(1, 4)}, fd00:{block}::1:0/112, "
            + $"fd00:{block}::2:{random.Next(1, 3)}-fd00:{block}::2:{random.Next(3, 7)}";

    private string Ipv4Element(int block)
    {
        string second = block == 9 ? "9" : random.Next(4).ToString();
        string third = block == 9 ? "0" : random.Next(4).ToString();
        return random.Next(6) switch
        {
            0 => $"10.{second}.0.0/16",
            1 => $"10.{second}.{third}.0/24",
            2 => $"10.{second}.{third}.{random.Next(1, 4)}-10.{second}.{third}.{random.Next(4, 200)}",
            3 => $"10.{second}.{third}.4/30",
            _ => $"10.{second}.{third}.{random.Next(1, 7)}",
        };
    }

    private string Ipv6Element(int block)
    {
        string part = block == 9 ? string.Empty : $"{random.Next(4)}:";
        return random.Next(5) switch
        {
            0 => $"fd00:{block}::{part}0/112",
            1 => $"fd00:{block}::{part}{random.Next(1, 4)}-fd00:{block}::{part}{random.Next(4, 7)}",
            2 => $"fd00:{block}::{part}4/126",
            3 => random.Next(4) == 0 ? "fd00::/16" : $"fd00:{block}::{part}2",
            _ => $"fd00:{block}::{part}{random.Next(1, 7)}",
        };
    }

    private string Pick(params string[] choices) => choices[random.Next(choices.Length)];

    private static string List(Func<string> element, int count)
        => string.Join(", ", Enumerable.Range(0, count).Select(_ => element()));
}

using System;
using System.Collections.Generic;
using System.Text;

namespace Sos.Firewall.Tests;

/// <summary>
/// Random rules over what is no usual field of a packet: Ethernet addresses, fields of headers by their place, marks, quotas, and the class of traffic that
/// rules set and others look at; and frames in which these vary.
/// </summary>
internal sealed class RandomWholePackets(Random random)
{
    /// <summary>The address of the card, here and in the kernel.</summary>
    public static readonly byte[] Own = [0x02, 0, 0, 0, 0, 0];

    private static readonly byte[] Everybody = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    private static readonly byte[] Group = [0x01, 0, 0x5e, 0, 0, 5];

    /// <summary>Makes a table of two chains.</summary>
    /// <param name="hook">The base chain's hook.</param>
    public string MakeRules(string hook)
    {
        string family = Pick("inet", "inet", "ip", "ip6");
        StringBuilder text = new();
        text.AppendLine($"table {family} t {{");
        text.AppendLine($"  quota some {{ {Pick("over ", string.Empty)}{random.Next(1, 9)} kbytes{Pick(string.Empty, " used 700 bytes")} }}");
        text.AppendLine("  set peers { type ether_addr; flags interval; elements = { 02:00:00:00:00:03, 02:00:00:00:00:05-02:00:00:00:01:00 } }");
        text.AppendLine("  set marks { type mark; flags interval; elements = { 1, 5-9, 0x10-0x30 } }");
        text.AppendLine("  chain other {");
        AddRules(text, family, jumps: false);
        text.AppendLine("  }");
        text.AppendLine("  chain c {");
        text.AppendLine($"    type filter hook {hook} priority 0; policy {Pick("accept", "accept", "drop")};");
        AddRules(text, family, jumps: true);
        text.AppendLine("  }");
        text.AppendLine("}");
        return text.ToString();
    }

    /// <summary>Makes frames.</summary>
    /// <param name="count">How many.</param>
    /// <param name="withFragments">Whether some are fragments, of which none is a later one.</param>
    public List<TestFrame> MakeFrames(int count, bool withFragments)
    {
        List<TestFrame> frames = new RandomPackets(random, withFragments, withLaterFragments: false).Make(count);
        foreach (TestFrame frame in frames)
        {
            frame.Frame[11] = (byte)random.Next(2, 7);
            byte[] destination = random.Next(6) switch { 0 => Everybody, 1 => Group, _ => Own };
            destination.CopyTo(frame.Frame, 0);
        }

        return frames;
    }

    private void AddRules(StringBuilder text, string family, bool jumps)
    {
        int rules = random.Next(4, 10);
        for (int i = 0; i < rules; i++)
        {
            // One protocol a rule, or nft refuses it.
            string net = family == "inet" ? Pick("ip", "ip6") : family;
            string first = random.Next(5) == 0 ? string.Empty : Match(family, net) + " ";
            string second = random.Next(3) == 0 ? MatchOfAny() + " " : string.Empty;
            string statement = random.Next(4) == 0 ? $"{Quota()} " : string.Empty;
            string change = random.Next(4) == 0 ? $"{Change(net)} " : string.Empty;
            int counter = random.Next(5); // where it stands, if there is one
            string third = (counter == 0 ? "counter " : string.Empty) + change + (counter == 1 ? "counter " : string.Empty);
            string verdict = jumps ? Pick("accept", "drop", "jump other", "continue", "continue") : Pick("accept", "drop", "return", "continue");
            text.AppendLine($"    {first}{statement}{(counter > 2 ? "counter " : string.Empty)}{second}{third}{verdict}");
        }
    }

    private string Quota() => random.Next(3) == 0 ? "quota name \"some\""
        : $"quota {Pick("over ", string.Empty)}{Pick($"{random.Next(1, 9)} kbytes", $"{random.Next(300, 3000)} bytes")}{Pick(string.Empty, " used 300 bytes")}";

    private string Change(string net) => random.Next(6) switch
    {
        0 => $"meta mark set {random.Next(1, 40)}",
        1 => $"meta mark set meta mark | 0x{random.Next(1, 64):x}",
        2 => $"meta mark set meta mark & 0x{random.Next(1, 64):x}",
        3 => $"meta mark set meta mark ^ 0x{random.Next(1, 64):x}",
        _ => $"{net} {Pick("dscp set cs1", "dscp set 10", "dscp set 0", "dscp set 63", "ecn set ce", "ecn set not-ect")}",
    };

    private string MatchOfAny() => random.Next(5) switch
    {
        0 => Pick("ether saddr @peers", "ether saddr != @peers", "ether saddr 02:00:00:00:00:04", "ether saddr { 02:00:00:00:00:02, 02:00:00:00:00:06 }",
            "ether saddr 02:00:00:00:00:03-02:00:00:00:00:05", "ether daddr 02:00:00:00:00:00", "ether daddr != 02:00:00:00:00:00",
            "ether daddr ff:ff:ff:ff:ff:ff"),
        1 => Pick("meta pkttype broadcast", "meta pkttype != host", "meta pkttype { multicast, broadcast }", "meta pkttype multicast"),
        2 => Pick("@th,0,16 53", "@th,16,8 < 4", "@th,16,16 80-1024", "@nh,4,4 5-6", "@nh,64,8 > 30", "@th,16,16 & 0xf == 0"),
        3 => Pick("th dport 22-443", "th sport != 53"),
        _ => Pick("meta mark 0", "meta mark != 0", "meta mark @marks", "meta mark 3-20", "meta mark & 0x5 == 0x4", "meta mark { 7, 9 }", "meta mark > 12"),
    };

    private string Match(string family, string net) => random.Next(9) switch
    {
        0 => Pick("udp length 8-12", "udp length != 8", "udp length { 8, 11-14 }", "udp length > 10", "udp checksum 0", "udp checksum != 0"),
        1 => Pick("tcp window 0", "tcp sequence 0-100", "tcp ackseq != 0", "tcp doff 5", "tcp doff > 5", "tcp doff { 5, 7 }", "tcp urgptr 0",
            "tcp checksum != 0"),
        2 when net == "ip" => Pick("ip version 4", "ip hdrlength 5", "ip hdrlength > 5", "ip hdrlength { 6, 7 }", "ip checksum < 30000"),
        2 => Pick("ip6 version 6", "ip6 length < 30", "ip6 length { 20-28, 31 }"),
        3 => $"{net} {Pick("dscp cs1", "dscp 10", "dscp != 0", "dscp > 9", "ecn ce", "ecn != ce")}",
        4 when family == "inet" && net == "ip" => Pick("ether saddr . ip saddr { 02:00:00:00:00:03 . 10.0.0.0/16, 02:00:00:00:00:04 . 10.0.0.0/8 }",
            "meta pkttype . meta l4proto { host . tcp, broadcast . udp }"),
        5 => Pick("meta l4proto tcp", "meta l4proto udp", "tcp dport { 22, 80 }"),
        _ => MatchOfAny(),
    };

    private string Pick(params string[] choices) => choices[random.Next(choices.Length)];
}

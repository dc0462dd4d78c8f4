using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;

namespace Sos.Firewall.Tests;

/// <summary>Random rules over the fields of IP headers, lengths and several fields together, and frames in which these fields vary.</summary>
internal sealed class RandomHeaders(Random random)
{
    private const int Ethernet = 14;

    /// <summary>Makes a table of one chain.</summary>
    /// <param name="hook">The chain's hook.</param>
    public string MakeRules(string hook)
    {
        string family = Pick("inet", "inet", "ip", "ip6");
        StringBuilder text = new();
        text.AppendLine($"table {family} t {{");
        text.AppendLine("  set lengths { typeof meta length; flags interval; auto-merge; elements = { 20-44, 52, 60-63, 70000 } }");
        text.AppendLine("  set pairs { typeof meta l4proto . th dport; flags interval; elements = { tcp . 22, tcp . 80-1023, udp . 53, udp . 8080 } }");
        text.AppendLine("  chain other { counter return; }");
        text.AppendLine("  chain c {");
        text.AppendLine($"    type filter hook {hook} priority 0; policy {Pick("accept", "drop")};");
        int rules = random.Next(4, 10);
        for (int i = 0; i < rules; i++)
        {
            // Two orders of one field in a rule are one range to nft, which lists "< 77" and "> 61" as "!= 77-61".
            string match = Match(family);
            bool hasSecond = random.Next(3) == 0 && !match.StartsWith("meta length", StringComparison.Ordinal);
            string second = hasSecond ? $"meta length {Compare()} {random.Next(28, 80)} " : string.Empty;
            text.AppendLine($"    {match} {second}{Pick("counter ", string.Empty)}{Pick("accept", "drop", "drop", "jump other", "continue")}");
        }

        if (random.Next(2) == 0)
        {
            text.AppendLine("    counter meta l4proto . th dport vmap { tcp . 22 : drop, udp . 53 : accept, tcp . 80 : jump other, tcp . 443-8080 : drop }");
        }

        text.AppendLine("  }");
        text.AppendLine("}");
        return text.ToString();
    }

    /// <summary>Makes frames.</summary>
    /// <param name="count">How many.</param>
    /// <param name="withFragments">Whether some are fragments.</param>
    public List<TestFrame> MakeFrames(int count, bool withFragments)
    {
        List<TestFrame> frames = new RandomPackets(random, withFragments, withLaterFragments: false).Make(count);
        frames.ForEach(frame => Vary(frame.Frame.AsSpan(Ethernet)));
        return frames;
    }

    private void Vary(Span<byte> packet)
    {
        byte traffic = (byte)(random.Next(2) == 0 ? random.Next(4) : random.Next(256));
        byte hops = (byte)(random.Next(2) == 0 ? random.Next(1, 6) : random.Next(1, 256));
        int header = (packet[0] & 15) * 4;
        if (packet[0] >> 4 == 6)
        {
            uint start = BinaryPrimitives.ReadUInt32BigEndian(packet);
            BinaryPrimitives.WriteUInt32BigEndian(packet, (start & ~0x0ff0_0000u) | ((uint)traffic << 20));
            packet[7] = hops;
        }
        else if (packet[0] >> 4 == 4 && header is >= 20 and <= 60)
        {
            Update(packet, 0, traffic, high: false);
            Update(packet, 8, hops, high: true);
        }
    }

    // Changes half of a 16-bit field, and the header's checksum with it, so that a wrong one stays wrong (RFC 1624, equation 3).
    private static void Update(Span<byte> packet, int at, byte value, bool high)
    {
        ushort before = BinaryPrimitives.ReadUInt16BigEndian(packet[at..]);
        packet[high ? at : at + 1] = value;
        ushort after = BinaryPrimitives.ReadUInt16BigEndian(packet[at..]);
        uint sum = (ushort)~BinaryPrimitives.ReadUInt16BigEndian(packet[10..]) + (uint)(ushort)~before + after;
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~(sum + (sum >> 16)));
    }

    private string Match(string family) => random.Next(12) switch
    {
        0 => $"meta length {Compare()} {random.Next(28, 80)}",
        1 => Pick("meta length @lengths", "meta length != @lengths", "meta length { 20-40, 45, 90000 }", "meta length 28-48", "meta length != 40"),
        2 => Pick("tcp flags & (fin | syn | rst) < syn", "tcp flags & (syn | ack) >= ack", "tcp flags & (fin|syn|rst|psh|ack|urg) < fin",
            "tcp flags & (syn | ack) <= syn", "tcp flags & (rst | syn) > syn"),
        3 => Pick("meta l4proto . th dport @pairs", "meta l4proto . th sport { tcp . 22, udp . 53, 99 . 443 }"),
        4 when family == "inet" => Pick("meta nfproto . meta l4proto { ipv4 . icmp, ipv6 . ipv6-icmp, ipv4 . tcp }", "meta nfproto . th dport { ipv4 . 80 }"),
        4 => Pick("th dport >= 80", "th sport < 1024", "tcp dport <= 53", "udp dport > 80"),
        5 when family != "ip6" => $"ip id {Compare()} {random.Next(500)}",
        6 when family != "ip6" => Pick($"ip length {Compare()} {random.Next(28, 70)}", "ip length { 40-44, 28 }", "ip id { 1-99, 200, 400-500 }"),
        7 when family != "ip" => Pick($"ip6 flowlabel {Compare()} {random.Next(500)}", "ip6 flowlabel { 7, 100-300 }", "ip6 flowlabel 50-60"),
        _ => Header(family),
    };

    private string Header(string family)
    {
        string net = family == "inet" ? Pick("ip", "ip6") : family;
        return net + " " + random.Next(4) switch
        {
            0 => $"{(net == "ip" ? "ttl" : "hoplimit")} {Pick($"{Compare()} {random.Next(2, 255)}", "{ 1, 3, 100-200 }", "2-4", "!= 255")}",
            1 => $"dscp {Pick($"{Compare()} {random.Next(1, 63)}", "{ 0, 8, 40-50 }", "cs1", "!= 0")}",
            2 => $"dscp {Pick("", "!= ")}{random.Next(10)}-{random.Next(20, 50)}",
            _ => $"ecn {Pick("ce", "!= not-ect", "{ 1, 2 }", "> 1")}",
        };
    }

    private string Compare() => Pick("<", "<=", ">", ">=");

    private string Pick(params string[] choices) => choices[random.Next(choices.Length)];
}

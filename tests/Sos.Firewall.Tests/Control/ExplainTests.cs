using System;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Firewall.Control;
using Sos.Verbs;
using Xunit;

namespace Sos.Firewall.Tests.Control;

/// <summary><c>sosctl firewall explain</c>: packets in words and in captures, and what is printed of their way.</summary>
public class ExplainTests
{
    private const string Rules = """
        table inet f {
          chain i {
            type filter hook input priority 0; policy drop;
            ct state established accept
            tcp dport 22 ct state new accept
            limit rate 5/minute log
          }
        }
        """;

    [Theory]
    [InlineData(
        "tcp 192.0.2.7:40000 10.0.0.1:9999",
        "The core drops it: table inet f, chain i: policy drop; but for those that pass so that Linux logs or answers them")]
    [InlineData("tcp 192.0.2.7:40000 10.0.0.1:22 syn", "may match, since it tells new packets from invalid ones")]
    [InlineData("udp [2001:db8::7]:53 [2001:db8::1]:4000", "The core drops it")]
    [InlineData("icmp 192.0.2.7 10.0.0.1 8", "The core drops it")]
    [InlineData("47 192.0.2.7 10.0.0.1", "The core drops it")]
    public void The_Last_Line_Says_What_Becomes_Of_A_Packet(string packet, string expected)
        => Assert.Contains(expected, Explain(packet.Split(' ')).Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1], StringComparison.Ordinal);

    [Fact]
    public void A_Packet_That_May_Belong_To_A_Connection_May_Be_Accepted()
    {
        string way = Explain("tcp 192.0.2.7:40000 10.0.0.1:9999 ack".Split(' '), isOfConnection: true);
        Assert.Contains(
            "ct state established accept (may match: the packet may belong to a connection): left to Linux", way, StringComparison.Ordinal);
        Assert.Contains("The core passes it to Linux", way, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tcp 192.0.2.7:1 10.0.0.1:2 fin,psh,urg", "tcp 192.0.2.7:1 > 10.0.0.1:2 fin,psh,urg, 40 bytes")]
    [InlineData("tcp 192.0.2.7:1 10.0.0.1:2 none", "tcp 192.0.2.7:1 > 10.0.0.1:2 none, 40 bytes")]
    [InlineData("icmpv6 fe80::1 fe80::2 135", "icmpv6 fe80::1 > fe80::2 type 135 code 0, 48 bytes")]
    [InlineData("udp 192.0.2.7:1 10.0.0.1:2", "udp 192.0.2.7:1 > 10.0.0.1:2, 28 bytes")]
    public void Words_Become_A_Frame_And_A_Frame_Words(string words, string described)
        => Assert.Equal(described, PacketWords.Describe(PacketWords.Parse(words.Split(' '))));

    [Theory]
    [InlineData("tcp 192.0.2.7:1")]
    [InlineData("tcp 192.0.2.7:1 ::1")]
    [InlineData("tcp 192.0.2.7:1 10.0.0.1:2 syn,bad")]
    [InlineData("what 192.0.2.7:1 10.0.0.1:2")]
    [InlineData("udp 192.0.2.7:1 10.0.0.1:2 syn")]
    public void Words_That_Are_No_Packet_Are_Refused_With_An_Example(string words)
        => Assert.Contains(
            "tcp 192.0.2.7:40000 10.0.0.1:22 syn", Assert.Throws<SosException>(() => PacketWords.Parse(words.Split(' '))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Frames_Are_Found_In_Captures_Of_Both_Kinds_And_Byte_Orders(bool isBig)
    {
        byte[] first = PacketWords.Parse(["udp", "192.0.2.7:1", "10.0.0.1:2"]);
        byte[] second = PacketWords.Parse(["udp", "192.0.2.7:3", "10.0.0.1:4"]);
        foreach (byte[] capture in (byte[][])[Pcap(isBig, first, second), PcapNg(isBig, first, second)])
        {
            string path = Path.GetTempFileName();
            try
            {
                File.WriteAllBytes(path, capture);
                Assert.Equal(first, CaptureReader.ReadFrame(path));
                Assert.Equal(second, CaptureReader.ReadFrame($"{path}:2"));
                Assert.Contains("no frame 3", Assert.Throws<SosException>(() => CaptureReader.ReadFrame($"{path}:3")).Message, StringComparison.Ordinal);
                File.WriteAllBytes(path, capture[..^5]);
                Assert.Throws<SosException>(() => CaptureReader.ReadFrame($"{path}:2"));
            }
            finally
            {
                File.Delete(path);
            }
        }
    }

    private static string Explain(string[] packet, bool isOfConnection = false)
    {
        string path = Path.GetTempFileName();
        StringWriter output = new();
        try
        {
            File.WriteAllText(path, Rules);
            Assert.Equal(0, ExplainVerb.Run(
                new Terminal(output, output), FirewallDocuments.Default, new ExplainRequest(packet, path, [], null, isOfConnection)));
            return output.ToString();
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static byte[] Pcap(bool isBig, params byte[][] frames)
        => [.. Words(isBig, 0xa1b2c3d4), .. Halves(isBig, 2, 4), .. Words(isBig, 0, 0, 65535, 1),
            .. frames.SelectMany(frame => (byte[])[.. Words(isBig, 1, 2, (uint)frame.Length, (uint)frame.Length), .. frame])];

    private static byte[] PcapNg(bool isBig, params byte[][] frames)
        => [.. Words(isBig, 0x0a0d0d0a, 28, 0x1a2b3c4d), .. Halves(isBig, 1, 0), .. Words(isBig, uint.MaxValue, uint.MaxValue, 28),
            .. Words(isBig, 1, 20), .. Halves(isBig, 1, 0), .. Words(isBig, 65535, 20),
            .. frames.SelectMany(frame => Enhanced(isBig, frame))];

    private static byte[] Enhanced(bool isBig, byte[] frame)
    {
        byte[] padded = [.. frame, .. new byte[(4 - (frame.Length % 4)) % 4]];
        uint length = (uint)(32 + padded.Length);
        return [.. Words(isBig, 6, length, 0, 0, 0, (uint)frame.Length, (uint)frame.Length), .. padded, .. Words(isBig, length)];
    }

    private static byte[] Words(bool isBig, params uint[] values)
        => [.. values.SelectMany(value => isBig ? Enumerable.Reverse(BitConverter.GetBytes(value)).ToArray() : BitConverter.GetBytes(value))];

    private static byte[] Halves(bool isBig, params ushort[] values)
        => [.. values.SelectMany(value => isBig ? Enumerable.Reverse(BitConverter.GetBytes(value)).ToArray() : BitConverter.GetBytes(value))];
}

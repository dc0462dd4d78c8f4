using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Rules.Prefilter;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>A prefilter that records connections against Linux's own connection tracking, packet by packet.</summary>
public class ConnectionDifferenceTests(ITestOutputHelper output)
{
    private const int Rulesets = 12;
    private const int Packets = 500;

    private static readonly string[] Rules =
    [
        "ct state established,related accept", "ct state established accept", "ct state invalid drop",
        "tcp dport 22 ct state new accept", "udp dport 53 accept",
        "icmp type echo-request accept", "ct state != established tcp dport 80 drop",
        "ct state vmap { established : accept, related : accept, invalid : drop }",
        "ct state new tcp dport 80 accept", "ct state established,related udp dport 80 accept", "ip saddr 10.0.0.1 drop", "ct state new udp dport 80 accept",
    ];

    [Fact]
    public void A_Prefilter_Drops_Nothing_Of_A_Connection_That_Linux_Delivers()
    {
        int dropped = 0;
        int delivered = 0;
        for (int seed = 0; seed < Rulesets; seed++)
        {
            Random random = new(seed);
            string rules = Make(random);
            using KernelNamespace kernel = new();
            kernel.Load(rules, "input");
            using FirewallBench bench = new();
            Assert.True(bench.Harness.LoadTable(Compile(rules, null).Table.Bytes));
            Assert.True(bench.Harness.LoadTable(Compile(rules, []).Table.Bytes)); // The namespace is new: Linux knew no connection.
            HashSet<int> droppedHere = [];
            for (ushort id = 1; id <= Packets; id++)
            {
                byte[] frame = MakeFrame(random, id);
                if (!bench.Passes(frame))
                {
                    droppedHere.Add(id);
                }

                kernel.Inject(frame);
                kernel.TakeSent().ForEach(sent => ConnectionTests.Send(bench, sent));
            }

            (_, HashSet<(bool, int)> passed) = kernel.Observe(Packets);
            List<int> wrong = [.. droppedHere.Where(id => passed.Contains((true, id)))];
            Assert.True(wrong.Count == 0, $"seed {seed}: Linux delivers the packets {string.Join(", ", wrong)}\n{rules}");
            dropped += droppedHere.Count;
            delivered += passed.Count;
        }

        output.WriteLine($"{dropped} packets were dropped on the core, {delivered} delivered by Linux");
        Assert.True(dropped > 0 && delivered > 0, "all or nothing would prove little");
    }

    private static PrefilterResult Compile(string rules, IReadOnlyCollection<ulong>? known)
        => PrefilterBench.Compile(rules, ConnectionTests.Recording(known, 1) with { PortNames = [KernelNamespace.Device] });

    private static string Make(Random random)
        => $"table ip f {{\n chain i {{\n  type filter hook input priority 0; policy {(random.Next(4) == 0 ? "accept" : "drop")};\n"
            + string.Concat(Rules.OrderBy(_ => random.Next()).Take(random.Next(2, 6)).Select(rule => $"  {rule}\n")) + " }\n}\n";

    private static byte[] MakeFrame(Random random, ushort id)
    {
        uint source = 0x0a000001 + (uint)random.Next(3);
        ushort sourcePort = (ushort)(1000 + random.Next(3));
        ushort port = random.Next(4) switch { 0 => 22, 1 => 53, 2 => 80, _ => 9 };
        byte[] flags = [2, 16, 18, 4, 17, 24];
        (byte protocol, byte[] payload) = random.Next(5) switch
        {
            0 or 1 => ((byte)6, Packet.Tcp(sourcePort, port, flags[random.Next(flags.Length)], random.Next(3))),
            2 or 3 => ((byte)17, Packet.Udp(sourcePort, port, random.Next(3))),
            _ => ((byte)1, Packet.Icmp(random.Next(3) switch { 0 => (byte)0, 1 => (byte)3, _ => (byte)8 }, 0)),
        };
        return Packet.Ethernet(0x0800, Packet.Ipv4(source, 0x0a090002, protocol, payload, id));
    }
}

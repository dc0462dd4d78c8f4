using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Connections;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;
using Xunit;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>The core's knowledge of connections: who Linux answered or called is never a stranger.</summary>
public class ConnectionTests
{
    private const uint Peer = 0x0a000001;
    private const uint Own = 0x0a090002;

    private const string Stateful = """
        table inet f {
          chain i {
            type filter hook input priority 0; policy drop;
            ct state established,related accept
            tcp dport 22 accept
          }
        }
        """;

    [Fact]
    public void StrangersAreDroppedOnceTheRecordAndTheKnownConnectionsMeet()
    {
        using FirewallBench bench = new();
        Load(bench, known: null);
        Assert.True(bench.Passes(ToOwn(9999))); // Nothing is known yet.
        Load(bench, known: []);
        Assert.False(bench.Passes(ToOwn(9999)));
        Assert.True(bench.Passes(ToOwn(22)));
    }

    [Fact]
    public void AnswersToWhatLinuxSentPass()
    {
        using FirewallBench bench = new();
        Load(bench, known: null);
        Load(bench, known: []);
        Send(bench, Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 6, Packet.Tcp(4000, 443))));
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, Packet.Tcp(443, 4000, 18)))));
        Assert.False(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, Packet.Tcp(443, 4001, 18)))));
        Assert.False(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 17, Packet.Udp(443, 4000)))));
    }

    [Fact]
    public void WhatLinuxSentWithTheTableBeforeIsRemembered()
    {
        using FirewallBench bench = new();
        Load(bench, known: null);
        Send(bench, Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 6, Packet.Tcp(4000, 443))));
        Load(bench, known: []);
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, Packet.Tcp(443, 4000, 18)))));
    }

    [Fact]
    public void ConnectionsThatLinuxKnewPass()
    {
        using FirewallBench bench = new();
        Load(bench, known: null);
        Load(bench, known: [ConnectionKey.Of(6, new Address128(0, Own), 4000, new Address128(0, Peer), 443)]);
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, Packet.Tcp(443, 4000, 18)))));
        Assert.False(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, Packet.Tcp(443, 4001, 18)))));
    }

    [Fact]
    public void KnownConnectionsOfAnOlderTableProveNothing()
    {
        using FirewallBench bench = new();
        Load(bench, known: null);
        Load(bench, known: null);
        Load(bench, known: [], seenWith: 1); // They were read before what was recorded first.
        Assert.True(bench.Passes(ToOwn(9999)));
    }

    [Fact]
    public void WhatCannotBeReadMayBelongToAnyConnection()
    {
        byte[] inner = Packet.Ipv4(Own, Peer, 6, Packet.Tcp(4000, 443));
        byte[][] frames =
        [
            Packet.Ethernet(0x0800, [0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
            Packet.Ethernet(0x8847, [0, 1, 0x11, 64, .. inner]),
            Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 4, inner)),
            Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 47, [0, 0, 8, 0, .. inner])),
            Packet.Ethernet(0x86dd, Packet.Ipv6(1, 2, 43, [41, 0, 4, 0, 0, 0, 0, 0, .. Packet.Ipv6(1, 2, 6, Packet.Tcp(4000, 443))])),
        ];
        foreach (byte[] frame in frames)
        {
            using FirewallBench bench = new();
            Load(bench, known: null);
            Load(bench, known: []);
            Send(bench, Packet.Ethernet(0x0806, new byte[28])); // no IP
            Assert.False(bench.Passes(ToOwn(9999)));
            Send(bench, frame);
            Assert.True(bench.Passes(ToOwn(9999)));
        }
    }

    [Fact]
    public void WhereOtherRulesMayTouchConnectionsNobodyIsAStranger()
    {
        const string Early = "table inet f { chain i { type filter hook prerouting priority -150; ct state established,related accept; drop; }; }";
        PrefilterOptions options = Recording([], 1);
        Assert.Equal(DropShare.All, Assert.Single(PrefilterBench.Compile(Early, options).Drops).Share);
        Assert.Equal(DropShare.None, Assert.Single(PrefilterBench.Compile(Early, options with { HasOtherTranslation = true }).Drops).Share);
    }

    [Fact]
    public void AConnectionsHelperOutlivesTheRuleThatAssignedIt()
    {
        PrefilterOptions options = Recording([], 1);
        Assert.All(PrefilterBench.Compile(Stateful, options).Drops, drop => Assert.Equal(DropShare.All, drop.Share));
        using FirewallBench bench = new();
        Load(bench, known: null);
        Assert.True(bench.Harness.LoadTable(PrefilterBench.Compile(
            Stateful, options with { Connections = new KnownConnections([], 1) { HaveHelpers = true } }).Table.Bytes));
        Assert.True(bench.Passes(ToOwn(9999))); // It may be announced, and so related.
    }

    [Fact]
    public void SentFramesAreReadBehindAnyNumberOfTags()
    {
        byte[] tags = [.. Enumerable.Range(0, 5).SelectMany(_ => new byte[] { 0, 0, 0x81, 0 })];
        byte[] packet = Packet.Ipv4(Own, Peer, 6, Packet.Tcp(4000, 443));
        Assert.Equal(SentKind.Keyed, SentFrame.Read(Packet.Ethernet(0x8100, [.. tags, 0, 0, 8, 0, .. packet]), out ulong tagged));
        Assert.Equal(SentKind.Keyed, SentFrame.Read(Packet.Ethernet(0x0800, packet), out ulong plain));
        Assert.Equal(plain, tagged);
        Assert.Equal(SentKind.Unreadable, SentFrame.Read(Packet.Ethernet(0x8100, tags), out _)); // cut within the tags
    }

    [Fact]
    public void ErrorsOfIcmpPass()
    {
        using FirewallBench bench = new();
        Load(bench, known: null);
        Load(bench, known: []);
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 1, Packet.Icmp(3, 1)))));
        Assert.False(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 1, Packet.Icmp(8, 0)))));
    }

    [Fact]
    public void ATableWhoseLeaseIsOverPassesAll()
    {
        using FirewallBench bench = new();
        PrefilterResult result = PrefilterBench.Compile(
            Stateful.Replace("policy drop", "policy accept; drop", StringComparison.Ordinal), PrefilterBench.Host with { IsLeased = true });
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
        Assert.True(bench.Passes(ToOwn(9999)));
        Assert.Equal(1ul, bench.Counter("firewall.lapsed"));
    }

    [Fact]
    public void FiltersHoldAllThatWasPutIn()
    {
        Random random = new(1);
        ulong[] keys = [.. Enumerable.Range(0, 10_000).Select(_ => (ulong)random.NextInt64())];
        ulong[] words = ConnectionFilter.Of(keys);
        unsafe
        {
            fixed (ulong* start = words)
            {
                Sos.Sdk.Memory.MemoryBlock<ulong> block = new(start, words.Length);
                Assert.DoesNotContain(keys, key => !ConnectionFilter.MayHold(block, key));
                int others = Enumerable.Range(0, 10_000).Count(_ => ConnectionFilter.MayHold(block, (ulong)random.NextInt64()));
                Assert.InRange(others, 0, 500);
            }
        }
    }

    [Fact]
    public void SentFramesOfAnyBytesAreRead()
    {
        Random random = new(2);
        byte[] frame = new byte[80];
        for (int i = 0; i < 200_000; i++)
        {
            random.NextBytes(frame);
            (frame[12], frame[13]) = random.Next(3) switch { 0 => ((byte)8, (byte)0), 1 => ((byte)0x86, (byte)0xdd), _ => ((byte)0x81, (byte)0) };
            frame[14] = random.Next(2) == 0 ? (byte)0x45 : frame[14];
            frame[20] = random.Next(2) == 0 ? (byte)60 : frame[20];
            _ = SentFrame.Read(frame.AsSpan(0, random.Next(frame.Length)), out _); // an index out of range would be an exception here
        }
    }

    internal static PrefilterOptions Recording(IReadOnlyCollection<ulong>? known, ulong seenWith) => PrefilterBench.Host with
    {
        RecordsConnections = true,
        Connections = known is null ? null : new KnownConnections(known, seenWith),
        PortGroup = 0,
        PortType = 1,
        Answers = AnswerLimit.Default,
    };

    private static byte[] ToOwn(ushort port) => Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, Packet.Tcp(5555, port)));

    internal static void Send(FirewallBench bench, byte[] frame)
    {
        Assert.True(bench.Host.Send(frame));
        bench.Harness.Poll();
    }

    private static void Load(FirewallBench bench, IReadOnlyCollection<ulong>? known, ulong? seenWith = null)
    {
        bench.Harness.Poll(1024); // The part of the record that is needed next is clean then.
        PrefilterResult result = PrefilterBench.Compile(Stateful, Recording(known, seenWith ?? bench.Counter("firewall.table_generation")));
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
    }
}

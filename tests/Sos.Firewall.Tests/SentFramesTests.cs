using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Sos.Firewall.Capture;
using Sos.Firewall.Control;
using Sos.Firewall.Rules;
using Sos.Firewall.Tables;
using Sos.Firewall.Tests.Tracking;
using Xunit;
using static Sos.Firewall.Tests.Tracking.Segment;

namespace Sos.Firewall.Tests;

/// <summary>Chains for what Linux sends, where the core decides alone.</summary>
public class SentFramesTests
{
    private const uint Peer = 0x0a000001;
    private const uint Own = 0x0a090002;

    [Fact]
    public void Rules_And_Policy_Drop_What_Linux_Sends_And_Nothing_Else()
    {
        using FirewallBench bench = new();
        bench.Apply("""
            table inet f {
              chain o { type filter hook output priority 0; policy drop; udp dport 53 accept; tcp dport 25 drop; }
            }
            """);
        Assert.True(bench.Sends(Datagram(Own, Peer, 7000, 53)));
        Assert.False(bench.Sends(Datagram(Own, Peer, 7000, 54)));
        Assert.False(bench.Sends(Make(Own, Peer, 6, new Segment(Syn).ToBytes(7000, 25))));
        byte[] question = Packet.Ethernet(0x0806, [0, 1, 8, 0, 6, 4, 0, 1, .. new byte[20]]);
        Assert.True(bench.Sends(question)); // of ARP, which no such chain sees
        Assert.True(bench.Passes(Datagram(Peer, Own, 54, 7000))); // arrives
        Assert.Equal(2ul, bench.Counter("firewall.output_dropped"));
        Assert.Equal(2ul, bench.Counter("firewall.sent"));
        Assert.Equal(0ul, bench.Counter("firewall.dropped_by_rule") + bench.Counter("firewall.dropped_by_policy"));
    }

    [Fact]
    public void Output_Comes_Before_Postrouting_And_Each_Goes_By_Priority()
    {
        using FirewallBench bench = new();
        CompiledTable table = FirewallBench.Compile(
            """
            table ip f {
              chain p { type filter hook postrouting priority -300; counter; udp dport 2 drop; udp dport 3 accept; }
              chain q { type filter hook postrouting priority 10; udp dport 3 drop; }
              chain late { type filter hook output priority 10; counter; }
              chain early { type filter hook output priority 0; udp dport 1 drop; counter; }
            }
            """,
            out _);
        Assert.True(bench.Harness.LoadTable(table.Bytes));
        byte[][] frames = [.. Enumerable.Range(1, 4).Select(port => Datagram(Own, Peer, 7000, (ushort)port))];
        Assert.Equal([frames[3]], bench.Send(frames));
        Dictionary<string, ulong> counted = bench.RuleCounters(table);
        Assert.Equal(
            [3ul, 3ul, 3ul], counted.OrderBy(pair => pair.Key).Select(pair => pair.Value)); // each sees all but what the first dropped
    }

    [Fact]
    public void Interfaces_Are_Those_By_Which_Packets_Leave()
    {
        using FirewallBench bench = new();
        bench.Apply("""
            table inet f {
              chain o {
                type filter hook output priority 0; policy drop;
                oifname "lo" accept
                iifname "eth0" accept
                oifname "eth0" udp dport 1 accept
                oif "eth0" udp dport 2 accept
                oifname != "eth1" iifname != "eth0" udp dport 3 accept
                meta oifname { "eth0", "eth1" } udp dport 4 accept
              }
              chain i { type filter hook input priority 0; policy drop; oifname "eth0" accept; oifname != "eth0" udp dport 5 accept; }
            }
            """);
        Assert.Equal(4, bench.Send(Enumerable.Range(1, 6).Select(port => Datagram(Own, Peer, 7000, (ushort)port))).Count);
        Assert.Single(bench.Filter(Enumerable.Range(1, 6).Select(port => Datagram(Peer, Own, 7000, (ushort)port))));
    }

    [Fact]
    public void A_Chain_That_Both_Ways_Meet_Is_One_With_One_Counter()
    {
        using FirewallBench bench = new();
        CompiledTable table = FirewallBench.Compile(
            """
            table ip f {
              chain both { iifname "eth0" udp dport 1 accept; oifname "eth0" udp dport 2 accept; udp dport 3 counter accept; }
              chain i { type filter hook input priority 0; policy drop; jump both; }
              chain o { type filter hook output priority 0; policy drop; jump both; }
            }
            """,
            out LoadedRuleset loaded);
        Assert.True(bench.Harness.LoadTable(table.Bytes));
        byte[][] frames = [.. Enumerable.Range(1, 4).Select(port => Datagram(Own, Peer, 7000, (ushort)port))];
        Assert.Equal([frames[0], frames[2]], bench.Filter(frames));
        Assert.Equal([frames[1], frames[2]], bench.Send(frames));
        Assert.Equal(2ul, Assert.Single(bench.RuleCounters(table)).Value);
        Assert.Equal(5, table.RuleCount);
        Assert.Empty(Compile(loaded, SentFrames.Judged).Diagnostics); // each rule matches one way
    }

    [Fact]
    public void Connections_Are_Those_That_Linux_Would_See()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("""
            table inet f {
              chain raw { type filter hook output priority raw; ct state new drop; udp dport 99 notrack; }
              chain i { type filter hook input priority 0; policy drop; tcp dport 22 ct state new accept; ct state established accept; }
              chain o {
                type filter hook output priority 0; policy drop;
                ct state established,related accept
                udp dport 53 ct state new accept
                ct state untracked accept
              }
            }
            """);
        Assert.False(bench.Sends(FromOwn(new Segment(Syn | Ack, 500, 101), 22, 5000))); // nobody asked
        Assert.True(bench.Passes(ToOwn(new Segment(Syn, 100), 5000, 22)));
        Assert.True(bench.Sends(FromOwn(new Segment(Syn | Ack, 500, 101), 22, 5000)));
        Assert.True(bench.Passes(ToOwn(new Segment(Ack, 101, 501), 5000, 22)));

        Assert.False(bench.Sends(FromOwn(new Segment(Syn, 700), 6000, 443))); // dropped: it begins no flow
        Assert.False(bench.Passes(ToOwn(new Segment(Syn | Ack, 900, 701), 443, 6000)));
        Assert.True(bench.Sends(Datagram(Own, Peer, 7000, 53)));
        Assert.True(bench.Passes(Datagram(Peer, Own, 53, 7000)));
        Assert.True(bench.Sends(Datagram(Own, Peer, 7000, 99)));
        Assert.False(bench.Passes(Datagram(Peer, Own, 99, 7000))); // it was not tracked
        Assert.Equal(2ul, bench.Counter("flows.count"));
    }

    [Fact]
    public void Later_Fragments_Go_With_The_First_Of_Their_Packet()
    {
        using FirewallBench bench = new();
        bench.Apply("table ip f { chain o { type filter hook output priority 0; policy drop; udp dport 53 accept; }; }");
        byte[] packet = [.. Packet.Udp(1000, 53, 1000)];
        byte[] Fragment(ushort id, ushort place, Range part) => Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 17, packet[part], id, place));
        Assert.True(bench.Sends(Fragment(7, 0x2000, ..512)));
        Assert.True(bench.Sends(Fragment(7, 64, 512..)));
        Assert.False(bench.Sends(Fragment(8, 64, 512..)));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("dhcp=rules\n", false)]
    public void A_Client_Without_An_Address_Asks_For_One_Past_The_Rules(string parameters, bool passes)
    {
        using FirewallBench bench = new(parameters);
        bench.Apply("table ip f { chain o { type filter hook output priority 0; policy drop; }; }");
        Assert.Equal(passes, bench.Sends(Datagram(0, uint.MaxValue, 68, 67)));
        Assert.False(bench.Sends(Datagram(Own, uint.MaxValue, 68, 67)));
        Assert.False(bench.Sends(Datagram(0, uint.MaxValue, 68, 69)));
    }

    [Fact]
    public void Other_Rules_End_It()
    {
        using FirewallBench bench = new();
        bench.Apply("table ip f { chain o { type filter hook output priority 0; policy drop; }; }");
        Assert.False(bench.Sends(Datagram(Own, Peer, 7000, 53)));
        bench.Apply("table ip f { chain i { type filter hook input priority 0; policy drop; }; }");
        Assert.True(bench.Sends(Datagram(Own, Peer, 7000, 53)));
    }

    [Theory]
    [InlineData("ct state established accept; meta skuid 0 return;", false, TableMode.Authoritative)]
    [InlineData("ct state vmap { established : accept, new : return };", false, TableMode.Authoritative)]
    [InlineData("ct state established accept; counter;", true, TableMode.Stateful)]
    [InlineData("udp dport vmap { 53 : accept, 54 : drop };", true, TableMode.Authoritative)]
    [InlineData("jump sub;", true, TableMode.Authoritative)]
    [InlineData("jump sub2;", false, TableMode.Authoritative)]
    public void A_Chain_By_Which_Nothing_Can_Happen_Is_Not_Asked(string rules, bool isAsked, TableMode mode)
    {
        LoadedRuleset loaded = FirewallBench.Load($$"""
            table inet f {
              chain sub { udp dport 1 drop; }
              chain sub2 { meta skuid 7 accept; }
              chain i { type filter hook input priority 0; policy drop; }
              chain o { type filter hook output priority 0; {{rules}} }
            }
            """);
        CompiledTable table = Compile(loaded, SentFrames.Judged).Table!;
        Assert.Equal((isAsked, mode), (JudgesSent(table), table.Mode));
    }

    [Theory]
    [InlineData("type filter hook output priority 0; meta skuid 0 drop;", "SOSFW005", "rule handle")]
    [InlineData("type filter hook output priority 0; meta skgid 0 counter drop;", "SOSFW005", "rule handle")]
    [InlineData("type filter hook output priority 0; tcp dport 25 reject;", "SOSFW004", "rule handle")]
    [InlineData("type filter hook output priority -200; udp dport 1 notrack;", "SOSFW003", "chain o")]
    [InlineData("type nat hook output priority 0; udp dport 1 drop;", "SOSFW003", "chain o")]
    [InlineData("type nat hook output priority 0; udp dport 1 accept;", "SOSFW003", "chain o")]
    [InlineData("type nat hook postrouting priority 0; masquerade;", "SOSFW003", "chain o")]
    public void What_Cannot_Be_Honoured_Is_An_Error(string chain, string id, string place)
    {
        CompileResult result = Compile(FirewallBench.Load($"table inet f {{ chain o {{ {chain} }}; }}"), SentFrames.Judged);
        RuleDiagnostic error = Assert.Single(result.Diagnostics, item => item.Severity == RuleSeverity.Error);
        Assert.Equal(id, error.Id);
        Assert.Contains(place, error.Place, StringComparison.Ordinal);
    }

    /// <summary>Linux asks its output chains about its answers, which the core would send past them.</summary>
    [Fact]
    public void What_Rejects_Is_An_Error_Beside_Chains_For_What_Linux_Sends()
    {
        const string Rules = "table inet f {{ chain i {{ type filter hook input priority 0; tcp dport 22 reject; }}; "
            + "chain o {{ type filter hook output priority 0; {0} }}; }}";
        CompileResult refused = Compile(FirewallBench.Load(string.Format(CultureInfo.InvariantCulture, Rules, "udp dport 1 drop;")), SentFrames.Judged);
        RuleDiagnostic error = Assert.Single(refused.Diagnostics);
        Assert.Equal(("SOSFW004", "table inet f, chain i, rule handle 3"), (error.Id, error.Place));
        Assert.NotNull(Compile(FirewallBench.Load(string.Format(CultureInfo.InvariantCulture, Rules, "udp dport 1 accept;")), SentFrames.Judged).Table);
    }

    [Theory]
    [InlineData("type nat hook postrouting priority 0;")]
    [InlineData("type route hook output priority 0;")]
    public void Empty_Chains_Of_Other_Types_Do_No_Harm(string chain)
        => Assert.NotNull(Compile(FirewallBench.Load($"table inet f {{ chain o {{ {chain} }}; }}"), SentFrames.Judged).Table);

    [Fact]
    public void Where_The_Core_Does_Not_See_What_Linux_Sends_Only_Chains_That_Drop_Nothing_Are_Taken()
    {
        const string Counting = "table ip f { chain o { type filter hook postrouting priority 0; udp dport 1 counter accept; }; }";
        CompileResult taken = Compile(FirewallBench.Load(Counting), SentFrames.Unseen);
        Assert.False(JudgesSent(taken.Table!));
        Assert.Equal("SOSFW017", Assert.Single(taken.Diagnostics).Id);
        CompileResult refused = Compile(FirewallBench.Load(Counting.Replace("accept", "drop", StringComparison.Ordinal)), SentFrames.Unseen);
        Assert.Null(refused.Table);
        RuleDiagnostic error = Assert.Single(refused.Diagnostics);
        Assert.Equal("SOSFW003", error.Id);
        Assert.Contains("without --rules", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void A_Capture_Shows_What_Was_Dropped_And_By_Which_Rule()
    {
        using FirewallBench bench = new(capture: true);
        CompiledTable rules = FirewallBench.Compile(
            "table ip f { chain o { type filter hook output priority 0; policy drop; ct state new udp dport 54 counter drop; udp dport 53 accept; }; }", out _);
        Assert.True(bench.Harness.LoadTable(rules.Bytes));
        CapturedFrames frames = new(bench.Harness.SharedMemory(0));
        frames.Want(ulong.MaxValue, isDroppedOnly: true);
        byte[][] sent = [.. Enumerable.Range(53, 3).Select(port => Datagram(Own, Peer, 7000, (ushort)port))];
        Assert.Equal([sent[0]], bench.Send(sent));
        List<CapturedFrame> read = [];
        while (frames.TryRead(out CapturedFrame frame))
        {
            read.Add(frame);
        }

        Assert.Equal([CaptureVerdict.SentDroppedByRule, CaptureVerdict.SentDroppedByPolicy], read.Select(frame => frame.Slot.Verdict));
        byte[] bytes = rules.Bytes.ToArray();
        fixed (byte* start = bytes)
        {
            Assert.True(FirewallTable.TryOpen(start, (ulong)bytes.Length, out FirewallTable table));
            CaptureTable told = new(table, [.. rules.Counters.Select(counter => counter.Place)]);
            Assert.Equal(
                ["table ip f, chain o, rule handle 2", "the policy of a chain"],
                read.Select(frame => told.Describe(frame.Bytes, frame.Slot.States, isSent: true) ?? "nothing"));
        }
    }

    private static CompileResult Compile(LoadedRuleset loaded, SentFrames sent) => RulesetCompiler.Compile(
        loaded.Json, new CompileOptions { PortNames = [FirewallBench.PortName], TracksConnections = true, DecidesAlone = true, Sent = sent });

    private static unsafe bool JudgesSent(CompiledTable table)
    {
        byte[] bytes = table.Bytes.ToArray();
        fixed (byte* start = bytes)
        {
            Assert.True(FirewallTable.TryOpen(start, (ulong)bytes.Length, out FirewallTable opened));
            return opened.JudgesSent;
        }
    }

    private static byte[] ToOwn(Segment segment, ushort source, ushort destination) => Make(Peer, Own, 6, segment.ToBytes(source, destination));

    private static byte[] FromOwn(Segment segment, ushort source, ushort destination) => Make(Own, Peer, 6, segment.ToBytes(source, destination));

    private static byte[] Datagram(uint from, uint to, ushort source, ushort destination) => Make(from, to, 17, Packet.Udp(source, destination, 4));

    private static byte[] Make(uint from, uint to, byte protocol, byte[] payload)
    {
        Packet.WriteChecksum(protocol, payload, from, to);
        return Packet.Ethernet(0x0800, Packet.Ipv4(from, to, protocol, payload));
    }
}

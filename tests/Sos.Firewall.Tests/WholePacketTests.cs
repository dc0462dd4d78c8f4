using System;
using System.Buffers.Binary;
using System.Globalization;
using System.Linq;
using Sos.Firewall.Rules;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>Rules on what is no usual field of a packet: Ethernet addresses, the time, marks and quotas, and rules that change the class of traffic.</summary>
public class WholePacketTests
{
    private const uint Peer = 0x0a000001;
    private const uint Own = 0x0a090002;

    [Fact]
    public void A_Quota_Begins_Anew_With_Its_Rules_As_In_Linux()
    {
        const string Rules = """
            table ip f { quota q { over 200 bytes used 100 bytes }; chain c { type filter hook input priority 0;
              udp dport 1 quota name "q" drop
              udp dport 2 quota name "q" drop
              udp dport 3 quota 56 bytes accept
              udp dport 3 drop; }; }
            """;
        using FirewallBench bench = new();
        for (int round = 0; round < 2; round++)
        {
            bench.Apply(Rules);
            Assert.True(bench.Passes(Datagram(1))); // 28 bytes each: 128, 156, 184, then more than 200
            Assert.True(bench.Passes(Datagram(2)));
            Assert.True(bench.Passes(Datagram(2)));
            Assert.False(bench.Passes(Datagram(1)));
            Assert.False(bench.Passes(Datagram(2)));
            Assert.Equal(2, bench.Filter(Enumerable.Repeat(Datagram(3), 5)).Count);
        }
    }

    [Theory]
    [InlineData("meta nftrace set 1", 1)]
    [InlineData("udp dport 2 meta nftrace set 1 drop", 1)]
    [InlineData("udp dport 1 meta nftrace set 1 drop", 0)]
    public void A_Rule_That_Traces_Does_The_Rest_And_Is_A_Note(string rule, int passed)
    {
        LoadedRuleset loaded = FirewallBench.Load($"table inet f {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}");
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { DecidesAlone = true, TracksConnections = true });
        Assert.Equal(RuleDiagnosticIds.Traces, Assert.Single(result.Diagnostics).Id);
        using FirewallBench bench = new();
        bench.Apply($"table inet f {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}");
        Assert.Equal(passed, bench.Filter([Datagram(1)]).Count);
    }

    [Theory]
    [InlineData("ip dscp set cs1", 0x0800, 8 << 2)]
    [InlineData("ip ecn set ce", 0x0800, 3)]
    [InlineData("ip dscp set 63 ip ecn set ect0", 0x0800, 0xfe)]
    [InlineData("ip6 dscp set cs1", 0x86dd, 8 << 2)]
    [InlineData("ip6 dscp set 10 ip6 ecn set ect1", 0x86dd, 41)]
    public void A_Class_Of_Traffic_That_Rules_Set_Is_In_What_Passes(string statement, int type, int expected)
    {
        using FirewallBench bench = new();
        bench.Apply($"table inet f {{ chain c {{ type filter hook prerouting priority 0; {statement}; }}; }}");
        foreach (bool isSent in new[] { false, true })
        {
            bench.Apply($"table inet f {{ chain c {{ type filter hook {(isSent ? "output" : "prerouting")} priority 0; {statement}; }}; }}");
            foreach (byte[] frame in new[] { Datagram(1), Packet.Ethernet(0x86dd, Packet.Ipv6(1, 2, 17, Packet.Udp(1, 1), 5)) })
            {
                byte[] passed = Assert.Single(isSent ? bench.Send([frame]) : bench.Filter([frame]));
                bool isMeant = frame[12] == type >> 8;
                byte traffic = frame[12] == 8 ? passed[15] : (byte)(BinaryPrimitives.ReadUInt16BigEndian(passed.AsSpan(14)) >> 4);
                Assert.Equal(isMeant ? expected : 0, traffic);
                Assert.Equal(MalformedReason.None, FrameParser.Parse(passed, out _)); // which looks at the checksum
                Assert.Equal(frame[20..24], passed[20..24]);
                Assert.Equal(frame.Length, passed.Length);
            }
        }
    }

    [Fact]
    public void What_Linux_Sends_Has_No_Ethernet_Header_Yet_And_Is_For_Its_Host()
    {
        using FirewallBench bench = new();
        bench.Apply("""
            table inet f { chain c { type filter hook output priority 0;
              ether saddr 02:00:00:00:00:02 drop
              ether saddr != 02:00:00:00:00:02 drop
              meta pkttype != host drop
              udp dport 7 meta pkttype host drop; }; }
            """);
        Assert.True(bench.Sends(Datagram(1)));
        Assert.False(bench.Sends(Datagram(7)));
    }

    [Theory]
    [InlineData("chain c { type filter hook output priority 0; meta mark 1 drop; }", "SOSFW005")]
    [InlineData("chain c { type filter hook output priority 0; meta mark set meta mark | 1; }", "SOSFW005")]
    [InlineData("chain c { type route hook output priority 0; meta mark set 1; }", "SOSFW004")]
    [InlineData("chain c { type filter hook input priority 0; ip ttl set 5; }", "SOSFW004")]
    [InlineData("chain c { type filter hook input priority 0; tcp sequence & 0xff == 1 drop; }", "SOSFW005")]
    [InlineData("chain c { type filter hook input priority 0; meta skuid 0 drop; }", "SOSFW005")]
    [InlineData("chain c { type filter hook input priority 0; @th,0,48 1 drop; }", "SOSFW005")]
    [InlineData("chain c { type filter hook input priority 0; meta mark set meta mark ^ 1 tcp dport vmap { 1 : drop }; }", "SOSFW004")]
    [InlineData("chain c { type filter hook input priority 0; quota 9 bytes tcp dport vmap { 1 : drop }; }", "SOSFW004")]
    [InlineData("chain c { type filter hook input priority 0; meta mark . ip saddr { 0 . 10.0.0.1, 1 . 10.0.0.1 } meta mark set 1; }", "SOSFW004")]
    public void What_Cannot_Be_Honoured_Is_An_Error(string chain, string id)
    {
        LoadedRuleset loaded = FirewallBench.Load($"table ip f {{ {chain}; }}");
        CompileResult result = RulesetCompiler.Compile(
            loaded.Json, new CompileOptions { DecidesAlone = true, TracksConnections = true, Sent = SentFrames.Judged });
        Assert.Equal(id, Assert.Single(result.Diagnostics).Id);
    }

    [Theory]
    [InlineData("ether saddr 02:00:00:00:00:02 drop")]
    [InlineData("meta pkttype broadcast drop")]
    [InlineData("udp length 28 drop")]
    [InlineData("meta mark 1 drop")]
    [InlineData("meta hour \"10:00\"-\"11:00\" drop")]
    [InlineData("quota 1 mbytes drop")]
    [InlineData("ct mark 1 drop")]
    public void Where_Linux_Judges_After_The_Core_They_Are_Not_The_Cores(string rule)
    {
        LoadedRuleset loaded = FirewallBench.Load($"table ip f {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}");
        Assert.Null(RulesetCompiler.Compile(loaded.Json, new CompileOptions()).Table);
    }

    [Fact]
    public void Sets_That_Count_By_Element_Match_And_Are_Told_Of()
    {
        const string Rules = "table ip f { set s { type ipv4_addr; counter; elements = { 10.0.0.1, 10.0.0.9 counter packets 3 bytes 9 }; }; "
            + "chain c { type filter hook input priority 0; ip saddr @s drop; }; }";
        CompileResult result = RulesetCompiler.Compile(FirewallBench.Load(Rules).Json, new CompileOptions { DecidesAlone = true });
        Assert.Equal(("SOSFW018", RuleSeverity.Note), (Assert.Single(result.Diagnostics).Id, result.Diagnostics[0].Severity));
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(result.Table!.Bytes));
        Assert.False(bench.Passes(Datagram(1)));
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer + 1, Own, 17, Packet.Udp(1, 1)))));
    }

    [Fact]
    public void Hours_Are_Of_Utc_And_Days_Of_The_Kernels_Zone()
    {
        Random random = new(1);
        for (int i = 0; i < 2000; i++)
        {
            int minutesWest = random.Next(-14 * 60, 14 * 60);
            DateTime now = DateTime.UnixEpoch.AddSeconds(random.NextInt64(200_000, 4_000_000_000)).AddTicks(random.Next(10_000_000));
            LoadedRuleset loaded = Dated.Value;
            CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { DecidesAlone = true, MinutesWest = minutesWest });
            PacketKey key = Read(result.Table!, now);
            Assert.Equal((uint)now.TimeOfDay.TotalSeconds, key.Value(Field.HourOfDay));
            Assert.Equal((uint)now.AddMinutes(-minutesWest).DayOfWeek, key.Value(Field.Weekday));
            Assert.Equal((ulong)(now - DateTime.UnixEpoch).Ticks * 100, key.Time);
        }
    }

    [Fact]
    public void A_Dropped_Packet_Marks_The_Connection_That_Stands_And_None_That_It_Would_Begin()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("""
            table inet f { chain c { type filter hook input priority 0;
              ct mark 5 drop
              udp sport 7 ct mark set 5 drop
              udp dport 9 ct mark set 5; }; }
            """);
        byte[] first = Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 17, Packet.Udp(7, 1)));
        Assert.False(bench.Passes(first)); // begins nothing
        Assert.Equal(0ul, bench.Counter("flows.count"));
        Assert.True(bench.Passes(Datagram(9)));
        Assert.False(bench.Passes(Datagram(9))); // by its connection's mark
        Assert.True(bench.Passes(Datagram(8)));
    }

    private static readonly Lazy<LoadedRuleset> Dated
        = new(() => FirewallBench.Load("table ip f { chain c { type filter hook input priority 0; meta day \"Sunday\" drop; }; }"));

    private static unsafe PacketKey Read(CompiledTable table, DateTime now)
    {
        byte[] frame = Datagram(1);
        fixed (byte* bytes = frame, start = table.Bytes)
        {
            Assert.True(FirewallTable.TryOpen(start, (ulong)table.Bytes.Length, out FirewallTable opened));
            Assert.Equal(MalformedReason.None, FrameParser.Parse(frame, out ParsedFrame parsed));
            FullReader reader = default;
            reader.Begin(in opened, default);
            Assert.True(reader.AsksForTime);
            reader.SetTime((ulong)(now - DateTime.UnixEpoch).Ticks * 100);
            PacketKey key = default;
            PacketKeyReader.Read(frame, in parsed, ref key);
            reader.Read(frame, in parsed, isSent: false, ref key);
            return key;
        }
    }

    [Fact]
    public void The_Clock_Of_The_Core_Decides()
    {
        using FirewallBench bench = new();
        DateTime now = new(2026, 5, 30, 23, 51, 23, DateTimeKind.Utc);
        string At(int seconds) => now.AddSeconds(seconds).ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        string Hour(int seconds) => now.AddSeconds(seconds).ToLocalTime().ToString("HH:mm:ss", CultureInfo.InvariantCulture);
        bench.Apply($$"""
            table inet f { chain c { type filter hook input priority 0; policy drop;
              udp dport 1 meta time >= "{{At(-600)}}" accept
              udp dport 2 meta time < "{{At(-600)}}" accept
              udp dport 3 meta time "{{At(-600)}}"-"{{At(600)}}" accept
              udp dport 4 meta hour "{{Hour(-600)}}"-"{{Hour(600)}}" accept
              udp dport 5 meta hour "{{Hour(600)}}"-"{{Hour(1200)}}" accept
              udp dport 6 meta day { 0, 1, 2, 3, 4, 5, 6 } accept
              udp dport 7 meta day {{((int)now.DayOfWeek + 3) % 7}} accept; }; }
            """);
        Assert.Equal([true, false, true, true, false, true, false], Enumerable.Range(1, 7).Select(PassesNow));

        bool PassesNow(int port)
        {
            // The harness's TSC counts nanoseconds of CLOCK_REALTIME.
            Assert.True(bench.Nic.Send(Datagram((ushort)port)));
            bench.Harness.PollAt((ulong)(now - DateTime.UnixEpoch).Ticks * 100);
            return bench.Host.ReceiveAll().Count == 1;
        }
    }

    private static byte[] Datagram(ushort port) => Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 17, Packet.Udp(1, port)));
}

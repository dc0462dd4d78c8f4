using System.Linq;
using Sos.Firewall.Rules.Prefilter;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>
/// Of what rules log or refuse Linux gets as many packets a second as it would log, or answer at most, and the core drops the rest.
/// </summary>
public class LogSamplingTests
{
    private const int Packets = 40;
    private const ulong Second = 1_000_000_000; // of the test's clock

    private static readonly byte[] Segment = Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(5555, 9999)));

    [Theory]
    [InlineData("log; drop", 10, 10)]
    [InlineData("log prefix \"in: \" drop", 10, 10)]
    [InlineData("log group 3; drop", 10, 10)]
    [InlineData("limit rate 3/second log; drop", 5, 3)]
    [InlineData("log limit rate 60/minute burst 3 packets reject; drop", 10, 10)]
    [InlineData("limit rate 1/second burst 2 packets log limit rate 20/second burst 20 packets reject; drop", 20, 20)]
    [InlineData("limit rate 1/second burst 2 packets log group 3 limit rate 7/second burst 7 packets log; drop", 7, 7)]
    [InlineData("limit rate 2/second burst 7 packets log; drop", 7, 2)]
    [InlineData("limit rate 60/minute burst 3 packets log prefix \"a\" drop; drop", 3, 1)]
    [InlineData("limit rate 5/second counter; drop", 0, 0)]
    [InlineData("tcp dport 9999 log; tcp dport 9999 drop", 10, 10)]
    [InlineData("udp dport 9999 log; tcp dport 9999 drop", 0, 0)]
    [InlineData("log udp dport 9999 drop; drop", 10, 10)]
    [InlineData("jump logs; drop", 10, 10)]
    [InlineData("jump log_drops", 10, 10)]
    [InlineData("limit rate 2/second burst 2 packets log; log; drop", 10, 10)]
    [InlineData("limit rate 1/second burst 2 packets jump logs; drop", 10, 10)]
    [InlineData("limit rate 1/second burst 2 packets jump limited_logs; drop", 4, 3)]
    [InlineData("limit name \"logging\" log; drop", 5, 3)]
    [InlineData("reject", 6, 6)]
    [InlineData("reject with icmpx admin-prohibited", 6, 6)]
    [InlineData("tcp dport 22 accept; reject with icmp host-prohibited", 6, 6)]
    [InlineData("udp dport 53 reject; drop", 0, 0)]
    [InlineData("log reject", 10, 10)]
    [InlineData("limit rate 3/second reject; drop", 5, 3)]
    [InlineData("limit rate 3/second meta l4proto tcp reject with tcp reset; drop", 5, 3)]
    [InlineData("limit rate 3/second reject with icmpv6 no-route; drop", 0, 0)]
    public void As_Many_Pass_As_Linux_Would_Log(string rules, int atOnce, int perSecond)
    {
        using FirewallBench bench = Load(rules);
        ulong now = Tsc.Read();
        Assert.Equal(atOnce, Passing(bench, now));
        Assert.Equal(0, Passing(bench, now));
        Assert.Equal(perSecond, Passing(bench, now + Second));
        Assert.Equal((ulong)(atOnce + perSecond), bench.Counter("firewall.sampled"));
        Assert.Equal((ulong)((3 * Packets) - atOnce - perSecond), Dropped(bench));
    }

    [Theory]
    [InlineData("limit rate 3/second drop; tcp dport 22 accept; drop")]
    [InlineData("limit rate over 3/second log; drop")]
    [InlineData("limit rate 3/second accept; drop")]
    [InlineData("limit name \"shared\" log; drop")]
    [InlineData("limit rate 10 kbytes/second log; drop")]
    [InlineData("limit rate 3/second meta mark set 1; drop")]
    [InlineData("limit rate 3/second log jump accepts; drop")]
    [InlineData("limit name \"shared\" reject; tcp dport 22 accept; drop")]
    [InlineData("meta l4proto tcp reject with tcp reset")]
    [InlineData("reject with icmp frag-needed")]
    [InlineData("limit rate 3/second reject; tcp dport 22 accept; drop")]
    [InlineData("limit rate 3/second drop; counter name ip saddr map { 10.0.0.9 : \"named\" } drop")]
    public void What_A_Limit_Decides_Is_Linuxs(string rules)
    {
        using FirewallBench bench = Load(rules);
        Assert.Equal(Packets, Passing(bench, Tsc.Read()));
        Assert.Equal(0ul, bench.Counter("firewall.sampled"));
    }

    [Theory]
    [InlineData("reject", Packets)]
    [InlineData("ip saddr 10.0.0.1 reject with icmp host-prohibited", Packets)]
    [InlineData("limit rate 3/second reject; drop", 5)]
    public void At_Ingress_Linux_Answers_Each(string rules, int passing)
    {
        PrefilterResult result = PrefilterBench.Compile(
            $"table netdev n {{ chain c {{ type filter hook ingress device \"{FirewallBench.PortName}\" priority 0; {rules}; }}; }}", Answering);
        Assert.Empty(result.Notes);
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
        Assert.Equal(passing, Passing(bench, Tsc.Read()));
    }

    [Theory]
    [InlineData("tcp option maxseg size 1-500 log drop; drop", Packets)]
    [InlineData("meta mark 1 log; drop", Packets)]
    [InlineData("meta mark 1 jump logs; drop", Packets)]
    [InlineData("meta mark 1 reject; drop", Packets)]
    [InlineData("limit rate 3/second meta mark 1 log; drop", Packets)]
    [InlineData("meta mark 1 limit rate 3/second reject; drop", Packets)]
    [InlineData("meta mark set ct mark log; drop", Packets)]
    [InlineData("log meta mark set ct mark; drop", 10)]
    [InlineData("udp dport 9999 meta mark 1 log; drop", 0)]
    [InlineData("meta mark 1 jump udp_logs; drop", 0)]
    public void What_May_Be_Logged_Takes_Nothing_Of_A_Share(string rules, int passing)
    {
        using FirewallBench bench = Load(rules);
        Assert.Equal(passing, Passing(bench, Tsc.Read()));
        Assert.Equal(passing == Packets ? 0ul : (ulong)passing, bench.Counter("firewall.sampled"));
    }

    [Fact]
    public void Policies_Drop_What_Is_Logged()
    {
        using FirewallBench bench = Load("limit rate 3/minute burst 4 packets log prefix \"x\" drop", policy: "drop");
        Assert.Equal(4, Passing(bench, Tsc.Read()));
    }

    [Fact]
    public void What_Passes_Anyway_Takes_Nothing_Of_A_Share()
    {
        using FirewallBench bench = Load("log; tcp dport 22 accept; drop");
        ulong now = Tsc.Read();
        byte[] accepted = Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(5555, 22)));
        Assert.Equal(Packets, Passing(bench, now, accepted));
        Assert.Equal(10, Passing(bench, now));
    }

    [Fact]
    public void A_Log_And_A_Drop_In_Different_Tables_Share_A_Packet()
    {
        PrefilterResult result = PrefilterBench.Compile(
            "table ip a { chain c { type filter hook prerouting priority 0; log; }; }\ntable ip b { chain c { type filter hook input priority 0; drop; }; }");
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
        Assert.Equal(10, Passing(bench, Tsc.Read()));
    }

    [Fact]
    public void More_Rules_That_Log_Than_There_Are_Samplers_Leave_The_Packet_To_Linux()
    {
        using FirewallBench bench = Load(string.Join("; ", Enumerable.Range(0, 65).Select(i => $"tcp dport {9935 + i} log")) + "; drop");
        Assert.Equal(Packets, Passing(bench, Tsc.Read())); // of the last rule, for port 9999
    }

    [Fact]
    public void All_Peers_Together_Are_Answered_As_Often_As_Linux_Does()
    {
        using FirewallBench bench = Load("reject");
        ulong now = Tsc.Read();
        int passing = Enumerable.Range(0, 400).Sum(peer => Passing(bench, now, From(peer), packets: 1));
        Assert.Equal((int)AnswerLimit.Default.Burst, passing);
        Assert.Equal(1, Passing(bench, now + (Second / AnswerLimit.Default.PerSecond), From(1000), packets: 1));
    }

    [Fact]
    public void A_Peer_That_Asks_Too_Often_Leaves_The_Others_Their_Answers()
    {
        using FirewallBench bench = Load("reject");
        ulong now = Tsc.Read();
        Assert.Equal(6, Passing(bench, now, packets: 300));
        Assert.Equal(20, Enumerable.Range(0, 20).Sum(peer => Passing(bench, now, From(peer), packets: 1)));
    }

    [Fact]
    public void What_Linux_Answers_Without_A_Limit_It_Gets()
    {
        PrefilterResult result = PrefilterBench.Compile(InTable("reject", "accept"));
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
        Assert.Equal(Packets, Passing(bench, Tsc.Read()));
        Assert.Equal(DropShare.None, Assert.Single(result.Drops).Share);
    }

    [Fact]
    public void The_Report_Counts_What_Is_Logged_As_Taken()
    {
        PrefilterResult result = PrefilterBench.Compile(
            InTable("limit rate 3/second log drop; log prefix \"x\" udp dport 5 drop; reject", "accept"), Answering);
        Assert.Equal([DropShare.All, DropShare.All, DropShare.All], result.Drops.Select(drop => drop.Share));
        Assert.Equal(2, result.Logged);
        Assert.Equal(1, PrefilterBench.Compile(InTable("log limit rate 3/second reject; drop", "accept"), Answering).Logged);
    }

    private static ulong Dropped(FirewallBench bench)
        => Enumerable.Range(0, 4).Aggregate(0ul, (sum, number) => sum + bench.Counter($"rule_counter{number}.packets"));

    private static PrefilterOptions Answering => PrefilterBench.Host with { Answers = AnswerLimit.Default };

    private static byte[] From(int peer) => Packet.Ethernet(0x0800, Packet.Ipv4(0x0b000000 + (uint)peer, 0x0a090002, 6, Packet.Tcp(5555, 9999)));

    private static int Passing(FirewallBench bench, ulong now, byte[]? frame = null, int packets = Packets)
    {
        for (int i = 0; i < packets; i++)
        {
            Assert.True(bench.Nic.Send(frame ?? Segment));
        }

        for (int i = 0; i < packets; i++)
        {
            bench.Harness.PollAt(now);
        }

        return bench.Host.ReceiveAll().Count;
    }

    private static FirewallBench Load(string rules, string policy = "accept")
    {
        FirewallBench bench = new();
        PrefilterResult result = PrefilterBench.Compile(InTable(rules, policy), Answering);
        Assert.Empty(result.Notes);
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
        return bench;
    }

    private static string InTable(string rules, string policy) => $$"""
        table inet f {
          counter named { }
          limit shared { rate 3/second; }
          limit logging { rate 3/second; }
          chain accepts { accept; }
          chain logs { log; }
          chain udp_logs { udp dport 9999 log; }
          chain limited_logs { meta mark 1 limit rate 1/second return; limit rate 3/second burst 4 packets log; }
          chain log_drops { log; drop; }
          chain decides { limit name "shared" accept; limit name "logging" log; }
          chain c { type filter hook input priority 0; policy {{policy}}; {{rules}}; }
        }
        """;
}

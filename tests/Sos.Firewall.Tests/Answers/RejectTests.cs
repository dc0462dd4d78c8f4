using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Rules;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Firewall.Tests.Answers;

/// <summary>Rules that answer what they drop.</summary>
public class RejectTests
{
    private const ulong Second = 1_000_000_000;

    private const string Ports = """
        table inet f { chain c { type filter hook input priority 0; policy accept;
          tcp dport 113 reject with tcp reset
          udp dport 113 counter reject
          udp dport 114 reject with icmp admin-prohibited
          udp dport 115 reject with icmpv6 policy-fail; }; }
        """;

    [Fact]
    public void A_Datagram_Is_Answered_With_The_Error_That_Quotes_It()
    {
        using FirewallBench bench = new();
        bench.Apply(Ports);
        byte[] frame = RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp4(113, data: 700));
        byte[] answer = Assert.Single(Answers(bench, frame));
        Assert.Equal(frame[6..12].Concat(frame[..6]).Concat(frame[12..14]), answer[..14]);
        Assert.Equal(14 + 576, answer.Length); // RFC 1812, 4.3.2.3
        Assert.Equal(frame[30..34].Concat(frame[26..30]), answer[26..34]); // from the address that it was for
        Assert.Equal(new byte[] { 3, 3 }, answer[34..36]);
        Assert.Equal(frame[14..(14 + 548)], answer[42..]);
        Assert.Equal(1ul, bench.Counter("firewall.answered"));
        Assert.Equal(1ul, bench.Counter("firewall.dropped_by_rule"));
        Assert.Equal(1ul, bench.Counter("rule_counter0.packets"));
    }

    [Fact]
    public void Each_Family_Has_Its_Own_Code_And_The_Other_Is_Not_Asked()
    {
        using FirewallBench bench = new();
        bench.Apply(Ports);
        Assert.Equal(13, Assert.Single(Answers(bench, RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp4(114))))[35]);
        Assert.Equal(5, Assert.Single(Answers(bench, RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp6(115))))[55]);
        Assert.True(bench.Passes(RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp6(114))));
        Assert.True(bench.Passes(RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp4(115))));
    }

    [Fact]
    public void An_Answer_Takes_The_Tag_Of_Its_Vlan_Along()
    {
        using FirewallBench bench = new();
        bench.Apply(Ports);
        byte[] plain = RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp4(113));
        byte[] tagged = [.. plain[..12], 0x81, 0, 0, 7, .. plain[12..]];
        byte[] answer = Assert.Single(Answers(bench, tagged));
        Assert.Equal(tagged[12..18], answer[12..18]);
        Assert.Equal(new byte[] { 3, 3 }, answer[38..40]);
        byte[] reset = Assert.Single(Answers(bench, [.. plain[..12], 0x81, 0, 0, 9, .. RejectedTraffic.To(bench.NicMac, RejectedTraffic.Tcp4(113))[12..]]));
        Assert.Equal(new byte[] { 0x81, 0, 0, 9, 8, 0 }, reset[12..18]);
        Assert.Equal(18 + 40, reset.Length);
    }

    [Fact]
    public void Nobody_Else_Is_Answered_For()
    {
        using FirewallBench bench = new();
        bench.Apply(Ports);
        byte[] mac = bench.NicMac;
        mac[3] ^= 1;
        Assert.Empty(Answers(bench, RejectedTraffic.To(mac, RejectedTraffic.Udp4(113))));
        Assert.Empty(Answers(bench, RejectedTraffic.To([255, 255, 255, 255, 255, 255], RejectedTraffic.Udp4(113))));
        Assert.Equal(0ul, bench.Counter("firewall.answered"));
        Assert.Equal(2ul, bench.Counter("firewall.dropped_by_rule"));
    }

    [Fact]
    public void Errors_Are_Limited_For_Each_Peer_As_Linux_Does_And_Resets_Are_Not()
    {
        using FirewallBench bench = new();
        bench.Apply(Ports);
        ulong now = Tsc.Read() + Second;
        Assert.Equal(6, AnswersAt(bench, now, [.. Enumerable.Repeat(RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp4(113)), 10)]).Count);
        Assert.Equal(4ul, bench.Counter("firewall.answers_limited"));
        Assert.Equal(10, AnswersAt(bench, now, [.. Enumerable.Repeat(RejectedTraffic.To(bench.NicMac, RejectedTraffic.Tcp4(113)), 10)]).Count);
        Assert.Single(AnswersAt(bench, now, [RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp6(113))])); // another peer
        Assert.Single(AnswersAt(bench, now + Second + 1, [.. Enumerable.Repeat(RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp4(113)), 2)]));
    }

    [Fact]
    public void Answers_That_The_Card_Does_Not_Take_Are_Counted()
    {
        using FirewallBench bench = new();
        bench.Apply(Ports);
        byte[] frame = RejectedTraffic.To(bench.NicMac, RejectedTraffic.Tcp4(113));
        const int Rounds = 20;
        const int Each = 64;
        for (int i = 0; i < Rounds * Each; i++)
        {
            Assert.True(bench.Nic.Send(frame));
            bench.Harness.Poll(i % Each == Each - 1 ? 2 : 0);
        }

        // Nobody takes them out of the card's ring, which is smaller.
        Assert.InRange(bench.Counter("firewall.answers_lost"), 1ul, (Rounds * Each) - 1ul);
        Assert.Equal((ulong)(Rounds * Each), bench.Counter("firewall.answers_lost") + bench.Counter("firewall.answered"));
        Assert.Equal(bench.Counter("firewall.answered"), (ulong)bench.Nic.ReceiveAll().Count);
    }

    [Fact]
    public void Rules_That_Track_Connections_Answer_And_What_They_Reject_Begins_No_Flow()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("""
            table inet f { chain c { type filter hook input priority 0; policy accept;
              ct state established accept
              tcp dport 113 reject with tcp reset
              ct state new reject with icmpx host-unreachable; }; }
            """);
        Assert.Equal(54, Assert.Single(Answers(bench, RejectedTraffic.To(bench.NicMac, RejectedTraffic.Tcp4(113)))).Length);
        Assert.Equal(new byte[] { 3, 1 }, Assert.Single(Answers(bench, RejectedTraffic.To(bench.NicMac, RejectedTraffic.Udp4(5))))[34..36]);
        bench.Harness.Poll();
        Assert.Equal(0ul, bench.Counter("flows.count"));
    }

    [Fact]
    public void Without_The_Last_Word_Reject_Is_An_Error()
    {
        LoadedRuleset loaded = FirewallBench.Load(Ports);
        Assert.All(RulesetCompiler.Compile(loaded.Json, new CompileOptions()).Diagnostics, item => Assert.Equal("SOSFW004", item.Id));
    }

    private static List<byte[]> Answers(FirewallBench bench, byte[] frame) => AnswersAt(bench, Tsc.Read(), [frame]);

    private static List<byte[]> AnswersAt(FirewallBench bench, ulong now, byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(bench.Nic.Send(frame));
        }

        bench.Harness.PollAt(now);
        Assert.Empty(bench.Host.ReceiveAll());
        return [.. bench.Nic.ReceiveAll()];
    }
}

using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Rules.Prefilter;
using Xunit;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>
/// Where rules drop what Linux sends, rewrite destinations, or ask for what only tracked packets have, the core also records what it passes: then a
/// stranger's packet is the first of its connection that Linux could see.
/// </summary>
public class FirstPacketTests
{
    private const uint Peer = 0x0a000001;
    private const uint Own = 0x0a090002;
    private const byte Syn = 2;
    private const byte Rst = 4;
    private const byte Ack = 16;
    private const byte SynAck = 18;

    private const string DropsAnswers = "chain o { type filter hook output priority 0; policy drop; ct state established accept; };";

    [Theory]
    [InlineData("ct state established,related accept; drop", Syn, true)]
    [InlineData("ct mark 3 accept; drop", Syn, true)]
    [InlineData("ct mark 0 accept; drop", Syn, false)]
    [InlineData("ct mark 0 accept; drop", Rst, true)]
    [InlineData("ct mark != 3 accept; drop", Syn, false)]
    [InlineData("ct mark & 0xff == 4 accept; drop", Syn, true)]
    [InlineData("ct mark { 0, 4 } drop", Syn, true)]
    [InlineData("ct status dnat accept; drop", Syn, true)]
    [InlineData("ct status { dnat, assured } accept; drop", Syn, true)]
    [InlineData("ct status snat accept; drop", Syn, false)]
    [InlineData("ct status != seen-reply drop", Syn, true)]
    [InlineData("ct status != seen-reply drop", Rst, false)]
    [InlineData("ct direction reply accept; drop", Ack, true)]
    [InlineData("ct direction original drop", Syn, true)]
    [InlineData("ct direction original drop", Ack, false)]
    [InlineData("ct state invalid accept; drop", Syn, true)]
    [InlineData("ct state invalid accept; drop", Ack, false)]
    [InlineData("ct state new accept; drop", SynAck, true)]
    [InlineData("ct state new accept; drop", Rst, true)]
    [InlineData("ct state new drop", Syn, true)]
    [InlineData("ct state new,invalid drop", Ack, true)]
    [InlineData("ct state untracked accept; drop", Syn, true)]
    [InlineData("ct state invalid,untracked accept; drop", Syn, true)]
    [InlineData("ct state invalid,untracked accept; drop", Rst, false)]
    [InlineData("ct state invalid limit rate 3/second drop; tcp dport 22 accept; drop", Syn, true)]
    [InlineData("ct state invalid limit rate 3/second drop; tcp dport 22 accept; drop", Rst, false)]
    public void A_First_Packet_Is_Known(string rules, byte flags, bool isDropped)
    {
        using FirewallBench bench = new();
        Load(bench, rules, DropsAnswers);
        Assert.Equal(!isDropped, bench.Passes(Segment(9999, flags)));
    }

    [Theory]
    [InlineData("ct state invalid log; drop", Syn, true)]
    [InlineData("ct state invalid log; drop", Ack, false)]
    [InlineData("ct state invalid jump logged; drop", Syn, true)]
    [InlineData("ct state vmap { invalid : jump logged, established : accept }; drop", Syn, true)]
    [InlineData("ct state invalid reject; drop", Syn, true)]
    [InlineData("ct state new log; drop", Rst, true)]
    [InlineData("ct state invalid,untracked log; drop", Syn, true)]
    public void Whether_A_First_Packet_Is_Logged_Or_Answered_Is_Known(string rules, byte flags, bool isDropped)
    {
        using FirewallBench bench = new();
        Load(bench, rules, "chain logged { log; };");
        Assert.Equal(!isDropped, bench.Passes(Segment(9999, flags)));
    }

    [Theory]
    [InlineData("ct state invalid log; drop")]
    [InlineData("ct state invalid limit rate 3/second drop; tcp dport 22 accept; drop")]
    [InlineData("ct state invalid accept; drop")]
    [InlineData("ct state invalid add @seen { ip saddr }; drop")]
    public void A_Wrong_Checksum_May_Make_A_First_Packet_Invalid(string rules)
    {
        using FirewallBench bench = new();
        Load(bench, rules, $"set seen {{ type ipv4_addr; size 128; flags dynamic; }}; {DropsAnswers}");
        byte[][] right =
        [
            With(6, Packet.Tcp(5555, 9999, Syn, 3)), With(17, Packet.Udp(5555, 9999, 4)), With(1, [8, 0, 0, 0, 1, 2, 3, 4, 5]),
            Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 17, Packet.Udp(5555, 9999, 4))), // without a checksum
        ];
        Assert.All(right, frame => Assert.False(bench.Passes(frame)));
        Assert.All(right[..3], frame => Assert.True(bench.Passes(Spoilt(frame))));
    }

    [Theory]
    [InlineData("tcp flags syn / syn,ack accept; ct state established accept; drop", DropsAnswers)]
    [InlineData("tcp flags syn / syn,ack accept; ct mark 3 accept; drop", "")]
    [InlineData("tcp flags syn / syn,ack accept; ct status dnat accept; drop", "")]
    [InlineData("tcp flags syn / syn,ack accept; drop", "chain n { type nat hook prerouting priority -100; tcp dport 80 redirect to :8080; };")]
    public void What_Follows_A_Packet_That_Passed_May_Be_Of_A_Connection(string rules, string beside)
    {
        using FirewallBench bench = new();
        Load(bench, rules, beside);
        Assert.False(bench.Passes(Segment(9999, Ack)));
        Assert.True(bench.Passes(Segment(9999, Syn)));
        Assert.True(bench.Passes(Segment(9999, Ack)));
        Assert.False(bench.Passes(Segment(9998, Ack)));
    }

    [Fact]
    public void What_May_Be_Untracked_Is_Not_Dropped()
    {
        const string Notrack = "chain raw { type filter hook prerouting priority -300; tcp dport 9998 notrack; };";
        using FirewallBench bench = new();
        Load(bench, "ct state untracked accept; drop", Notrack + DropsAnswers);
        Assert.True(bench.Passes(Segment(9998, Syn)));
        using FirewallBench tracked = new();
        Load(tracked, "ct state untracked accept; drop", DropsAnswers);
        byte[] solicitation = [135, 0, 0, 0, 0, 0, 0, 0, .. new byte[16]]; // Linux tracks no neighbour discovery
        Packet.WriteChecksum(58, solicitation, 1, 2);
        Assert.False(tracked.Passes(Segment(9998, Syn)));
        Assert.True(tracked.Passes(Packet.Ethernet(0x86dd, Packet.Ipv6(1, 2, 58, solicitation))));
    }

    [Fact]
    public void Packets_That_Pass_Unread_Are_Recorded()
    {
        using FirewallBench bench = new();
        Load(bench, "ct state established accept; drop", DropsAnswers);
        Assert.False(bench.Passes(Segment(9999, Ack)));
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, Packet.Tcp(5555, 9999), optionWords: 1))));
        Assert.True(bench.Passes(Segment(9999, Ack)));
    }

    [Fact]
    public void What_Passes_Around_Another_Packet_Is_Recorded()
    {
        using FirewallBench bench = new();
        Load(bench, "ct state established accept; drop", DropsAnswers);
        byte[] plain = Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 47, new byte[8]));
        Assert.False(bench.Passes(plain));
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 47, new byte[8], optionWords: 1))));
        Assert.True(bench.Passes(plain));
    }

    [Fact]
    public void What_Stands_Behind_An_Authentication_Header_Is_Recorded()
    {
        using FirewallBench bench = new();
        Load(bench, "ct state established accept; drop", DropsAnswers);
        byte[] plain = Packet.Ethernet(0x86dd, Packet.Ipv6(1, 2, 6, Packet.Tcp(5555, 9999, Ack)));
        Assert.False(bench.Passes(plain));
        Assert.True(bench.Passes(Packet.Ethernet(0x86dd, Packet.Ipv6(1, 2, 51, [6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, .. Packet.Tcp(5555, 9999)]))));
        Assert.True(bench.Passes(plain));
    }

    [Fact]
    public void An_Error_About_What_Linux_Never_Saw_Is_Invalid()
    {
        using FirewallBench bench = new();
        Load(bench, "ct state established,related accept; tcp dport 22 accept; drop", DropsAnswers);
        Assert.False(bench.Passes(ErrorAbout(80)));
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 1, [3, 3, 0, 0, 0, 0, 0, 0, 0x45])))); // about nothing that can be read
        ConnectionTests.Send(bench, Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 6, Packet.Tcp(4000, 80))));
        Assert.True(bench.Passes(ErrorAbout(80)));
        Assert.False(bench.Passes(ErrorAbout(22)));
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, Packet.Tcp(4000, 22))))); // another connection
        Assert.False(bench.Passes(ErrorAbout(22)));
        Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 6, Packet.Tcp(4000, 22))))); // passes, as the rules have it
        Assert.True(bench.Passes(ErrorAbout(22)));
    }

    [Fact]
    public void Plain_Packets_That_The_Stages_Pass_Are_Recorded()
    {
        using FirewallBench bench = new();
        Load(bench, "tcp dport 9000-10000 accept; drop", "chain b { type filter hook prerouting priority -150; ct mark 5 accept; drop; };");
        byte[] frame = Segment(9999, Syn);
        Assert.False(bench.Passes(frame)); // The first chain drops what is of no connection.
        using FirewallBench open = new();
        Load(open, "tcp dport 9000-10000 accept; ct state established accept; drop", DropsAnswers);
        Assert.True(open.Passes(frame));
        Assert.False(open.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 6, Packet.Tcp(9998, 5555)))));
        Assert.True(open.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Own, Peer, 6, Packet.Tcp(9999, 5555)))));
    }

    [Fact]
    public void What_Passes_To_Be_Logged_Begins_No_Connection()
    {
        using FirewallBench bench = new();
        Load(bench, "ct mark 3 accept; log; drop", string.Empty);
        byte[] frame = Segment(9999, Syn);
        List<bool> passed = [.. Enumerable.Range(0, 40).Select(_ => bench.Passes(frame))];
        Assert.InRange(passed.Count(one => one), 10, 20); // ten at once, and ten a second
        Assert.Contains(false, passed[20..]);
    }

    [Fact]
    public void What_A_Table_Before_Did_Not_Record_May_Be_Known_To_Linux()
    {
        using FirewallBench bench = new();
        Load(bench, "ct state established accept; drop", string.Empty);
        Assert.False(bench.Passes(Segment(9999, Ack)));
        LoadOne(bench, "ct state established accept; drop", DropsAnswers);
        Assert.True(bench.Passes(Segment(9999, Ack)));
        LoadOne(bench, "ct state established accept; drop", DropsAnswers);
        Assert.False(bench.Passes(Segment(9999, Ack)) && bench.Passes(Segment(9998, Ack)));
        LoadOne(bench, "ct state established accept; drop", DropsAnswers);
        Assert.False(bench.Passes(Segment(9997, Ack)));
    }

    [Theory]
    [InlineData("chain o { type filter hook output priority 0; udp dport vmap { 53 : drop }; };")]
    [InlineData("map m { type inet_service : verdict; elements = { 53 : drop } }; chain o { type filter hook output priority 0; udp dport vmap @m; };")]
    [InlineData("map m { type inet_service : verdict; elements = { 53 : jump d } }; chain d { drop; }; "
        + "chain o { type filter hook output priority 0; udp dport vmap @m; };")]
    public void What_Is_Sent_And_Lost_Is_Known_To_Linux(string beside)
    {
        using FirewallBench bench = new();
        Load(bench, "tcp flags syn / syn,ack accept; ct state established accept; drop", beside);
        Assert.False(bench.Passes(Segment(9999, Ack)));
        Assert.True(bench.Passes(Segment(9999, Syn)));
        Assert.True(bench.Passes(Segment(9999, Ack)));
    }

    private static byte[] Segment(ushort port, byte flags) => With(6, Packet.Tcp(5555, port, flags));

    private static byte[] With(byte protocol, byte[] payload)
    {
        Packet.WriteChecksum(protocol, payload, Peer, Own);
        return Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, protocol, payload));
    }

    private static byte[] Spoilt(byte[] frame) => [.. frame[..^1], (byte)(frame[^1] ^ 1)];

    /// <summary>An error about a segment from port 4000 of ours.</summary>
    private static byte[] ErrorAbout(ushort port)
        => Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 1, [3, 1, 0, 0, 0, 0, 0, 0, .. Packet.Ipv4(Own, Peer, 6, Packet.Tcp(4000, port))]));

    private static void Load(FirewallBench bench, string rules, string beside)
    {
        LoadOne(bench, rules, beside, isFirst: true);
        LoadOne(bench, rules, beside);
    }

    private static void LoadOne(FirewallBench bench, string rules, string beside, bool isFirst = false)
    {
        bench.Harness.Poll(1024); // The part of the record that is needed next is clean then.
        PrefilterResult result = PrefilterBench.Compile(
            $"table inet f {{ {beside} chain i {{ type filter hook input priority 0; policy accept; {rules}; }}; }}",
            ConnectionTests.Recording(isFirst ? null : [], bench.Counter("firewall.table_generation")));
        Assert.Empty(result.Notes);
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
    }
}

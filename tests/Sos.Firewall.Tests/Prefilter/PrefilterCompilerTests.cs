using System;
using Sos.Firewall.Rules.Prefilter;
using Xunit;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>The rules of docs/internals/prefilter.md, one by one: whether a TCP segment to port 9999 is dropped on the core.</summary>
public class PrefilterCompilerTests
{
    private static readonly byte[] Segment = Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(5555, 9999)));

    [Theory]
    [InlineData("tcp dport 9999 drop", true)]
    [InlineData("meta mark 1 drop; tcp dport 9999 drop", true)]
    [InlineData("meta mark 1 tcp dport 9999 drop", false)]
    [InlineData("meta mark 1 accept; tcp dport 9999 drop", false)]
    [InlineData("meta mark 1 return; tcp dport 9999 drop", false)]
    [InlineData("meta mark 1 jump accepts; tcp dport 9999 drop", false)]
    [InlineData("meta mark 1 jump drops; tcp dport 9999 drop", true)]
    [InlineData("meta mark 1 jump drops", false)]
    [InlineData("jump drops", true)]
    [InlineData("meta mark 1 goto drops; tcp dport 9999 drop", false)]
    [InlineData("jump maybe_returns", false)]
    [InlineData("jump maybe_returns; drop", true)]
    [InlineData("jump maybe_returns_others", true)]
    [InlineData("jump maybe_goes", false)]
    [InlineData("jump maybe_goes; drop", true)]
    [InlineData("jump maybe_goes_to_accept; drop", false)]
    [InlineData("jump maybe_goes_others", true)]
    [InlineData("tcp dport 9999 limit rate over 1/second drop; drop", false)]
    [InlineData("udp dport 9999 limit rate over 1/second drop; drop", true)]
    [InlineData("log; drop", false)]
    [InlineData("counter; meta mark set 1; drop", true)]
    [InlineData("reject", false)]
    [InlineData("add @seen { ip saddr }; drop", false)]
    [InlineData("ip saddr != @seen drop", false)]
    [InlineData("ip saddr != @fixed drop", true)]
    [InlineData("ip saddr @fixed accept; drop", true)]
    [InlineData("ip saddr @aged accept; drop", false)]
    [InlineData("ip saddr @aged drop", true)]
    [InlineData("ip saddr != @aged drop", false)]
    [InlineData("ip saddr @fleeting drop", false)]
    [InlineData("ip saddr @fleeting accept; drop", false)]
    [InlineData("ip saddr != @fleeting drop", false)]
    [InlineData("ip saddr @others accept; drop", true)]
    [InlineData("ip saddr != @others drop", true)]
    [InlineData("ip saddr @counting drop", true)]
    [InlineData("ip dscp set cs1; tcp option maxseg size set 1400; drop", true)]
    [InlineData("ip dscp set cs1; ip dscp cs1 accept; drop", false)]
    [InlineData("ip dscp set cs1 drop", false)]
    [InlineData("tcp dport set 80; drop", false)]
    [InlineData("counter name ip saddr map { 10.0.0.1 : \"named\" } drop", false)]
    [InlineData("counter name ip saddr map { 10.0.0.1 : \"named\" } accept; drop", false)]
    [InlineData("counter name ip saddr map { 10.0.0.1 : \"named\" } drop; drop", true)]
    [InlineData("counter name \"named\" counter drop", true)]
    [InlineData("meta mark set tcp dport map { 9999 : 0x1 } drop", false)]
    [InlineData("meta mark set tcp dport map { 9999 : 0x1 } goto drops", false)]
    [InlineData("meta mark set tcp dport map { 9999 : 0x1 }; drop", true)]
    [InlineData("meta mark set ct mark drop", false)]
    [InlineData("meta mark set ct mark return; drop", false)]
    [InlineData("meta mark set jhash ip saddr mod 4 drop", false)]
    [InlineData("meta priority set ip dscp map { cs1 : 1:2 } drop", false)]
    [InlineData("meta mark set meta mark and 0xff or 0x1 drop", true)]
    [InlineData("meta priority set 1:2 meta nftrace set 1 drop", true)]
    [InlineData("tcp dport vmap { 9999 : continue, 22 : drop } accept; drop", false)]
    [InlineData("tcp dport vmap { 9999 : continue, 22 : accept } drop", true)]
    [InlineData("tcp dport vmap { 9998 : continue, 22 : accept } accept; drop", true)]
    [InlineData("iifgroup 3 accept; meta iiftype loopback accept; drop", true)]
    [InlineData("iifgroup 3 drop", false)]
    [InlineData("iifgroup { 0, 7 } meta iiftype != loopback drop", true)]
    [InlineData("iifgroup 1-3 accept; iifgroup != 0 accept; drop", true)]
    [InlineData("tcp dport vmap { 9999 : drop, 22 : accept }", true)]
    [InlineData("tcp dport vmap { 22 : drop, 9999 : jump accepts }; drop", false)]
    [InlineData("ip saddr . tcp dport { 10.0.0.1 . 9999 } drop", true)]
    [InlineData("ct state established accept; drop", false)]
    [InlineData("ct state new drop; ct state established,related,invalid,untracked drop", false)]
    [InlineData("iif lo accept; iifname lo accept; drop", true)]
    [InlineData("iifname eth0 accept; drop", false)]
    [InlineData("fib daddr type local accept; drop", false)]
    public void A_Packet_Is_Dropped_If_Every_Evaluation_Drops_It(string rules, bool isDropped)
        => Assert.Equal(isDropped, Drops(InTable($"type filter hook input priority 0; policy accept; {rules}")));

    [Theory]
    [InlineData("meta mark 1 goto accepts; meta mark 2 return", false)]
    [InlineData("meta mark 1 goto drops; meta mark 2 return", true)]
    [InlineData("tcp dport 9999 accept", false)]
    public void Policies_Drop(string rules, bool isDropped)
        => Assert.Equal(isDropped, Drops(InTable($"type filter hook input priority 0; policy drop; {rules}")));

    [Fact]
    public void Accept_Ends_Its_Base_Chain_Only()
        => Assert.True(Drops(
            "table ip a { chain c { type filter hook input priority 0; accept; }; }\n"
            + "table ip b { chain c { type filter hook input priority 1; drop; }; }"));

    [Fact]
    public void A_Maybe_In_One_Base_Chain_Leaves_The_Next_To_Judge()
        => Assert.True(Drops(
            "table ip a { chain c { type filter hook input priority 0; meta mark 1 accept; drop; }; }\n"
            + "table ip b { chain c { type filter hook input priority 1; drop; }; }"));

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void An_Effect_That_May_Come_First_Is_Not_Hidden(int priority)
        => Assert.False(Drops(
            $"table ip a {{ chain c {{ type filter hook input priority {priority}; log; }}; }}\n"
            + "table ip b { chain c { type filter hook input priority 5; drop; }; }"));

    [Theory]
    [InlineData("fib daddr type local accept; drop", "10.9.0.2", false)]
    [InlineData("fib daddr type local drop", "10.9.0.2", true)]
    [InlineData("fib daddr type { local, broadcast } drop", "10.9.0.2", true)]
    [InlineData("fib daddr type != local accept; drop", "10.9.0.2", true)]
    [InlineData("fib daddr type multicast accept; drop", "10.9.0.2", true)]
    [InlineData("fib daddr type multicast return; drop", "10.9.0.2", true)]
    [InlineData("fib daddr type local drop", "10.9.0.3", false)]
    [InlineData("fib daddr type multicast accept; drop", "10.9.0.3", false)]
    [InlineData("fib daddr . iif type local drop", "10.9.0.2", false)]
    [InlineData("fib saddr type local drop", "10.9.0.2", false)]
    public void The_Type_Of_The_Machines_Own_Addresses_Is_Known(string rules, string own, bool isDropped)
        => Assert.Equal(isDropped, Drops(
            InTable($"type filter hook input priority 0; policy accept; {rules}"), PrefilterBench.Host with { OwnAddresses = [own, "fd00:9::2"] }));

    [Fact]
    public void Behind_Translation_Only_Strangers_Are_Judged()
    {
        const string Nat = "table ip n { chain c { type nat hook prerouting priority -100; tcp dport 80 dnat to 10.0.0.9; }; }\n";
        Assert.False(Drops(Nat + "table ip f { chain c { type filter hook input priority 0; drop; }; }"));
        Assert.True(Drops(Nat + "table ip f { chain c { type filter hook prerouting priority -300; drop; }; }"));
    }

    [Fact]
    public void Behind_Translation_That_Is_Not_Known_Nobody_Is_Judged()
    {
        PrefilterOptions options = ConnectionTests.Recording([], 1) with { HasOtherTranslation = true };
        Assert.Equal(DropShare.None, Assert.Single(PrefilterBench.Compile(InTable("type filter hook input priority 0; drop;"), options).Drops).Share);
    }

    [Fact]
    public void A_Dormant_Table_Drops_Nothing()
        => Assert.False(Drops("table ip f { flags dormant; chain c { type filter hook input priority 0; policy drop; }; }"));

    [Fact]
    public void A_Rule_That_Nft_Lists_Incompletely_May_Match()
    {
        byte[] v6 = Packet.Ethernet(0x86dd, Packet.Ipv6(new UInt128(1, 1), new UInt128(1, 2), 6, Packet.Tcp(1, 22)));
        Assert.False(Drops("table ip6 f { chain c { type filter hook input priority 0; ip6 nexthdr 6 tcp dport 22 drop; }; }", frame: v6));
        Assert.True(Drops("table ip6 f { chain c { type filter hook input priority 0; tcp dport 22 drop; }; }", frame: v6));
    }

    [Fact]
    public void Where_Linux_Forwards_Only_Packets_For_Itself_Are_Judged_By_Input()
    {
        string rules = InTable("type filter hook input priority 0; drop;");
        Assert.False(Drops(rules, PrefilterBench.Host with { ForwardsExceptIpv4 = [] }));
        Assert.False(Drops(rules, PrefilterBench.Host with { ForwardsExceptIpv4 = ["10.9.0.3", "10.9.0.1"] }));
        Assert.True(Drops(rules, PrefilterBench.Host with { ForwardsExceptIpv4 = ["10.9.0.2"] }));
    }

    [Fact]
    public void With_An_Obstacle_Everything_Passes()
    {
        PrefilterResult result = PrefilterBench.Compile(
            InTable("type filter hook input priority 0; drop;"), PrefilterBench.Host with { Obstacle = "it is in a bridge" });
        Assert.Contains("it is in a bridge", Assert.Single(result.Notes), StringComparison.Ordinal);
        Assert.Empty(PrefilterBench.Dropped(result, [Segment]));
    }

    [Theory]
    [InlineData("eth0", true)]
    [InlineData("eth1", false)]
    public void Ingress_Chains_Are_Their_Devices(string device, bool isDropped)
        => Assert.Equal(isDropped, Drops(
            $"table netdev n {{ chain c {{ type filter hook ingress device \"{device}\" priority 0; ip saddr 10.0.0.1 drop; }}; }}"));

    [Fact]
    public void Interfaces_That_This_Machine_Lacks_Are_No_Error()
    {
        PrefilterResult result = PrefilterBench.Compile(
            "define wan = \"enp9s0\"\n" + InTable(
                "type filter hook input priority 0; iif { \"enp1s0\", lo } accept; iif $wan accept; iif vmap { \"wg0\" : accept }; drop;"));
        Assert.Equal(DropShare.All, Assert.Single(result.Drops).Share);
    }

    [Fact]
    public void Frames_That_Linux_May_See_Otherwise_Pass()
    {
        PrefilterResult result = PrefilterBench.Compile(InTable("type filter hook input priority 0; policy drop;"));
        byte[] plain = Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(1, 2));
        byte[][] frames =
        [
            Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(1, 2), fragment: 0x2000)),
            Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(1, 2), optionWords: 1)),
            Packet.Ethernet(0x8100, [0, 5, 8, 0, .. plain]),
            Packet.Ethernet(0x86dd, Packet.Ipv6(1, 2, 60, [6, 0, 1, 4, 0, 0, 0, 0, .. Packet.Tcp(1, 2)])),
            Packet.Ethernet(0x0800, [.. plain[..10], (byte)(plain[10] ^ 1), .. plain[11..]]),
            Packet.Ethernet(0x0806, new byte[28]),
        ];
        Assert.Empty(PrefilterBench.Dropped(result, frames));
        Assert.Single(PrefilterBench.Dropped(result, [Packet.Ethernet(0x0800, plain)]));
    }

    [Fact]
    public void Fin_And_Push_Of_A_Segment_With_Data_May_Be_Others()
    {
        string rules = InTable("type filter hook input priority 0; tcp flags & (fin|ack) == ack drop; tcp flags & syn == syn drop;");
        byte[] Frame(byte flags, int data) => Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(1, 2, flags, data)));
        Assert.True(Drops(rules, frame: Frame(16, 0)));
        Assert.False(Drops(rules, frame: Frame(16, 4)));
        Assert.True(Drops(rules, frame: Frame(2, 4)));
    }

    [Fact]
    public void Drops_Are_Counted_By_Their_Rule()
    {
        PrefilterResult result = PrefilterBench.Compile(InTable("type filter hook input priority 0; tcp dport 9999 drop;"));
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
        Assert.False(bench.Passes(Segment));
        Assert.Contains("tcp dport 9999 drop", Assert.Single(result.Table.Counters).RuleText, StringComparison.Ordinal);
        Assert.Equal(1ul, bench.Counter("rule_counter0.packets"));
    }

    private static string InTable(string chain) => $$"""
        table inet f {
          counter named { }
          set seen { type ipv4_addr; size 128; flags dynamic; }
          set fixed { type ipv4_addr; elements = { 10.0.0.7 }; }
          set aged { type ipv4_addr; flags timeout; elements = { 10.0.0.1 timeout 1h, 10.0.0.9 timeout 9s } }
          set fleeting { type ipv4_addr; flags interval,timeout; elements = { 10.0.0.0/30 timeout 60s, 10.0.1.0/24 timeout 1d } }
          set others { type ipv4_addr; flags timeout; timeout 1h; elements = { 10.0.0.7 timeout 5s, 10.0.0.8 } }
          set counting { type ipv4_addr; counter; elements = { 10.0.0.1 } }
          chain fills { add @seen { ip saddr }; }
          chain accepts { accept; }
          chain ends { tcp dport 22 accept; }
          chain drops { drop; }
          chain maybe_returns { meta mark 1 return; tcp dport 9999 drop; }
          chain maybe_returns_others { tcp dport 22 meta mark 1 return; tcp dport 9999 drop; }
          chain maybe_goes { meta mark 1 goto ends; tcp dport 9999 drop; }
          chain maybe_goes_to_accept { meta mark 1 goto accepts; tcp dport 9999 drop; }
          chain maybe_goes_others { tcp dport 22 meta mark 1 goto ends; tcp dport 9999 drop; }
          chain c { {{chain.TrimEnd(';')}}; }
        }
        """;

    private static bool Drops(string rules, PrefilterOptions? options = null, byte[]? frame = null)
    {
        byte[] one = frame ?? Segment;
        PrefilterResult result = PrefilterBench.Compile(rules, options ?? PrefilterBench.Host with { PortGroup = 0, PortType = 1 });
        Assert.Empty(result.Notes);
        return PrefilterBench.Dropped(result, [one]).Contains(Convert.ToHexString(one));
    }
}

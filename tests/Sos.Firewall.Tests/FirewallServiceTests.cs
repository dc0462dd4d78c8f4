using System.Collections.Generic;
using System.Linq;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Firewall.Tests;

public class FirewallServiceTests
{
    private const string AcceptAll =
        "table inet t { chain c { type filter hook input priority 0; policy accept; meta l4proto 253 drop; }; }";
    private const string DropAll = "table inet t { chain c { type filter hook input priority 0; policy drop; }; }";

    private static readonly byte[] Tcp80 = Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(1024, 80)));
    private static readonly byte[] Arp = Packet.Ethernet(
        0x0806, [0, 1, 8, 0, 6, 4, 0, 1, .. Packet.NicMac, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);

    [Fact]
    public void Nothing_Passes_Before_The_First_Table()
    {
        using FirewallBench bench = new();
        Assert.Equal(0, bench.ExitCode);
        Assert.False(bench.Passes(Tcp80));
        Assert.False(bench.Passes(Arp));
        Assert.Equal(2ul, bench.Counter("firewall.dropped_no_table"));
        bench.Apply(AcceptAll);
        Assert.True(bench.Passes(Tcp80));
        Assert.Equal(1ul, bench.Counter("firewall.table_generation"));
        Assert.Equal(1ul, bench.Counter("firewall.passed"));
    }

    [Fact]
    public void What_Linux_Sends_Goes_Out_Unfiltered()
    {
        using FirewallBench bench = new();
        bench.Apply(DropAll);
        Assert.True(bench.Host.Send(Tcp80));
        bench.Harness.Poll();
        Assert.Equal(Tcp80, bench.Nic.Receive());
        Assert.Equal(1ul, bench.Counter("firewall.sent"));
    }

    [Theory]
    [InlineData("", true, true, false)]
    [InlineData("non-ip=drop\n", false, true, false)]
    [InlineData("vlan=drop\n", true, false, false)]
    [InlineData("vlan=accept\nfragments=accept\n", true, true, true)]
    public void Parameters_Decide_On_What_Rules_Do_Not_See(string parameters, bool arp, bool vlan, bool fragment)
    {
        using FirewallBench bench = new(parameters);
        bench.Apply("table inet t { chain c { type filter hook input priority 0; policy drop; tcp dport 80 accept; }; }");
        Assert.Equal(arp, bench.Passes(Arp));
        Assert.Equal(vlan, bench.Passes(Packet.Ethernet(0x8100, [0, 5, 8, 0, .. Tcp80[14..]])));
        Assert.Equal(fragment, bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(1, 2, 6, new byte[40], fragment: 0x0002))));
    }

    [Fact]
    public void A_Bad_Parameter_Ends_The_Service()
    {
        using FirewallBench bench = new("non-ip=maybe\n");
        Assert.Equal(FirewallService.BadParameter, bench.ExitCode);
    }

    [Fact]
    public void Malformed_Frames_Are_Dropped_And_Counted_By_Reason()
    {
        using FirewallBench bench = new();
        bench.Apply(AcceptAll);
        byte[] checksum = [.. Tcp80];
        checksum[24] ^= 1;
        byte[] version = [.. Tcp80];
        version[14] = 0x65;
        byte[] cut = Tcp80[..40];
        byte[] shortTcp = Packet.Ethernet(0x0800, Packet.Ipv4(1, 2, 6, new byte[10]));
        Assert.Empty(bench.Filter([checksum, version, cut, shortTcp]));
        Assert.Equal(4ul, bench.Counter("firewall.dropped_malformed"));
        Assert.Equal(1ul, bench.Counter("malformed.ipv4_checksum"));
        Assert.Equal(1ul, bench.Counter("malformed.ipv4_version"));
        Assert.Equal(1ul, bench.Counter("malformed.ipv4_total_length"));
        Assert.Equal(1ul, bench.Counter("malformed.tcp_truncated"));
    }

    [Fact]
    public void Drops_By_Rule_And_By_Policy_Are_Told_Apart()
    {
        using FirewallBench bench = new();
        bench.Apply("table ip t { chain c { type filter hook input priority 0; policy drop; tcp dport 80 counter drop; }; }");
        Assert.False(bench.Passes(Tcp80));
        Assert.False(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(1, 2, 17, Packet.Udp(1, 2)))));
        Assert.Equal(1ul, bench.Counter("firewall.dropped_by_rule"));
        Assert.Equal(1ul, bench.Counter("firewall.dropped_by_policy"));
        Assert.Equal(1ul, bench.Counter("rule_counter0.packets"));
        Assert.Equal(40ul, bench.Counter("rule_counter0.bytes"));
    }

    [Fact]
    public void Every_Frame_Is_Judged_By_The_Table_Of_Its_Pass()
    {
        using FirewallBench bench = new();
        byte[] accept = FirewallBench.Compile(AcceptAll, out _).Bytes.ToArray();
        byte[] drop = FirewallBench.Compile(DropAll, out _).Bytes.ToArray();
        for (int i = 0; i < 50; i++)
        {
            bool passes = i % 2 == 0;
            Assert.True(bench.Harness.LoadTable(passes ? accept : drop));
            Assert.Equal(passes ? 64 : 0, bench.Filter(Enumerable.Repeat(Tcp80, 64)).Count);
        }

        Assert.Equal(3200ul, bench.Counter("firewall.received"));
        Assert.Equal(1600ul, bench.Counter("firewall.passed"));
        Assert.Equal(1600ul, bench.Counter("firewall.dropped_by_policy"));
    }

    [Fact]
    public void A_Refused_Table_Leaves_The_Former_One_In_Force()
    {
        using FirewallBench bench = new();
        bench.Apply(DropAll);
        byte[] broken = FirewallBench.Compile(AcceptAll, out _).Bytes.ToArray();
        broken[64] = 0; // no instructions
        Assert.False(bench.Harness.LoadTable(broken));
        Assert.False(bench.Passes(Tcp80));
        Assert.Equal(1ul, bench.Counter("firewall.tables_refused"));
        Assert.Equal(1ul, bench.Counter("firewall.table_generation"));
    }

    [Fact]
    public void What_The_Host_Does_Not_Take_Is_Counted_And_No_Buffer_Is_Lost()
    {
        using FirewallBench bench = new();
        bench.Apply(AcceptAll);
        int sent = 0;
        for (int round = 0; round < 4; round++)
        {
            IEnumerable<byte[]> frames = Enumerable.Repeat(Tcp80, 512);
            foreach (byte[] frame in frames)
            {
                Assert.True(bench.Nic.Send(frame));
                sent++;
            }

            bench.Harness.Poll(16);
        }

        Assert.Equal((ulong)sent, bench.Counter("firewall.received"));
        Assert.Equal((ulong)sent, bench.Counter("firewall.passed") + bench.Counter("firewall.dropped_host_full"));
        Assert.True(bench.Counter("firewall.dropped_host_full") > 0);
        _ = bench.Host.ReceiveAll();
        Assert.True(bench.Passes(Tcp80));
    }

    [Fact]
    public void Linux_Sees_The_Cards_Link_As_The_Carrier_And_Nothing_Is_Lost_That_Comes_After_It()
    {
        using FirewallBench bench = new();
        bench.Apply(AcceptAll);
        Assert.True(bench.Host.LinkUp);
        bench.Nic.Up = false;
        bench.Harness.Maintain();
        Assert.False(bench.Host.LinkUp);
        Assert.True(bench.Host.Send(Tcp80));
        bench.Harness.Poll();
        Assert.Equal(1ul, bench.Counter("nic.tx_dropped_link"));

        bench.Nic.Up = true;
        bench.Harness.Maintain();
        Assert.True(bench.Host.LinkUp);
        Assert.True(bench.Host.Send(Tcp80));
        bench.Harness.Poll();
        Assert.Equal(Tcp80, bench.Nic.Receive());
        Assert.True(bench.Passes(Tcp80));
    }

    [Theory]
    [InlineData(true, false, FirewallService.NoHost, "port nic: the service was given no host port of that name")]
    [InlineData(false, true, FirewallService.NoNic, "port nic: the service was given no card of that name")]
    public void A_Port_That_Is_Not_There_Ends_It_And_The_Log_Says_Which(bool card, bool host, long exitCode, string text)
    {
        using ServiceHarness<FirewallService> harness = new(new HarnessOptions
        {
            Ports = card ? ["nic"] : [],
            HostPorts = host ? ["nic"] : [],
        });
        Assert.Equal(exitCode, harness.Start());
        Assert.Equal(text, Assert.Single(harness.TakeLog()).Text);
    }
}

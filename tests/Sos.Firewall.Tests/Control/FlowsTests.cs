using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Capture;
using Sos.Firewall.Control;
using Sos.Firewall.Tracking;
using Xunit;

namespace Sos.Firewall.Tests.Control;

/// <summary>The flows of a core as <c>sosctl firewall flows</c> shows them.</summary>
public unsafe class FlowsTests
{
    private const uint Peer = 0x0a000001;
    private const uint Own = 0x0a090002;
    private const string Rules =
        "table inet f { chain c { type filter hook input priority 0; policy drop; ct state established accept; udp dport 53 accept; }; }";

    [Fact]
    public void Flows_Are_Listed_With_Ends_State_And_Time()
    {
        using FirewallBench bench = new("flows=1024\n", capture: true);
        bench.Apply(Rules);
        Send(bench, 6, Packet.Tcp(40_000, 443));
        Send(bench, 1, [8, 0, 0, 0, 0, 7, 0, 1]);
        List<FlowEntry> flows = [.. Read(bench)!.Select(FlowsVerb.Describe).OrderBy(flow => flow.Protocol)];
        Assert.Equal(2, flows.Count);
        Assert.Equal("icmp 8.0 id 7 10.9.0.2 10.0.0.1 ", $"{flows[0].Protocol} {flows[0].From} {flows[0].To} {flows[0].State}");
        Assert.Equal("tcp 10.9.0.2:40000 10.0.0.1:443 SYN_SENT", $"{flows[1].Protocol} {flows[1].From} {flows[1].To} {flows[1].State}");
        Assert.Equal(["unreplied"], flows[1].Status);
        Assert.InRange(flows[1].Seconds, 60u, 120u);
    }

    [Fact]
    public void As_Many_Flows_As_There_Are_Are_Listed_Part_By_Part()
    {
        using FirewallBench bench = new("flows=2000\n", capture: true);
        bench.Apply(Rules);
        Assert.Empty(Read(bench)!);
        for (ushort port = 1; port <= 1500; port++)
        {
            Assert.True(bench.Passes(Make(Peer, Own, 17, Packet.Udp(port, 53))));
        }

        HashSet<string> flows = [.. Read(bench)!.Select(FlowsVerb.Describe).Select(flow => flow.From)];
        Assert.Equal(1500, flows.Count);
        Assert.Contains("10.0.0.1:1500", flows);
    }

    [Fact]
    public void A_Core_That_Tracks_Nothing_Does_Not_Answer()
    {
        using FirewallBench bench = new("flows=1024\n", capture: true);
        bench.Apply("table inet f { chain c { type filter hook input priority 0; policy drop; }; }");
        Assert.Null(Read(bench));
    }

    [Fact]
    public void Flows_That_Were_Forgotten_With_All_Others_Are_Not_Listed()
    {
        using FirewallBench bench = new("flows=1024\n", capture: true);
        bench.Apply(Rules);
        Send(bench, 17, Packet.Udp(7000, 53));
        Assert.Single(Read(bench)!);
        Assert.Equal(1ul, bench.Counter("flows.count"));
        bench.Apply("table inet f { chain c { type filter hook input priority 0; policy drop; }; }");
        bench.Harness.Poll();
        Assert.Equal(0ul, bench.Counter("flows.count"));
        bench.Apply(Rules);
        bench.Harness.Poll();
        Assert.Empty(Read(bench)!);
    }

    private static List<FlowRecord>? Read(FirewallBench bench)
    {
        byte* memory = bench.Harness.SharedMemory(0) + CaptureHeader.TotalSize;
        Assert.True(ListedFlows.IsLaidOut(memory, FlowListingHeader.TotalSize));
        int polls = 0;
        return new ListedFlows(memory).TryRead(_ =>
        {
            bench.Harness.Poll();
            return ++polls < 100;
        });
    }

    private static void Send(FirewallBench bench, byte protocol, byte[] payload)
    {
        Assert.True(bench.Host.Send(Make(Own, Peer, protocol, payload)));
        bench.Harness.Poll();
        _ = bench.Nic.ReceiveAll();
    }

    private static byte[] Make(uint from, uint to, byte protocol, byte[] payload)
    {
        Packet.WriteChecksum(protocol, payload, from, to);
        return Packet.Ethernet(0x0800, Packet.Ipv4(from, to, protocol, payload));
    }
}

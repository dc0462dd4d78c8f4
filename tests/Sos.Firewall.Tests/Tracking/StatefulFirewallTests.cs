using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Rules;
using Sos.Firewall.Tables;
using Sos.Sdk.Time;
using Xunit;
using static Sos.Firewall.Tests.Tracking.Segment;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>The firewall with rules that ask for connections, between a network and a host that the test plays.</summary>
public class StatefulFirewallTests
{
    private const uint Peer = 0x0a000001;
    private const uint Own = 0x0a090002;
    private const ulong Second = 1_000_000_000;

    private const string Host = """
        table inet filter {
          chain input {
            type filter hook input priority filter; policy drop;
            ct state vmap { established : accept, related : accept, invalid : drop }
            iif lo accept
            meta l4proto { icmp, ipv6-icmp } accept
            tcp dport { 22, 80 } ct state new accept
          }
          chain output {
            type filter hook output priority filter; policy accept;
          }
        }
        """;

    [Fact]
    public void A_Host_Serves_And_Calls_And_Nobody_Else_Comes_In()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply(Host);
        Assert.True(bench.Passes(ToOwn(new Segment(Syn, 100), 5000, 22)));
        Send(bench, FromOwn(new Segment(Syn | Ack, 500, 101), 22, 5000));
        Assert.True(bench.Passes(ToOwn(new Segment(Ack, 101, 501), 5000, 22)));
        Assert.True(bench.Passes(ToOwn(new Segment(Ack, 101, 501, Data: 30), 5000, 22)));
        Assert.False(bench.Passes(ToOwn(new Segment(Ack, 900_101, 501, Data: 30), 5000, 22))); // out of window

        Send(bench, FromOwn(new Segment(Syn, 700), 6000, 443));
        Assert.False(bench.Passes(ToOwn(new Segment(Syn | Ack, 900, 701), 443, 6001)));
        Assert.True(bench.Passes(ToOwn(new Segment(Syn | Ack, 900, 701), 443, 6000)));

        Assert.False(bench.Passes(ToOwn(new Segment(Syn, 100), 5000, 23)));
        Assert.False(bench.Passes(ToOwn(new Segment(Fin | Ack, 100), 5001, 22)));
        Assert.False(bench.Passes(Datagram(Peer, Own, 53, 7000)));
        Send(bench, Datagram(Own, Peer, 7000, 53));
        Assert.True(bench.Passes(Datagram(Peer, Own, 53, 7000)));
        Assert.False(bench.Passes(Datagram(Peer, Own, 54, 7000)));
        Assert.Equal(3ul, bench.Counter("flows.count"));
        Assert.Equal(1024ul, bench.Counter("flows.capacity"));
    }

    [Fact]
    public void New_Connections_Are_Limited_And_Those_That_Stand_Are_Not()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("""
            table inet filter { chain input { type filter hook input priority 0; policy drop;
              ct state established accept
              tcp dport 22 ct state new limit rate 6/minute burst 3 packets accept; }; }
            """);
        for (ushort port = 1; port <= 5; port++)
        {
            Assert.Equal(port <= 3, bench.Passes(ToOwn(new Segment(Syn, 100), port, 22)));
        }

        Send(bench, FromOwn(new Segment(Syn | Ack, 500, 101), 22, 1));
        for (int i = 0; i < 10; i++)
        {
            Assert.True(bench.Passes(ToOwn(new Segment(Ack, 101, 501), 1, 22)));
        }

        Assert.Equal(3ul, bench.Counter("flows.count"));
    }

    [Fact]
    public void What_The_Rules_Drop_Begins_No_Flow()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply(Host);
        for (ushort port = 1; port < 100; port++)
        {
            Assert.False(bench.Passes(ToOwn(new Segment(Syn, 100), port, 23)));
        }

        bench.Harness.Poll();
        Assert.Equal(0ul, bench.Counter("flows.count"));
    }

    [Fact]
    public void Errors_Are_Related_To_The_Flow_That_They_Quote_And_Go_To_Its_Sender()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply(Host.Replace("meta l4proto { icmp, ipv6-icmp } accept", string.Empty, StringComparison.Ordinal));
        byte[] asked = Datagram(Own, Peer, 7000, 53);
        Assert.False(bench.Passes(Error(Own, asked)));
        Send(bench, asked);
        Assert.True(bench.Passes(Error(Own, asked)));
        Assert.False(bench.Passes(Error(Own, Datagram(Own, Peer, 7001, 53))));
        Assert.False(bench.Passes(Error(Own + 1, asked)));
        byte[] wrong = Error(Own, asked);
        wrong[^1] ^= 1; // the checksum is no longer right
        Assert.False(bench.Passes(wrong));
    }

    [Fact]
    public void Pings_Are_Answered_And_Asked()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("table ip f { chain c { type filter hook input priority 0; policy drop; ct state established accept; }; }");
        Assert.False(bench.Passes(Ping(Peer, Own, 0, 7)));
        Send(bench, Ping(Own, Peer, 8, 7));
        Assert.True(bench.Passes(Ping(Peer, Own, 0, 7)));
        Assert.False(bench.Passes(Ping(Peer, Own, 0, 8)));
        Assert.False(bench.Passes(Ping(Peer, Own, 8, 7))); // a question of its own
    }

    [Fact]
    public void Flows_Are_Forgotten_In_Their_Time()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply(Host);
        Send(bench, Datagram(Own, Peer, 7000, 53));
        bench.Harness.PollAt(Tsc.Read() + (29 * Second));
        Assert.True(bench.Passes(Datagram(Peer, Own, 53, 7000)));
        bench.Harness.PollAt(Tsc.Read() + ((29 + 31) * Second));
        Assert.False(bench.Passes(Datagram(Peer, Own, 53, 7000)));
    }

    [Fact]
    public void A_Flood_Of_Invented_Addresses_Takes_No_Established_Connection()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply(Host);
        for (ushort port = 1; port <= 500; port++)
        {
            Open(bench, port);
        }

        for (uint i = 0; i < 20_000; i += 100)
        {
            List<byte[]> flood = [.. Enumerable.Range((int)i, 100).Select(j => ToOwn(new Segment(Syn, 100), 1024, 80, 0x0b000000u + (uint)j))];
            Assert.Equal(100, bench.Filter(flood).Count);
            flood.Take(10).ToList().ForEach(frame => Send(bench, Answer(frame)));
        }

        for (ushort port = 1; port <= 500; port++)
        {
            Assert.True(bench.Passes(ToOwn(new Segment(Ack, 101, 501, Data: 1), port, 22)), $"port {port}");
        }

        Open(bench, 1000); // and there is room for others
        Assert.True(bench.Counter("flows.evicted") > 10_000);
        Assert.Equal(0ul, bench.Counter("flows.refused"));
    }

    [Fact]
    public void A_Flood_Takes_No_Question_Of_The_Host_That_Waits_For_Its_Answer()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply(Host);
        for (ushort port = 1; port <= 100; port++)
        {
            Send(bench, Datagram(Own, Peer, port, 53));
            Send(bench, FromOwn(new Segment(Syn, 700), port, 443));
        }

        for (uint i = 0; i < 5_000; i += 100)
        {
            Assert.Equal(
                100, bench.Filter(Enumerable.Range((int)i, 100).Select(j => ToOwn(new Segment(Syn, 100), 1024, 80, 0x0b000000u + (uint)j))).Count);
        }

        for (ushort port = 1; port <= 100; port++)
        {
            Assert.True(bench.Passes(Datagram(Peer, Own, 53, port)), $"port {port}");
            Assert.True(bench.Passes(ToOwn(new Segment(Syn | Ack, 900, 701), 443, port)), $"port {port}");
        }
    }

    [Fact]
    public void Rules_Before_Tracking_May_Have_A_Packet_Not_Tracked()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("""
            table inet f {
              chain raw { type filter hook prerouting priority raw; ct state new drop; udp dport 53 notrack; }
              chain c { type filter hook input priority 0; policy drop; ct state untracked accept; tcp dport 22 ct state new accept; }
            }
            """);
        Assert.True(bench.Passes(Datagram(Peer, Own, 1000, 53)));
        Assert.True(bench.Passes(ToOwn(new Segment(Syn, 100), 5000, 22)));
        Assert.False(bench.Passes(Datagram(Peer, Own, 1000, 54)));
        Assert.Equal(1ul, bench.Counter("flows.count"));
    }

    [Fact]
    public void Direction_And_Status_Are_Known_Of_Packets_With_A_Flow()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("""
            table ip f {
              chain c {
                type filter hook input priority 0; policy drop;
                ct direction reply accept
                ct status assured accept
                ct status ! confirmed udp dport 53 accept
              }
            }
            """);
        Assert.True(bench.Passes(Datagram(Peer, Own, 1000, 53))); // its first
        Assert.False(bench.Passes(Datagram(Peer, Own, 1000, 53)));
        Send(bench, Datagram(Own, Peer, 7000, 53));
        Assert.True(bench.Passes(Datagram(Peer, Own, 53, 7000)));
        Assert.False(bench.Passes(ToOwn(new Segment(Fin | Ack), 1, 53))); // invalid: it has neither
    }

    [Fact]
    public void Other_Rules_Keep_The_Flows_And_Rules_Without_Connections_Forget_Them()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply(Host);
        Open(bench, 5000);
        byte[] next = ToOwn(new Segment(Ack, 101, 501, Data: 1), 5000, 22);
        bench.Apply("table ip f { chain c { type filter hook input priority 0; policy drop; ct state established accept; }; }");
        Assert.True(bench.Passes(next));
        bench.Apply("table ip f { chain c { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }");
        Assert.True(bench.Passes(next));
        bench.Apply("table ip f { chain c { type filter hook input priority 0; policy drop; ct state established accept; }; }");
        Assert.False(bench.Passes(next));
    }

    [Fact]
    public void Liberal_Windows_Let_A_Segment_Out_Of_Its_Window_In()
    {
        using FirewallBench bench = new("flows=1024\ntcp-window=liberal\n");
        bench.Apply(Host);
        Open(bench, 5000);
        Assert.True(bench.Passes(ToOwn(new Segment(Ack, 900_101, 501, Data: 30), 5000, 22)));
    }

    [Fact]
    public void A_Wrong_Checksum_Makes_A_Segment_Invalid()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("table ip f { chain c { type filter hook input priority 0; policy drop; ct state new accept; }; }");
        byte[] frame = ToOwn(new Segment(Syn, 100), 5000, 22);
        frame[^1] ^= 1;
        Assert.False(bench.Passes(frame));
        Assert.True(bench.Passes(ToOwn(new Segment(Syn, 100), 5000, 22)));
    }

    [Fact]
    public void Later_Fragments_Pass_With_The_First_Of_Their_Packet()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("table ip f { chain c { type filter hook input priority 0; policy drop; udp dport 53 ct state new accept; }; }");
        byte[] packet = [.. Packet.Udp(1000, 53, 1000)];
        byte[] Fragment(ushort id, ushort place, Range part) => Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 17, packet[part], id, place));
        Assert.False(bench.Passes(Fragment(7, 64, 512..))); // before the first
        Assert.True(bench.Passes(Fragment(7, 0x2000, ..512)));
        Assert.True(bench.Passes(Fragment(7, 64, 512..)));
        Assert.False(bench.Passes(Fragment(8, 64, 512..)));
        bench.Harness.PollAt(Tsc.Read() + (31 * Second));
        Assert.False(bench.Passes(Fragment(7, 64, 512..)));
    }

    [Fact]
    public void A_Connection_Whose_Segments_Come_In_Fragments_Goes_On()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply(Host);
        Open(bench, 5000);
        uint sequence = 101;
        for (ushort id = 1; id <= 200; id++)
        {
            byte[] segment = new Segment(Ack, sequence, 501, Data: 1000).ToBytes(5000, 22);
            Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, segment[..512], id, 0x2000))), $"packet {id}");
            Assert.True(bench.Passes(Packet.Ethernet(0x0800, Packet.Ipv4(Peer, Own, 6, segment[512..], id, 64))));
            sequence += 1000;
            Send(bench, FromOwn(new Segment(Ack, 501, sequence), 22, 5000));
        }

        Assert.True(bench.Passes(ToOwn(new Segment(Ack, sequence, 501, Data: 30), 5000, 22)));
    }

    [Fact]
    public void Neighbour_Discovery_Is_Untracked()
    {
        using FirewallBench bench = new("flows=1024\n");
        bench.Apply("table ip6 f { chain c { type filter hook input priority 0; policy drop; ct state untracked accept; }; }");
        byte[] solicit = [.. Packet.Icmp(135, 0), .. new byte[16]];
        UInt128 source = new(0xfe80_0000_0000_0000, 1);
        UInt128 destination = new(0xfe80_0000_0000_0000, 2);
        Packet.WriteChecksum(58, solicit, source, destination);
        Assert.True(bench.Passes(Packet.Ethernet(0x86dd, Packet.Ipv6(source, destination, 58, solicit))));
    }

    [Theory]
    [InlineData("flows=1023\n", FirewallService.BadParameter)]
    [InlineData("flows=many\n", FirewallService.BadParameter)]
    [InlineData("tcp-window=wide\n", FirewallService.BadParameter)]
    [InlineData("flows=4194304\n", Sdk.Services.ExitCode.ArenaTooSmall)]
    public void Parameters_That_Cannot_Be_Are_Refused(string parameters, long exitCode)
    {
        using FirewallBench bench = new(parameters);
        Assert.Equal(exitCode, bench.ExitCode);
    }

    [Theory]
    [InlineData("ct mark 5 accept", "SOSFW010")]
    [InlineData("ct original ip saddr 10.0.0.1 accept", "SOSFW010")]
    [InlineData("ct count 5 accept", "SOSFW010")]
    [InlineData("udp dport 53 notrack ct state vmap { untracked : accept }", "SOSFW004")]
    public void What_Tracking_On_The_Core_Does_Not_Know_Is_An_Error(string rule, string id)
    {
        CompileResult result = Compile($"table ip f {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}", forwardsNothing: false);
        Assert.Null(result.Table);
        Assert.Equal(id, Assert.Single(result.Diagnostics, item => item.Severity == RuleSeverity.Error).Id);
    }

    [Fact]
    public void A_Chain_For_What_Is_Forwarded_Is_An_Error_Unless_The_Machine_Forwards_Nothing()
    {
        string rules = Host + "\ntable ip x { chain forward { type filter hook forward priority 0; policy drop; }; }\n";
        Assert.Equal("SOSFW003", Assert.Single(Compile(rules, forwardsNothing: false).Diagnostics, item => item.Severity == RuleSeverity.Error).Id);
        CompileResult result = Compile(rules, forwardsNothing: true);
        Assert.Equal(TableMode.Stateful, result.Table!.Mode);
        Assert.Contains(result.Diagnostics, item => item.Id == "SOSFW016");
    }

    [Fact]
    public void A_Chain_At_The_Priority_Of_Tracking_Is_An_Error()
    {
        const string Rules = "table ip f { chain c { type filter hook prerouting priority -200; policy drop; ct state new accept; }; }";
        Assert.Equal("SOSFW003", Assert.Single(Compile(Rules, forwardsNothing: false).Diagnostics).Id);
    }

    [Fact]
    public void Without_Connections_A_Table_Is_As_Before()
        => Assert.Equal(
            TableMode.Authoritative,
            Compile("table ip f { chain c { type filter hook input priority 0; tcp dport 22 accept; }; }", forwardsNothing: true).Table!.Mode);

    private static CompileResult Compile(string rules, bool forwardsNothing)
    {
        LoadedRuleset loaded = FirewallBench.Load(rules);
        return RulesetCompiler.Compile(
            loaded.Json,
            new CompileOptions { PortNames = [FirewallBench.PortName], TracksConnections = true, ForwardsNothing = forwardsNothing });
    }

    private static void Open(FirewallBench bench, ushort port)
    {
        Assert.True(bench.Passes(ToOwn(new Segment(Syn, 100), port, 22)));
        Send(bench, FromOwn(new Segment(Syn | Ack, 500, 101), 22, port));
        Assert.True(bench.Passes(ToOwn(new Segment(Ack, 101, 501), port, 22)));
    }

    private static void Send(FirewallBench bench, byte[] frame)
    {
        Assert.True(bench.Host.Send(frame));
        bench.Harness.Poll();
        Assert.Equal(frame, bench.Nic.Receive());
    }

    private static byte[] Answer(byte[] syn)
    {
        uint peer = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(syn.AsSpan(26));
        return Make(Own, peer, 6, new Segment(Syn | Ack, 500, 101).ToBytes(80, 1024));
    }

    private static byte[] ToOwn(Segment segment, ushort source, ushort destination, uint peer = Peer)
        => Make(peer, Own, 6, segment.ToBytes(source, destination));

    private static byte[] FromOwn(Segment segment, ushort source, ushort destination) => Make(Own, Peer, 6, segment.ToBytes(source, destination));

    private static byte[] Datagram(uint from, uint to, ushort source, ushort destination) => Make(from, to, 17, Packet.Udp(source, destination, 4));

    private static byte[] Ping(uint from, uint to, byte type, ushort identifier)
        => Make(from, to, 1, [type, 0, 0, 0, (byte)(identifier >> 8), (byte)identifier, 0, 1]);

    private static byte[] Error(uint to, byte[] about) => Make(Peer + 9, to, 1, [3, 1, 0, 0, 0, 0, 0, 0, .. about[14..42]]);

    private static byte[] Make(uint from, uint to, byte protocol, byte[] payload)
    {
        Packet.WriteChecksum(protocol, payload, from, to);
        return Packet.Ethernet(0x0800, Packet.Ipv4(from, to, protocol, payload));
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores;
using Sos.Router.Control;
using Sos.Router.Control.Trace;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>The core does with each packet as <c>sosctl router trace</c> says of it.</summary>
public sealed unsafe class PacketTracerTests : IDisposable
{
    private const ulong Wan = 0x0200_0000_0001;
    private const ulong Lan = 0x0200_0000_0002;
    private const ulong Client = 0x0a00_0000_0001;
    private const ulong Server = 0x0a00_0000_0002;
    private const int Vlan = 8;
    private const uint Tag = 0x8100_0005;
    private const ulong Second = 1_000_000_000; // ticks of the harness's TSC

    private static readonly UInt128 Net6 = (UInt128)0x2001_0db8 << 96;
    private static readonly string[] Names = ["wan", "lan", .. Enumerable.Repeat("?", 6), "lan.5"];

    private readonly RouterHarness _router = new(hasRules: true);
    private readonly ServiceHarness<RouterService> _harness;
    private readonly RouterTableWriter _writer;
    private ulong _now = Tsc.Read();

    public PacketTracerTests()
    {
        (_harness, _writer) = (_router.Service, _router.Writer);
        _router.SetInterface(0, Wan);
        _router.SetInterface(1, Lan);
        _router.SetInterface(Vlan, Lan, tag: Tag, port: 1);
        foreach ((uint net, int number) in new[] { (1u, 0), (2u, 1), (3u, Vlan) })
        {
            HopSpecification hop = new(NextHopKind.Connected) { Interface = number, Mtu = 1500 };
            _writer.SetRoute(new(0x0a00_0000 | (net << 16), false), 16, hop with { Source = new(0x0a00_0001 | (net << 16), false) });
            _writer.SetRoute(new(0x0a00_0001 | (net << 16), false), 32, HopSpecification.Linux);
            _writer.SetNeighbour(number, new(0x0a00_0002 | (net << 16), false), number == 0 ? Client : Server);
            _writer.SetRoute(new(Net6 | ((UInt128)net << 80), true), 48, hop with { Source = new((Net6 | ((UInt128)net << 80)) + 1, true) });
            _writer.SetNeighbour(number, new((Net6 | ((UInt128)net << 80)) + 2, true), number == 0 ? Client : Server);
        }

        HopSpecification via = new(NextHopKind.Forward) { Interface = Vlan, Gateway = new(0x0a030002, false), Mtu = 1400 };
        HopSpecification other = via with { Interface = 1, Gateway = new(0x0a020002, false) };
        _writer.SetRoute(new(0x14000000, false), 8, via);
        _writer.SetRoute(new(0x15000000, false), 8, via with { Gateway = new(0x0a030099, false) }); // not known on its link
        _writer.SetRoute(new(0x16000000, false), 8, new(NextHopKind.Group) { Members = [new(via, 1), new(other, 2)] });
        _writer.SetRoute(new(0x17000000, false), 8, new(NextHopKind.Blackhole));
        _writer.SetRoute(new(0x18000000, false), 8, new(NextHopKind.Unreachable));
        _writer.SetRoute(new(0x19000000, false), 8, new(NextHopKind.Prohibited));
        _writer.SetRoute(new(Net6 | ((UInt128)0x17 << 80), true), 48, new(NextHopKind.Blackhole));
        _writer.SetRoute(new(Net6 | ((UInt128)0x18 << 80), true), 48, new(NextHopKind.Unreachable));
        _writer.SetOwnAddresses([new OwnAddress { Low = 0x0a030001, Answered = 1 << Vlan, Home = 1 << Vlan, PrefixLength = 16 }]);
        _writer.Publish();
        _writer.SetState(RouterState.Ipv4 | RouterState.Ipv6);
    }

    public void Dispose() => _router.Dispose();

    [Theory]
    [InlineData(RouterState.Ipv4 | RouterState.Ipv6)]
    [InlineData(RouterState.Ipv4 | RouterState.Ipv6 | RouterState.HashPorts4 | RouterState.HashPorts6 | RouterState.HashSymmetric)]
    [InlineData(RouterState.Ipv4 | RouterState.Ipv6 | RouterState.Filter4)]
    [InlineData(RouterState.Ipv6)]
    public void TheCoreDoesWhatTheTraceSays(RouterState state)
    {
        _writer.SetState(state);
        Random random = new((int)state);
        SortedDictionary<TraceVerdict, int> seen = [];
        for (int i = 0; i < 20_000; i++)
        {
            if (i % 100 == 0)
            {
                _router.SetInterface(0, Wan, Flags(random));
                _router.SetInterface(1, Lan, Flags(random));
                _router.SetInterface(Vlan, Lan, Flags(random), Tag, 1);
            }

            int from = random.Next(3) is 2 ? Vlan : random.Next(2);
            byte[] frame = Frame(random, from == 0 ? Wan : Lan);
            PacketTrace trace = new PacketTracer(_router.Table, _router.Rules, Names).Follow(from, frame);
            AssertDone(trace, from, frame);
            seen[trace.Verdict] = seen.GetValueOrDefault(trace.Verdict) + 1;
        }

        Assert.Equal(Enum.GetValues<TraceVerdict>(), seen.Keys);
        Assert.All(seen, pair => Assert.InRange(pair.Value, 50, int.MaxValue));
    }

    [Fact]
    public void AForwardedPacketIsToldWithItsWholeWay()
    {
        PacketTrace trace = Trace(new("20.0.0.9", "10.1.0.2", null, "udp", 1, 2, 64, 64, false), out int from);
        Assert.Equal((0, TraceVerdict.Forwarded), (from, trace.Verdict));
        Assert.Equal("it leaves by lan.5", trace.Reason);
        Assert.Equal(((int?)Vlan, (ulong?)Server, (uint?)1400), (trace.Out, trace.Mac, trace.Mtu));
        Assert.Equal(new RouteAddress(0x0a030002, false), trace.Gateway);
        Assert.Equal(["in", "source", "next hop", "neighbour"], trace.Steps.Select(step => step.Name));
        Assert.Null(trace.Filter);
        Assert.Empty(_writer.TakeUsedNeighbours()); // a trace is no use
    }

    [Theory]
    [InlineData("10.3.0.1", "its route is Linux's")]
    [InlineData("10.3.0.77", "10.3.0.77 has no known place")]
    [InlineData("21.0.0.1", "the next router, 10.3.0.153, has no known place")]
    [InlineData("10.1.0.2", "it would leave by the interface that it came in by")]
    [InlineData("224.0.0.5", "it goes to a group")]
    [InlineData("ff02::1", "its addresses are of the link, of a group")]
    public void WhatGoesToLinuxIsToldWithTheReason(string destination, string reason)
    {
        PacketTrace trace = Trace(new(destination, null, "wan", "udp", 1, 2, 64, 64, false), out _);
        Assert.Equal(TraceVerdict.Linux, trace.Verdict);
        Assert.StartsWith(reason, trace.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsDroppedOrAnsweredIsToldWithTheReason()
    {
        TraceRequest request = new("20.0.0.9", "10.1.0.2", "wan", "udp", 1, 2, 64, 64, false);
        PacketTrace trace = Trace(request with { Destination = "23.0.0.1" }, out _);
        Assert.Equal((TraceVerdict.Dropped, "its route is a blackhole"), (trace.Verdict, trace.Reason));
        trace = Trace(request with { Size = 1401, DoNotFragment = true }, out _);
        Assert.Equal((TraceVerdict.Answered, "it has 1401 bytes, and the way takes 1400: ICMP type 3 code 4"), (trace.Verdict, trace.Reason));
        trace = Trace(request with { Size = 1401 }, out _);
        Assert.Equal((TraceVerdict.Forwarded, "it leaves by lan.5, in fragments"), (trace.Verdict, trace.Reason));
        trace = Trace(request with { HopLimit = 1, Protocol = "icmp" }, out _);
        Assert.Equal((TraceVerdict.Answered, "its hops have come to their end: ICMP type 11 code 0"), (trace.Verdict, trace.Reason));
        _router.SetInterface(0, Wan, InterfaceFlags.Up | InterfaceFlags.Forwards4 | InterfaceFlags.ReversePathStrict);
        trace = Trace(request with { Source = "10.2.0.2" }, out _);
        Assert.Equal((TraceVerdict.Dropped, "rp_filter: its source is elsewhere"), (trace.Verdict, trace.Reason));
        _writer.SetState(RouterState.Ipv4 | RouterState.Filter4);
        trace = Trace(request, out _);
        Assert.Equal((TraceVerdict.Linux, "linux"), (trace.Verdict, trace.Filter));
    }

    [Fact]
    public void WhatIsNotSaidOfAPacketIsChosenSoThatItMayPass()
    {
        // The interface by which its source is reached; a host on the network of the interface.
        Trace(new("20.0.0.9", "10.2.0.2", null, "tcp", 1, 2, 0, 64, false), out int from);
        Assert.Equal(1, from);
        TracedPacket packet = TraceVerb.MakePacket(_router.Table, Names, new("10.1.0.2", null, "lan.5", "tcp", 1, 2, 0, 64, false), out from);
        Assert.Equal((Vlan, new RouteAddress(0x0a030002, false)), (from, packet.Source));
        Assert.Equal(14 + 40, packet.ToFrame(Lan).Length);
        TraceVerb.MakePacket(_router.Table, Names, new("10.1.0.2", null, "if1", "47", 1, 2, 0, 64, false), out from);
        Assert.Equal(1, from);
        TraceVerb.MakePacket(_router.Table, Names, new("10.1.0.2", null, null, "icmp", 1, 2, 0, 64, false), out from);
        Assert.NotEqual(0, from);
    }

    [Theory]
    [InlineData("nonsense", null, null, "udp", 64)]
    [InlineData("10.1.0.2", "2001:db8::1", null, "udp", 64)]
    [InlineData("10.1.0.2", null, "dmz", "udp", 64)]
    [InlineData("10.1.0.2", null, null, "carrier pigeon", 64)]
    [InlineData("10.1.0.2", null, null, "udp", 70_000)]
    public void AQuestionThatMakesNoSenseIsRefused(string destination, string? source, string? incoming, string protocol, int size)
        => Assert.Throws<SosException>(() => Trace(new(destination, source, incoming, protocol, 1, 2, size, 64, false), out _));

    private static InterfaceFlags Flags(Random random)
    {
        InterfaceFlags flags = InterfaceFlags.Up | InterfaceFlags.Forwards4 | InterfaceFlags.Forwards6;
        return random.Next(4) switch
        {
            0 => flags | InterfaceFlags.ReversePathStrict,
            1 => flags | InterfaceFlags.ReversePathLoose,
            2 when random.Next(4) == 0 => flags & ~(InterfaceFlags)(1 << random.Next(3)),
            _ => flags,
        };
    }

    private static byte[] Frame(Random random, ulong mac)
    {
        uint[] nets = [0x0a01, 0x0a02, 0x0a03, 0x1400, 0x1500, 0x1600, 0x1700, 0x1800, 0x1900, 0x7f00, 0xe000, 0x1a00];
        byte hops = (byte)(random.Next(5) == 0 ? 1 : 64);
        int payload = random.Next(6) == 0 ? 1450 : random.Next(100);
        byte[] frame;
        if (random.Next(2) == 0)
        {
            uint source = (nets[random.Next(random.Next(3) == 0 ? nets.Length : 3)] << 16) | (uint)random.Next(1, 4);
            frame = Frames.Udp4(mac, Client, source, (nets[random.Next(nets.Length)] << 16) | (uint)random.Next(1, 4), hops, payload);
            frame[20] = random.Next(4) == 0 ? (byte)0x40 : (byte)0;
            frame[21] = random.Next(20) == 0 ? (byte)1 : (byte)0;
            frame[23] = (byte)(random.Next(4) switch { 0 => 1, 1 => 6, _ => 17 });
            Frames.SetTotal(frame);
        }
        else
        {
            UInt128 source = Net6 | ((UInt128)random.Next(1, 5) << 80) | (uint)random.Next(1, 4);
            UInt128 net = (UInt128)(random.Next(4) == 0 ? random.Next(0x16, 0x1a) : random.Next(1, 5));
            frame = Frames.Udp6(mac, Client, source, Net6 | (net << 80) | (uint)random.Next(1, 4), hops, payload);
            frame[20] = (byte)(random.Next(6) switch { 0 => 58, 1 => 0, 2 => 44, _ => 17 });
        }

        for (int flips = random.Next(8) == 0 ? 1 : 0; flips > 0; flips--)
        {
            frame[random.Next(12, Math.Min(frame.Length, 54))] ^= (byte)(1 << random.Next(8));
        }

        return frame;
    }

    private PacketTrace Trace(TraceRequest request, out int from)
    {
        TracedPacket packet = TraceVerb.MakePacket(_router.Table, Names, request, out from);
        byte[] frame = packet.ToFrame(new TableReader(_router.Table).ReadInterface(from).Settings.Mac);
        return new PacketTracer(_router.Table, _router.Rules, Names).Follow(from, frame);
    }

    private void AssertDone(PacketTrace trace, int from, byte[] frame)
    {
        ulong answered = _harness.Counter("router.icmp_errors");
        string port = from == 0 ? "wan" : "lan";
        Assert.True(_harness.Nic(port).Send(from == Vlan ? Frames.Tagged(frame, Tag) : frame));
        _now += Second; // no limit holds an answer back
        _harness.PollAt(_now);
        List<(string Port, byte[] Frame)> sent = [.. new[] { "wan", "lan" }.SelectMany(name => _harness.Nic(name).ReceiveAll().Select(one => (name, one)))];
        bool isLinuxs = new[] { "wan", "lan" }.Sum(name => _harness.Host(name).ReceiveAll().Count) > 0;
        TraceVerdict done = isLinuxs ? TraceVerdict.Linux : sent.Count == 0 ? TraceVerdict.Dropped
            : _harness.Counter("router.icmp_errors") > answered ? TraceVerdict.Answered : TraceVerdict.Forwarded;
        string context = $"{trace.Verdict}, {trace.Reason}; {done} from {from}: {Convert.ToHexString(frame)}\n{string.Join('\n', trace.Steps)}";
        Assert.True(done == trace.Verdict, context);
        if (done == TraceVerdict.Forwarded)
        {
            Assert.True(trace.Out == 0 ? sent[0].Port == "wan" : sent[0].Port == "lan", context);
            Assert.True(trace.Out == Vlan == (FrameTag.Read(sent[0].Frame) == Tag), context);
            Assert.True(trace.Mac == MacAddress.Read(sent[0].Frame).Value, context);
        }
    }
}

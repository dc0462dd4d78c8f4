using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>
/// VLANs on ports: their frames come in by their interfaces and leave with their tags, each interface with settings of its own, and tags that nobody has are
/// Linux's. wan has a VLAN of 802.1ad, lan has two of 802.1Q.
/// </summary>
public sealed unsafe class VlanTests : IDisposable
{
    private const ulong Wan = 0x0200_0000_0001;
    private const ulong Lan = 0x0200_0000_0002;
    private const ulong OwnMac = 0x0200_0000_0009; // of the second VLAN on lan: a device may have another than the one below
    private const ulong Host = 0x0a00_0000_0000; // of network n: Host + n
    private const int Blue = 8; // VLAN 5 on lan: 10.3.0.0/16
    private const int Red = 9; // VLAN 6 on lan: 10.4.0.0/16
    private const int Outer = 10; // VLAN 5 of 802.1ad on wan: 10.5.0.0/16
    private const uint BlueTag = 0x8100_0005;
    private const uint RedTag = 0x8100_0006;
    private const uint OuterTag = 0x88a8_0005;
    private const uint Second = 1_000_000_000; // ticks of the harness's TSC

    private static readonly UInt128 Net6 = (UInt128)0x2001_0db8 << 96;

    private readonly RouterHarness _router = new();
    private readonly ServiceHarness<RouterService> _harness;
    private readonly RouterTableWriter _writer;
    private ulong _now = Tsc.Read();

    public VlanTests()
    {
        (_harness, _writer) = (_router.Service, _router.Writer);
        _router.SetInterface(0, Wan);
        _router.SetInterface(1, Lan);
        _router.SetInterface(Blue, Lan, tag: BlueTag, port: 1);
        _router.SetInterface(Red, OwnMac, tag: RedTag, port: 1);
        _router.SetInterface(Outer, Wan, tag: OuterTag);
        foreach ((uint net, int number) in new[] { (1u, 0), (2u, 1), (3u, Blue), (4u, Red), (5u, Outer) })
        {
            HopSpecification hop = new(NextHopKind.Connected) { Interface = number, Mtu = RouterHarness.Mtu };
            _writer.SetRoute(new(0x0a00_0000 | (net << 16), false), 16, hop with { Source = new(Own(net), false) });
            _writer.SetRoute(new(Own(net), false), 32, HopSpecification.Linux);
            _writer.SetNeighbour(number, new(Host4(net), false), Host + net);
            _writer.SetRoute(new(Net6 | ((UInt128)net << 80), true), 48, hop with { Source = new(Host6(net) - 1, true) });
            _writer.SetNeighbour(number, new(Host6(net), true), Host + net);
        }

        _writer.SetOwnAddresses(new[] { (1u, 0), (2u, 1), (3u, Blue), (4u, Red), (5u, Outer) }.Select(
            one => new OwnAddress { Low = Own(one.Item1), Answered = 1UL << one.Item2, Home = 1UL << one.Item2, PrefixLength = 16 }));
        _writer.Publish();
        _writer.SetState(RouterState.Ipv4 | RouterState.Ipv6);
    }

    public void Dispose() => _router.Dispose();

    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    [InlineData(3, 2)]
    [InlineData(3, 4)]
    [InlineData(4, 3)]
    [InlineData(5, 1)]
    [InlineData(1, 5)]
    [InlineData(5, 4)]
    [InlineData(1, 2)]
    public void APacketIsForwardedFromInterfaceToInterface(uint from, uint to)
    {
        byte[] frame = In(from, Frames.Udp4(MacOf(from), Host + from, Host4(from), Host4(to)), priority: 3);
        byte[] wanted = Out(to, Frames.Udp4(Host + to, MacOf(to), Host4(from), Host4(to), 63));
        Assert.Equal([wanted], Receive(from, frame).Network(PortOf(to)));

        frame = In(from, Frames.Udp6(MacOf(from), Host + from, Host6(from), Host6(to)), priority: 7);
        wanted = Out(to, Frames.Udp6(Host + to, MacOf(to), Host6(from), Host6(to), 63));
        Assert.Equal([wanted], Receive(from, frame).Network(PortOf(to)));
        Assert.Equal(2UL, _harness.Counter("router.forwarded"));
        Assert.Equal(2UL, _harness.Counter($"{PortOf(from)}.forwarded_in"));
        Assert.Equal(2UL, _harness.Counter($"{PortOf(to)}.forwarded_out"));
        foreach (uint net in new uint[] { 3, 4, 5 })
        {
            InterfacePackets packets = _router.Table.InterfacePackets[NumberOf(net)];
            Assert.Equal((net == from ? 2UL : 0, net == to ? 2UL : 0), (packets.In, packets.Out));
        }

        Assert.Equal(
            [(NumberOf(to), new RouteAddress(Host4(to), false)), (NumberOf(to), new RouteAddress(Host6(to), true))], _writer.TakeUsedNeighbours());
    }

    [Theory]
    [InlineData(0x8100_0007u)] // nobody's
    [InlineData(0x88a8_0006u)] // of the other protocol
    [InlineData(0x8100_e000u)] // a priority alone
    [InlineData(0x9100_0005u)] // no tag for Linux either
    public void TagsThatNobodyHasAreLinuxs(uint tag)
    {
        byte[] frame = Frames.Tagged(Frames.Udp4(Lan, Host + 3, Host4(3), Host4(1)), tag);
        Assert.Equal([frame], Receive(2, frame).Linux("lan"));
    }

    [Theory]
    [InlineData("own address")]
    [InlineData("arp")]
    [InlineData("no neighbour")]
    [InlineData("options")]
    [InlineData("multicast")]
    [InlineData("back where it came")]
    [InlineData("to the port's address on the link")]
    [InlineData("a second tag")]
    [InlineData("short")]
    [InlineData("not forwarding")]
    public void WhatIsLinuxsGoesThereWithItsTagAsItIs(string what)
    {
        byte[] frame = Frames.Udp4(OwnMac, Host + 4, Host4(4), Host4(1));
        switch (what)
        {
            case "own address":
                frame = Frames.Udp4(OwnMac, Host + 4, Host4(4), Own(4));
                break;
            case "arp":
                frame = LinkFrames.Arp(1, LinkFrames.Everybody, Host + 4, Host4(4), 0, Own(4));
                break;
            case "no neighbour":
                frame = Frames.Udp4(OwnMac, Host + 4, Host4(4), Host4(1) + 9);
                break;
            case "options":
                frame = [.. frame[..34], 1, 1, 1, 0, .. frame[34..]];
                frame[14] = 0x46;
                Frames.SetTotal(frame);
                break;
            case "multicast":
                frame = Frames.Udp4(0x0100_5e00_0005, Host + 4, Host4(4), 0xe0000005);
                break;
            case "back where it came":
                _writer.SetNeighbour(Red, new(Host4(4) + 1, false), Host + 9);
                frame = Frames.Udp4(OwnMac, Host + 4, Host4(4), Host4(4) + 1);
                break;
            case "to the port's address on the link":
                frame = Frames.Udp4(Lan, Host + 4, Host4(4), Host4(1));
                break;
            case "a second tag":
                frame = Frames.Tagged(frame, BlueTag);
                break;
            case "short":
                frame = frame[..20];
                break;
            case "not forwarding":
                _router.SetInterface(Red, OwnMac, InterfaceFlags.Up | InterfaceFlags.Forwards6, RedTag, 1);
                break;
        }

        frame = Frames.Tagged(frame, RedTag | 0xf000);
        (Func<string, byte[][]> network, Func<string, byte[][]> linux) = Receive(4, frame);
        Assert.Equal([frame], linux("lan"));
        Assert.Empty(network("wan").Concat(network("lan")));
    }

    [Fact]
    public void EachInterfaceHasItsReversePathFilter()
    {
        const InterfaceFlags strict = InterfaceFlags.Up | InterfaceFlags.Forwards4 | InterfaceFlags.ReversePathStrict;
        _router.SetInterface(Blue, Lan, strict, BlueTag, 1);
        Assert.Single(Receive(3, In(3, Frames.Udp4(Lan, Host + 3, Host4(3), Host4(1)))).Network("wan"));
        Assert.Empty(Receive(3, In(3, Frames.Udp4(Lan, Host + 3, Host4(2), Host4(1)))).Network("wan"));
        Assert.Empty(Receive(3, In(3, Frames.Udp4(Lan, Host + 3, Host4(4), Host4(1)))).Network("wan"));
        Assert.Equal(2UL, _harness.Counter("router.dropped_reverse_path"));
        Assert.Single(Receive(4, In(4, Frames.Udp4(OwnMac, Host + 4, Host4(3), Host4(1)))).Network("wan"));
    }

    [Fact]
    public void ErrorsAndFragmentsHaveTheTagOfTheirInterface()
    {
        byte[] last = Frames.Udp4(Lan, Host + 3, Host4(3), Host4(1), timeToLive: 1);
        byte[] answer = Frames.Untagged(Assert.Single(Receive(3, In(3, last, priority: 5)).Network("lan")), BlueTag);
        Frames.AssertError4(answer, Host + 3, Lan, Own(3), Host4(3), 11, 0, 0, last);

        byte[] last6 = Frames.Udp6(OwnMac, Host + 4, Host6(4), Host6(3), hopLimit: 1);
        answer = Frames.Untagged(Assert.Single(Receive(4, In(4, last6)).Network("lan")), RedTag);
        Frames.AssertError6(answer, Host + 4, OwnMac, Host6(4) - 1, Host6(4), 3, 0, 0, last6);

        _writer.SetRoute(new(0x0a03_0000, false), 16, new(NextHopKind.Connected) { Interface = Blue, Mtu = 996 });
        _writer.Commit();
        byte[] whole = Frames.Udp4(OwnMac, Host + 4, Host4(4), Host4(3), payload: 1800, identification: 7);
        byte[][] fragments = [.. Receive(4, In(4, whole)).Network("lan").Select(fragment => Frames.Untagged(fragment, BlueTag))];
        Assert.Equal([14 + 996, 14 + 20 + 1808 - 976], fragments.Select(fragment => fragment.Length));
        Assert.Equal(whole[34..], fragments.SelectMany(fragment => fragment[34..]));
    }

    [Fact]
    public void ABurstOfSeveralInterfacesIsForwardedWholeAndEachInItsOrder()
    {
        uint[] nets = [2, 3, 4];
        List<byte[]>[] wanted = [[], [], []];
        for (ushort i = 0; i < 60; i++)
        {
            int one = (i * 7 / 4) % 3;
            uint net = nets[one];
            Assert.True(_harness.Nic("lan").Send(In(net, Frames.Udp4(MacOf(net), Host + net, Host4(net), Host4(1), identification: i))));
            wanted[one].Add(Frames.Udp4(Host + 1, Wan, Host4(net), Host4(1), 63, identification: i));
        }

        _harness.Poll();
        IReadOnlyList<byte[]> sent = _harness.Nic("wan").ReceiveAll();
        Assert.Equal(60, sent.Count);
        for (int one = 0; one < nets.Length; one++)
        {
            Assert.Equal(wanted[one], sent.Where(frame => frame[27] == nets[one]));
        }
    }

    [Fact]
    public void AVlanThatIsDownGoneOrOnADownPortIsLinuxs()
    {
        byte[] inward = In(3, Frames.Udp4(Lan, Host + 3, Host4(3), Host4(1)), priority: 2);
        byte[] outward = Frames.Udp4(Wan, Host + 1, Host4(1), Host4(3));
        foreach (Action change in (Action[])
        [
            () => _router.SetInterface(Blue, Lan, InterfaceFlags.Forwards4, BlueTag, 1),
            () => _router.SetInterface(1, Lan, InterfaceFlags.Forwards4),
            () => _writer.SetInterface(Blue, default),
        ])
        {
            _router.SetInterface(1, Lan);
            _router.SetInterface(Blue, Lan, tag: BlueTag, port: 1);
            Assert.Single(Receive(1, outward).Network("lan"));
            change();
            Assert.Equal([outward], Receive(1, outward).Linux("wan"));
        }

        Assert.Equal([inward], Receive(3, inward).Linux("lan"));
    }

    [Fact]
    public void ANumberWithAnotherTagIsAnotherVlan()
    {
        byte[] packet = Frames.Udp4(Lan, Host + 3, Host4(3), Host4(1));
        _router.SetInterface(Blue, Lan, tag: 0x8100_0fff, port: 1);
        Assert.Single(Receive(3, Frames.Tagged(packet, BlueTag)).Linux("lan"));
        Assert.Single(Receive(3, Frames.Tagged(packet, 0x8100_0fff)).Network("wan"));
        byte[] sent = Assert.Single(Receive(1, Frames.Udp4(Wan, Host + 1, Host4(1), Host4(3))).Network("lan"));
        Assert.Equal(Frames.Udp4(Host + 3, Lan, Host4(1), Host4(3), 63), Frames.Untagged(sent, 0x8100_0fff));
        _router.SetInterface(Blue, Wan, tag: 0x8100_0fff, port: 0);
        Assert.Single(Receive(3, Frames.Tagged(packet, 0x8100_0fff)).Linux("lan"));
    }

    [Fact]
    public void TheCoreStandsInForASilentLinuxOnAVlan()
    {
        byte[] question = In(3, LinkFrames.Arp(1, LinkFrames.Everybody, Host + 3, Host4(3), 0, Own(3)), priority: 6);
        Assert.Equal([question], Receive(3, question).Linux("lan"));

        // An answer on a VLAN is heard as well as any.
        Assert.True(_harness.Host("lan").Send(In(4, LinkFrames.Arp(2, Host + 4, OwnMac, Own(4), Host + 4, Host4(4)))));
        Pass(0);
        Assert.Single(_harness.Nic("lan").ReceiveAll());
        Pass(Second);
        Assert.Empty(_harness.Nic("lan").ReceiveAll());
        Assert.Equal(0UL, _harness.Counter("router.linux_silences"));

        Receive(3, question);
        Pass(Second);
        Assert.Equal(1UL, _harness.Counter("router.linux_silences"));
        byte[] answer = Out(3, LinkFrames.Arp(2, Host + 3, Lan, Own(3), Host + 3, Host4(3)));
        Assert.Equal([answer], _harness.Nic("lan").ReceiveAll());

        // The same question on another VLAN of the port is not Linux's to answer.
        Assert.Empty(Receive(4, In(4, LinkFrames.Arp(1, LinkFrames.Everybody, Host + 3, Host4(3), 0, Own(3)))).Network("lan"));

        byte[] search = Out(4, LinkFrames.Arp(1, LinkFrames.Everybody, OwnMac, Own(4), 0, Host4(4) + 7));
        Assert.Equal([search], Receive(1, Frames.Udp4(Wan, Host + 1, Host4(1), Host4(4) + 7)).Network("lan"));
        Receive(4, In(4, LinkFrames.Arp(2, OwnMac, Host + 9, Host4(4) + 7, OwnMac, Own(4))));
        byte[] found = Out(4, Frames.Udp4(Host + 9, OwnMac, Host4(1), Host4(4) + 7, 63));
        Assert.Equal([found], Receive(1, Frames.Udp4(Wan, Host + 1, Host4(1), Host4(4) + 7)).Network("lan"));
    }

    [Fact]
    public void AQuestionOnAVlanThatIsGoneBeforeLinuxIsKnownToBeSilentHasNoAnswer()
    {
        Receive(3, In(3, LinkFrames.Arp(1, LinkFrames.Everybody, Host + 3, Host4(3), 0, Own(3))));
        _writer.SetInterface(Blue, default);
        Pass(Second);
        Assert.Equal(1UL, _harness.Counter("router.linux_silences"));
        Assert.Empty(_harness.Nic("lan").ReceiveAll());
        Assert.Single(Receive(1, Frames.Udp4(Wan, Host + 1, Host4(1), Host4(3) + 7)).Linux("wan"));
    }

    [Fact]
    public void WhatLinuxSendsWithATagLeavesByItsCardAsItIs()
    {
        byte[] frame = In(3, LinkFrames.Arp(2, Host + 3, Lan, Own(3), Host + 3, Host4(3)), priority: 4);
        Receive(3, In(3, LinkFrames.Arp(1, LinkFrames.Everybody, Host + 3, Host4(3), 0, Own(3)))); // from now on the core listens
        Assert.True(_harness.Host("lan").Send(frame));
        Pass(0);
        Assert.Equal([frame], _harness.Nic("lan").ReceiveAll());
    }

    [Fact]
    public void NoBufferIsLostWhateverComesAndChanges()
    {
        Random random = new(16);
        uint[] nets = [2, 3, 4];
        for (int i = 0; i < 10_000; i++)
        {
            uint net = nets[random.Next(3)];
            uint to = (uint)random.Next(1, 6);
            byte[] frame = random.Next(3) switch
            {
                0 => Frames.Udp4(MacOf(net), Host + net, Host4(net), Host4(to), (byte)random.Next(3), random.Next(1800)),
                1 => Frames.Udp6(MacOf(net), Host + net, Host6(net), Host6(to), (byte)random.Next(3), random.Next(1800)),
                _ => LinkFrames.Arp((ushort)random.Next(3), LinkFrames.Everybody, Host + net, Host4(net), 0, Own(net)),
            };
            frame = In(net, frame, (byte)random.Next(8));
            for (int flips = random.Next(4); flips > 0; flips--)
            {
                frame[random.Next(Math.Min(frame.Length, 64))] ^= (byte)(1 << random.Next(8));
            }

            if (random.Next(50) == 0)
            {
                int number = random.Next(RouterHeader.PortsMax, RouterHeader.InterfacesMax);
                _router.Table.Vlans[random.Next(1 << 16)] = (byte)random.Next(256);
                _router.SetInterface(number, Lan, (InterfaceFlags)random.Next(32), 0x8100_0000 | (uint)random.Next(8), (uint)random.Next(8));
            }

            Assert.True(_harness.Nic("lan").Send(frame[..random.Next(14, frame.Length + 1)]));
            Pass(Second / 1000);
            Drain();
        }

        Assert.Equal(0UL, _harness.Counter("lan.rx_starved"));
        for (int number = RouterHeader.PortsMax; number < RouterHeader.InterfacesMax; number++)
        {
            _writer.SetInterface(number, default);
        }

        _router.SetInterface(Blue, Lan, tag: BlueTag, port: 1);

        // Linux has answered nobody all the while: the core may ask the neighbour, too.
        Assert.Single(Receive(3, In(3, Frames.Udp4(Lan, Host + 3, Host4(3), Host4(1)))).Network("wan"), frame => frame[12] == 8 && frame[13] == 0);
    }

    private static uint Own(uint net) => 0x0a00_0001 | (net << 16);

    private static uint Host4(uint net) => Own(net) + 1;

    private static UInt128 Host6(uint net) => (Net6 | ((UInt128)net << 80)) + 2;

    private static ulong MacOf(uint net) => net is 1 or 5 ? Wan : net == 4 ? OwnMac : Lan;

    private static int NumberOf(uint net) => net < 3 ? (int)net - 1 : Blue + (int)net - 3;

    private static string PortOf(uint net) => net is 1 or 5 ? "wan" : "lan";

    private static uint TagOf(uint net) => net switch
    {
        3 => BlueTag,
        4 => RedTag,
        5 => OuterTag,
        _ => 0,
    };

    // As it comes from a network's host.
    private static byte[] In(uint net, byte[] frame, byte priority = 0)
        => TagOf(net) == 0 ? frame : Frames.Tagged(frame, TagOf(net) | ((uint)priority << 13));

    private static byte[] Out(uint net, byte[] frame) => In(net, frame);

    private void Pass(ulong ticks)
    {
        _now += ticks;
        _harness.PollAt(_now);
    }

    private void Drain()
    {
        foreach (string port in new[] { "wan", "lan" })
        {
            _harness.Nic(port).ReceiveAll();
            _harness.Host(port).ReceiveAll();
        }
    }

    private (Func<string, byte[][]> Network, Func<string, byte[][]> Linux) Receive(uint net, byte[] frame)
    {
        Assert.True(_harness.Nic(PortOf(net)).Send(frame));
        Pass(0);
        return (port => [.. _harness.Nic(port).ReceiveAll()], port => [.. _harness.Host(port).ReceiveAll()]);
    }
}

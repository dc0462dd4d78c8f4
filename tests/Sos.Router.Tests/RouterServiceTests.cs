using System;
using System.Linq;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Control;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>The service between ports in memory: what leaves where, as what, and what goes to Linux.</summary>
public sealed unsafe class RouterServiceTests : IDisposable
{
    private const ulong Wan = 0x0200_0000_0001;
    private const ulong Lan = 0x0200_0000_0002;
    private const ulong Client = 0x0a00_0000_0001;
    private const ulong Server = 0x0a00_0000_0002;

    private static readonly RouteAddress Net1 = new(0x0a010000, false);
    private static readonly RouteAddress Net2 = new(0x0a020000, false);
    private static readonly RouteAddress Net6A = new((UInt128)0x2001_0db8_0001 << 80, true);
    private static readonly RouteAddress Net6B = new((UInt128)0x2001_0db8_0002 << 80, true);

    private readonly RouterHarness _router = new();
    private readonly ServiceHarness<RouterService> _harness;
    private readonly RouterTableWriter _writer;
    private readonly RouterTable _table;

    public RouterServiceTests()
    {
        (_harness, _writer, _table) = (_router.Service, _router.Writer, _router.Table);
        SetInterface(0, Wan, InterfaceFlags.None);
        SetInterface(1, Lan, InterfaceFlags.None);
        _writer.SetRoute(Net1, 16, Connected(0, 0x0a010001));
        _writer.SetRoute(Net2, 16, Connected(1, 0x0a020001));
        _writer.SetRoute(new(0x0a010001, false), 32, HopSpecification.Linux);
        _writer.SetRoute(new(0x0a020001, false), 32, HopSpecification.Linux);
        _writer.SetRoute(Net6A, 48, Connected6(0, Net6A.Value + 1));
        _writer.SetRoute(Net6B, 48, Connected6(1, Net6B.Value + 1));
        _writer.SetNeighbour(0, new(0x0a010002, false), Client);
        _writer.SetNeighbour(1, new(0x0a020002, false), Server);
        _writer.SetNeighbour(0, new(Net6A.Value + 2, true), Client);
        _writer.SetNeighbour(1, new(Net6B.Value + 2, true), Server);
        _writer.Publish();
        _writer.SetState(RouterState.Ipv4 | RouterState.Ipv6);
    }

    public void Dispose() => _router.Dispose();

    [Fact]
    public void BeforeThereIsATableAllIsLinuxs()
    {
        _writer.SetState(RouterState.None);
        byte[] frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002);
        Assert.Equal(frame, ToLinux(frame));
    }

    [Fact]
    public void APacketIsForwardedAsARouterDoesIt()
    {
        byte[] frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, timeToLive: 64);
        byte[] sent = Forwarded(frame);
        Assert.Equal(Frames.Udp4(Server, Lan, 0x0a010002, 0x0a020002, timeToLive: 63), sent);
        Assert.Equal(1UL, _harness.Counter("router.forwarded"));
        Assert.Equal(1UL, _harness.Counter("wan.forwarded_in"));
        Assert.Equal(1UL, _harness.Counter("lan.forwarded_out"));
        Assert.Equal([(1, new RouteAddress(0x0a020002, false))], _writer.TakeUsedNeighbours());

        sent = Forwarded(Frames.Udp6(Wan, Client, Net6A.Value + 2, Net6B.Value + 2, hopLimit: 9));
        Assert.Equal(Frames.Udp6(Server, Lan, Net6A.Value + 2, Net6B.Value + 2, hopLimit: 8), sent);
    }

    [Fact]
    public void EveryTimeToLiveAndChecksumIsAsWhenComputedAnew()
    {
        for (int i = 0; i < 3000; i++)
        {
            byte ttl = (byte)(2 + (i % 254));
            ushort identification = (ushort)(i * 7919);
            byte[] sent = Forwarded(Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, ttl, identification: identification));
            Assert.Equal(Frames.Udp4(Server, Lan, 0x0a010002, 0x0a020002, (byte)(ttl - 1), identification: identification), sent);
        }
    }

    [Fact]
    public void PaddingIsTakenOff()
    {
        byte[] frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, payload: 4);
        byte[] padded = [.. frame, .. new byte[60 - frame.Length]];
        Assert.Equal(frame.Length, Forwarded(padded).Length);
    }

    [Theory]
    [InlineData("own address")]
    [InlineData("no neighbour")]
    [InlineData("arp")]
    [InlineData("broadcast")]
    [InlineData("multicast")]
    [InlineData("options")]
    [InlineData("tagged")]
    [InlineData("back where it came")]
    [InlineData("link-local")]
    [InlineData("hop by hop")]
    [InlineData("own source")]
    [InlineData("mapped source")]
    [InlineData("unspecified destination")]
    public void WhatIsLinuxsGoesThereAsItIs(string what)
    {
        byte[] frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002);
        switch (what)
        {
            case "own address":
                frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020001);
                break;
            case "no neighbour":
                frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020077);
                break;
            case "arp":
                (frame[12], frame[13]) = (0x08, 0x06);
                break;
            case "broadcast":
                frame = Frames.Udp4(0xffff_ffff_ffff, Client, 0x0a010002, 0x0a020002);
                break;
            case "multicast":
                frame = Frames.Udp4(Wan, Client, 0x0a010002, 0xe0000005);
                break;
            case "options":
                frame = [.. frame[..34], 1, 1, 1, 0, .. frame[34..]];
                frame[14] = 0x46;
                Frames.SetTotal(frame);
                break;
            case "tagged":
                frame = [.. frame[..12], 0x81, 0, 0, 5, .. frame[12..]];
                break;
            case "back where it came":
                _writer.SetNeighbour(0, new(0x0a010003, false), Client + 5);
                frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a010003);
                break;
            case "link-local":
                frame = Frames.Udp6(Wan, Client, ((UInt128)0xfe80 << 112) + 1, Net6B.Value + 2);
                break;
            case "hop by hop":
                frame = Frames.Udp6(Wan, Client, Net6A.Value + 2, Net6B.Value + 2);
                frame[20] = 0;
                break;
            case "mapped source":
                frame = Frames.Udp6(Wan, Client, 0xffff_0a01_0002, Net6B.Value + 2);
                break;
            case "unspecified destination":
                frame = Frames.Udp6(Wan, Client, Net6A.Value + 2, 0);
                break;
            case "own source":
                _table.Header->Own4[RouterHeader.OwnBit(0x0a020001) >> 6] |= 1UL << (RouterHeader.OwnBit(0x0a020001) & 63);
                frame = Frames.Udp4(Wan, Client, 0x0a020001, 0x0a020002);
                break;
        }

        Assert.Equal(frame, ToLinux(frame));
        Assert.Equal(1UL, _harness.Counter("router.to_linux"));
    }

    [Theory]
    [InlineData("router.dropped_malformed", "checksum")]
    [InlineData("router.dropped_malformed", "length")]
    [InlineData("router.dropped_malformed", "version")]
    [InlineData("router.dropped_malformed", "header length")]
    [InlineData("router.dropped_martian", "loopback source")]
    [InlineData("router.dropped_martian", "multicast source")]
    [InlineData("router.dropped_martian", "loopback destination")]
    [InlineData("router.dropped_martian", "unspecified source")]
    [InlineData("router.dropped_blackhole", "blackhole")]
    [InlineData("router.dropped_reverse_path", "strict")]
    [InlineData("router.dropped_reverse_path", "loose")]
    public void WhatIsDroppedIsCountedByItsCause(string counter, string what)
    {
        byte[] frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002);
        switch (what)
        {
            case "checksum":
                frame[24] ^= 1;
                break;
            case "length":
                frame = frame[..^1];
                break;
            case "version":
                frame[14] = 0x55;
                break;
            case "header length":
                frame[14] = 0x44;
                break;
            case "loopback source":
                frame = Frames.Udp4(Wan, Client, 0x7f000001, 0x0a020002);
                break;
            case "multicast source":
                frame = Frames.Udp4(Wan, Client, 0xe0000001, 0x0a020002);
                break;
            case "loopback destination":
                frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x7f000001);
                break;
            case "unspecified source":
                frame = Frames.Udp4(Wan, Client, 0, 0x0a020002);
                break;
            case "blackhole":
                _writer.SetRoute(new(0x0b000000, false), 8, new HopSpecification(NextHopKind.Blackhole));
                frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0b000001);
                break;
            case "strict":
                SetInterface(0, Wan, InterfaceFlags.ReversePathStrict);
                frame = Frames.Udp4(Wan, Client, 0x0a020009, 0x0a020002);
                break;
            case "loose":
                SetInterface(0, Wan, InterfaceFlags.ReversePathLoose);
                frame = Frames.Udp4(Wan, Client, 0x0c000009, 0x0a020002);
                break;
        }

        Send("wan", frame);
        Assert.Empty(_harness.Nic("lan").ReceiveAll());
        Assert.Empty(_harness.Nic("wan").ReceiveAll());
        Assert.Empty(_harness.Host("wan").ReceiveAll());
        Assert.Equal(1UL, _harness.Counter(counter));
    }

    [Fact]
    public void ASourceWhoseAnswersLeaveHerePassesTheReversePath()
    {
        SetInterface(0, Wan, InterfaceFlags.ReversePathStrict);
        Forwarded(Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002));
        SetInterface(0, Wan, InterfaceFlags.ReversePathLoose);
        Forwarded(Frames.Udp4(Wan, Client, 0x0a020009, 0x0a020002));
    }

    [Fact]
    public void WhatIsOnlyUnusualIsForwarded()
    {
        foreach (uint source in (uint[])[0x00010203, 0xf0000001, 0xa9fe0303, 0x0a0100ff])
        {
            Forwarded(Frames.Udp4(Wan, Client, source, 0x0a020002));
        }
    }

    [Fact]
    public void AnIpv6ErrorThatWouldNotGoBackTheWayItCameIsLinuxs()
    {
        byte[] frame = Frames.Udp6(Wan, Client, Net6B.Value + 2, Net6B.Value + 2, 1);
        Assert.Equal(frame, ToLinux(frame));
    }

    [Fact]
    public void LaterIpv6FragmentsAndWhatCannotBeFollowedAreAnswered()
    {
        foreach (byte[] header in (byte[][])[[17, 0, 0, 8, 0, 0, 0, 1], [58, 0, 0, 8, 3, 0, 0, 1], [17, 0, 0]])
        {
            byte[] frame = Frames.Udp6(Wan, Client, Net6A.Value + 2, Net6B.Value + 2, 1);
            frame[20] = 44;
            frame = [.. frame[..54], .. header];
            frame[19] = (byte)header.Length;
            Send("wan", frame);
            Frames.AssertError6(
                Assert.Single(_harness.Nic("wan").ReceiveAll()), Client, Wan, Net6A.Value + 1, Net6A.Value + 2, 3, 0, 0, frame);
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(8, true)]
    [InlineData(9, false)]
    [InlineData(13, true)]
    [InlineData(30, false)]
    [InlineData(42, false)]
    public void OfIcmpOnlyWhatIsSurelyNoErrorIsAnswered(byte type, bool isAnswered)
    {
        byte[] frame = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, 1);
        (frame[23], frame[34]) = (1, type);
        Frames.SetTotal(frame);
        Send("wan", frame);
        Assert.Equal(isAnswered ? 1 : 0, _harness.Nic("wan").ReceiveAll().Count);
    }

    [Theory]
    [InlineData(11, 0, 3, 0, "expired")]
    [InlineData(3, 0, 1, 0, "no route")]
    [InlineData(3, 1, 1, 0, "unreachable")]
    [InlineData(3, 13, 1, 1, "prohibited")]
    public void AnErrorComesFromTheAddressOnTheWayBack(byte type4, byte code4, byte type6, byte code6, string what)
    {
        (uint destination4, UInt128 destination6, byte ttl) = what == "expired"
            ? (0x0a020002u, Net6B.Value + 2, (byte)1)
            : (0x0b000001u, (UInt128)3 << 124, (byte)9);
        if (what is "unreachable" or "prohibited")
        {
            HopSpecification hop = new(what == "unreachable" ? NextHopKind.Unreachable : NextHopKind.Prohibited);
            _writer.SetRoute(new(0x0b000000, false), 8, hop);
            _writer.SetRoute(new((UInt128)3 << 124, true), 4, hop);
            _writer.Commit();
        }

        byte[] frame = Frames.Udp4(Wan, Client, 0x0a010002, destination4, ttl, payload: 900);
        Send("wan", frame);
        byte[] answer = Assert.Single(_harness.Nic("wan").ReceiveAll());
        Frames.AssertError4(answer, Client, Wan, 0x0a010001, 0x0a010002, type4, code4, 0, frame);
        Assert.Equal(14 + 576, answer.Length);

        frame = Frames.Udp6(Wan, Client, Net6A.Value + 2, destination6, ttl, payload: 1400);
        Send("wan", frame);
        answer = Assert.Single(_harness.Nic("wan").ReceiveAll());
        Frames.AssertError6(answer, Client, Wan, Net6A.Value + 1, Net6A.Value + 2, type6, code6, 0, frame);
        Assert.Equal(14 + 1280, answer.Length);
    }

    [Fact]
    public void ErrorsAreLimitedForEachDestination()
    {
        for (int i = 0; i < 20; i++)
        {
            Send("wan", Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, 1));
        }

        // Six at once, then one a second: a slow machine may see a few more.
        ulong sent = _harness.Counter("router.icmp_errors");
        Assert.InRange(sent, 6UL, 19UL);
        Assert.Equal(20 - sent, _harness.Counter("router.icmp_errors_limited"));
    }

    [Fact]
    public void NoErrorAnswersAnErrorOrALaterFragment()
    {
        byte[] error = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, 1);
        error[23] = 1;
        error[34] = 3;
        Frames.SetTotal(error);
        Send("wan", error);
        byte[] fragment = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, 1);
        fragment[21] = 3;
        Frames.SetTotal(fragment);
        Send("wan", fragment);
        byte[] error6 = Frames.Udp6(Wan, Client, Net6A.Value + 2, Net6B.Value + 2, 1);
        error6[20] = 58;
        error6[54] = 1;
        Send("wan", error6);
        Assert.Empty(_harness.Nic("wan").ReceiveAll());
        Assert.Equal(3UL, _harness.Counter("router.dropped_expired"));
    }

    [Fact]
    public void WhatIsTooLargeIsCutOrAnsweredWithTheMtu()
    {
        _writer.SetRoute(Net2, 16, Connected(1, 0x0a020001) with { Mtu = 996 });
        _writer.SetRoute(Net6B, 48, Connected6(1, Net6B.Value + 1) with { Mtu = 1280 });
        _writer.Commit();
        byte[] whole = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, payload: 1800);
        whole[20] = 0x40; // DF
        Frames.SetTotal(whole);
        Send("wan", whole);
        Frames.AssertError4(Assert.Single(_harness.Nic("wan").ReceiveAll()), Client, Wan, 0x0a010001, 0x0a010002, 3, 4, 996, whole);

        byte[] whole6 = Frames.Udp6(Wan, Client, Net6A.Value + 2, Net6B.Value + 2, payload: 1400);
        Send("wan", whole6);
        Frames.AssertError6(Assert.Single(_harness.Nic("wan").ReceiveAll()), Client, Wan, Net6A.Value + 1, Net6A.Value + 2, 2, 0, 1280, whole6);

        whole = Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, payload: 1800, identification: 0x1234);
        Send("wan", whole);
        byte[][] fragments = [.. _harness.Nic("lan").ReceiveAll()];
        Assert.Equal([14 + 996, 14 + 20 + 1808 - 976], fragments.Select(fragment => fragment.Length));
        Assert.Equal(whole[34..], fragments.SelectMany(fragment => fragment[34..]));
        Assert.Equal([0x2000, 976 / 8], fragments.Select(fragment => (fragment[20] << 8) | fragment[21]));
        Assert.All(fragments, fragment =>
        {
            Assert.True(Sos.Sdk.Wire.InternetChecksum.IsValid(fragment.AsSpan(14, 20)));
            Assert.Equal((0x1234, 63), ((fragment[18] << 8) | fragment[19], fragment[22]));
        });
    }

    [Fact]
    public void ATableThatMakesNoSenseIsNotFollowedAstray()
    {
        for (uint hop = 1; hop < _table.NextHopCount; hop++)
        {
            _table.NextHops[hop].Mtu = hop % 3 == 0 ? 0 : hop % 3 == 1 ? 21 : uint.MaxValue;
        }

        Send("wan", Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, payload: 900));
        for (int bit = 0; bit < 64; bit++)
        {
            for (uint hop = 0; hop < 8; hop++)
            {
                _table.NextHops[hop].Action ^= 1UL << bit;
            }

            for (uint slot = 0; slot < _table.NeighbourCount; slot++)
            {
                _table.Neighbours[slot].Action ^= _table.Neighbours[slot].Action == 0 ? 0 : 1UL << bit;
            }

            _table.Ipv4Root[0x0a0200] = (ushort)(0x8000 | (bit * 509));
            _table.Ipv6Root[(uint)(Net6B.Value >> 106)] = 1u << 31 | ((uint)bit << 25) | (uint)(bit * 131);
            Send("wan", Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002));
            Send("wan", Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002, 1));
            Send("wan", Frames.Udp6(Wan, Client, Net6A.Value + 2, Net6B.Value + 2));
            foreach (string port in new[] { "wan", "lan" })
            {
                _harness.Nic(port).ReceiveAll();
                _harness.Host(port).ReceiveAll();
            }
        }
    }

    [Fact]
    public void AFlowStaysOnOneMemberAndMembersHaveTheirShares()
    {
        HopSpecification a = new(NextHopKind.Forward) { Interface = 1, Gateway = new(0x0a020002, false), Mtu = 1500 };
        HopSpecification b = a with { Gateway = new(0x0a020003, false) };
        _writer.SetNeighbour(1, b.Gateway, Server + 1);
        _writer.SetRoute(new(0x0b000000, false), 8, new HopSpecification(NextHopKind.Group) { Members = [new(a, 1), new(b, 3)] });
        _writer.Commit();
        int[] taken = new int[2];
        for (uint flow = 0; flow < 4000; flow++)
        {
            byte[] first = Forwarded(Frames.Udp4(Wan, Client, 0x0a010002 + flow, 0x0b000000 + (flow * 77)));
            byte[] second = Forwarded(Frames.Udp4(Wan, Client, 0x0a010002 + flow, 0x0b000000 + (flow * 77)));
            Assert.Equal(first, second);
            taken[first[5] - 2]++;
        }

        Assert.InRange(taken[1], 2900, 3100);
    }

    [Theory]
    [InlineData(RouterState.None)]
    [InlineData(RouterState.HashPorts4 | RouterState.HashPorts6)]
    public void BothDirectionsOfAFlowTakeTheSameWayWhereAsked(RouterState ports)
    {
        HopSpecification a = new(NextHopKind.Forward) { Interface = 1, Gateway = new(0x0a020002, false), Mtu = 1500 };
        HopSpecification b = a with { Gateway = new(0x0a020003, false) };
        _writer.SetNeighbour(1, b.Gateway, Server + 1);
        HopSpecification both = new(NextHopKind.Group) { Members = [new(a, 1), new(b, 1)] };
        _writer.SetRoute(new(0x0b000000, false), 8, both);
        _writer.SetRoute(new((UInt128)0x3000 << 112, true), 4, both);
        _writer.Commit();
        foreach (RouterState symmetric in (RouterState[])[RouterState.None, RouterState.HashSymmetric])
        {
            _writer.SetState(RouterState.Ipv4 | RouterState.Ipv6 | ports | symmetric);
            int differ = 0;
            for (uint flow = 0; flow < 500; flow++)
            {
                (uint one, uint other) = (0x0b000000 + flow, 0x0b100000 + (flow * 77));
                (UInt128 one6, UInt128 other6) = (((UInt128)0x3000 << 112) + flow, ((UInt128)0x3001 << 112) + (flow * 77));
                byte[] back = Frames.Udp4(Wan, Client, other, one);
                byte[] back6 = Frames.Udp6(Wan, Client, other6, one6);
                (back[34], back[35], back[36], back[37]) = (5000 >> 8, unchecked((byte)5000), 4000 >> 8, unchecked((byte)4000));
                (back6[54], back6[55], back6[56], back6[57]) = (5000 >> 8, unchecked((byte)5000), 4000 >> 8, unchecked((byte)4000));
                (back6[16], back6[17]) = ((byte)flow, 1);
                differ += Forwarded(Frames.Udp4(Wan, Client, one, other))[5] == Forwarded(back)[5] ? 0 : 1;
                differ += Forwarded(Frames.Udp6(Wan, Client, one6, other6))[5] == Forwarded(back6)[5] ? 0 : 1;
            }

            Assert.True(symmetric == RouterState.None ? differ > 200 : differ == 0, $"{differ} of 1000 differ");
        }
    }

    [Fact]
    public void WhenAPortGoesDownItsNextHopsAreOut()
    {
        HopSpecification a = new(NextHopKind.Forward) { Interface = 0, Gateway = new(0x0a010002, false), Mtu = 1500 };
        HopSpecification b = new(NextHopKind.Forward) { Interface = 1, Gateway = new(0x0a020002, false), Mtu = 1500 };
        _writer.SetRoute(new(0x0b000000, false), 8, new HopSpecification(NextHopKind.Group) { Members = [new(a, 1), new(b, 1)] });
        _writer.Commit();
        _writer.SetInterface(0, new InterfaceSettings { Mac = Wan, Mtu = 1500, Flags = InterfaceFlags.Forwards4 });
        for (uint flow = 0; flow < 100; flow++)
        {
            Forwarded(Frames.Udp4(Wan, Client, 0x0a010002 + flow, 0x0b000000 + flow));
        }
    }

    [Fact]
    public void WhatLinuxSendsLeavesByItsCard()
    {
        byte[] frame = Frames.Udp4(Server, Lan, 0x0a020001, 0x0a020002);
        Assert.True(_harness.Host("lan").Send(frame));
        _harness.Poll();
        Assert.Equal(frame, Assert.Single(_harness.Nic("lan").ReceiveAll()));
        Assert.Equal(1UL, _harness.Counter("router.from_linux"));
    }

    [Fact]
    public void NoBufferIsLostWhateverComes()
    {
        Random random = new(3);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] frame = random.Next(2) == 0
                ? Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002 + (uint)random.Next(2), (byte)random.Next(3), payload: random.Next(1800))
                : Frames.Udp6(Wan, Client, Net6A.Value + 2, Net6B.Value + (UInt128)random.Next(4), (byte)random.Next(3), payload: random.Next(1800));
            for (int flips = random.Next(4); flips > 0; flips--)
            {
                frame[random.Next(Math.Min(frame.Length, 64))] ^= (byte)(1 << random.Next(8));
            }

            Send("wan", frame[..random.Next(14, frame.Length + 1)]);
            foreach (string port in new[] { "wan", "lan" })
            {
                _harness.Nic(port).ReceiveAll();
                _harness.Host(port).ReceiveAll();
            }
        }

        ulong starved = _harness.Counter("wan.rx_starved");
        Assert.Equal(0UL, starved);
        Forwarded(Frames.Udp4(Wan, Client, 0x0a010002, 0x0a020002));
    }

    [Fact]
    public void AServiceWithoutMemoryForRoutesDoesNotStart()
    {
        using ServiceHarness<RouterService> harness = new(new HarnessOptions { Ports = ["a", "b"], HostPorts = ["a", "b"] });
        Assert.Equal(RouterService.NoTable, harness.Start());
        Assert.Contains(harness.TakeLog(), entry => entry.Severity == LogSeverity.Error);
    }

    private static HopSpecification Connected(int port, uint source)
        => new(NextHopKind.Connected) { Interface = port, Mtu = 1900, Source = new(source, false) };

    private static HopSpecification Connected6(int port, UInt128 source)
        => new(NextHopKind.Connected) { Interface = port, Mtu = 1900, Source = new(source, true) };

    private void SetInterface(int number, ulong mac, InterfaceFlags flags)
        => _router.SetInterface(number, mac, flags | InterfaceFlags.Up | InterfaceFlags.Forwards4 | InterfaceFlags.Forwards6);

    private void Send(string port, byte[] frame)
    {
        Assert.True(_harness.Nic(port).Send(frame));
        _harness.Poll();
    }

    private byte[] Forwarded(byte[] frame)
    {
        Send("wan", frame);
        return Assert.Single(_harness.Nic("lan").ReceiveAll());
    }

    private byte[] ToLinux(byte[] frame)
    {
        Send("wan", frame);
        Assert.Empty(_harness.Nic("lan").ReceiveAll());
        return Assert.Single(_harness.Host("wan").ReceiveAll());
    }
}

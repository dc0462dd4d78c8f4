using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>A Linux that answers no more: the core answers for its addresses, and looks after the neighbours, until Linux is back.</summary>
public sealed class LinuxStandInTests : IDisposable
{
    private const ulong Wan = 0x0200_0000_0001;
    private const ulong Lan = 0x0200_0000_0002;
    private const ulong Client = 0x0a00_0000_0001;
    private const ulong Server = 0x0a00_0000_0002;
    private const ulong Moved = 0x0a00_0000_0099;
    private const uint OwnWan = 0x0a010001;
    private const uint OwnLan = 0x0a020001;
    private const uint TheClient = 0x0a010002;
    private const uint TheServer = 0x0a020002;
    private const uint Unknown = 0x0a020077;
    private const uint Millisecond = 1_000_000; // ticks of the harness's TSC

    private static readonly UInt128 Net6A = (UInt128)0x2001_0db8_0001 << 80;
    private static readonly UInt128 Net6B = (UInt128)0x2001_0db8_0002 << 80;
    private static readonly UInt128 OwnLink = ((UInt128)0xfe80 << 112) + 1;

    private readonly RouterHarness _router = new();
    private readonly ServiceHarness<RouterService> _harness;
    private readonly RouterTableWriter _writer;
    private ulong _now = Tsc.Read();

    public LinuxStandInTests()
    {
        (_harness, _writer) = (_router.Service, _router.Writer);
        SetInterface(0, Wan, InterfaceFlags.Forwards4 | InterfaceFlags.Forwards6);
        SetInterface(1, Lan, InterfaceFlags.Forwards4 | InterfaceFlags.Forwards6);
        _writer.SetRoute(new(0x0a010000, false), 16, Connected(0));
        _writer.SetRoute(new(0x0a020000, false), 16, Connected(1));
        _writer.SetRoute(new(OwnWan, false), 32, HopSpecification.Linux);
        _writer.SetRoute(new(OwnLan, false), 32, HopSpecification.Linux);
        _writer.SetRoute(new(Net6A + 1, true), 128, HopSpecification.Linux);
        _writer.SetRoute(new(Net6A, true), 48, Connected(0));
        _writer.SetRoute(new(Net6B, true), 48, Connected(1));
        _writer.SetRoute(new(0x0b000000, false), 8, new(NextHopKind.Forward) { Interface = 1, Gateway = new(TheServer, false), Mtu = 1900 });
        _writer.SetRoute(new(0x0c000000, false), 8, new(NextHopKind.Forward) { Interface = 1, Gateway = new(Net6B + 2, true), Mtu = 1900 });
        _writer.SetNeighbour(0, new(TheClient, false), Client);
        _writer.SetNeighbour(1, new(TheServer, false), Server);
        _writer.SetNeighbour(0, new(Net6A + 2, true), Client);
        _writer.SetNeighbour(1, new(Net6B + 2, true), Server);
        _writer.SetOwnAddresses(
        [
            new OwnAddress { Low = OwnWan, Answered = 1, Home = 1, PrefixLength = 16 },
            new OwnAddress { Low = OwnLan, Answered = 3, Home = 2, PrefixLength = 16 },
            Own6(Net6A + 1, 1, 48),
            Own6(Net6B + 1, 2, 48),
            Own6(OwnLink, 3, 64),
        ]);
        _writer.Publish();
        _writer.SetState(RouterState.Ipv4 | RouterState.Ipv6);
        Pass();
    }

    public void Dispose() => _router.Dispose();

    [Fact]
    public void ALinuxThatAnswersIsLeftToItself()
    {
        byte[] question = Question();
        Assert.Equal(question, Assert.Single(Receive("wan", question).Linux));
        Assert.True(_harness.Host("wan").Send(LinkFrames.Arp(2, Client, Wan, OwnWan, Client, TheClient)));
        Pass();
        Assert.Single(_harness.Nic("wan").ReceiveAll()); // Linux's own answer
        Pass(5000);
        Assert.Empty(_harness.Nic("wan").ReceiveAll());
        Assert.Equal(0UL, _harness.Counter("router.linux_silences"));
    }

    [Fact]
    public void ALinuxThatIsFollowedAnswersWhomItWill()
    {
        for (int i = 0; i < 30; i++)
        {
            _writer.Beat();
            Pass(200);
            Assert.Empty(Receive("wan", Question()).Network);
        }

        Assert.Equal(0UL, _harness.Counter("router.answers_for_linux"));
    }

    [Fact]
    public void AQuestionThatLinuxLeavesOpenIsAnswered()
    {
        byte[] question = Question();
        (IReadOnlyList<byte[]> network, IReadOnlyList<byte[]> linux) = Receive("wan", question);
        Assert.Empty(network);
        Assert.Equal(question, Assert.Single(linux));
        Pass(499);
        Assert.Empty(_harness.Nic("wan").ReceiveAll());
        Pass(1);
        Assert.Equal(LinkFrames.Arp(2, Client, Wan, OwnWan, Client, TheClient), Assert.Single(_harness.Nic("wan").ReceiveAll()));

        // From now on at once; Linux is told all the same.
        (network, linux) = Receive("wan", question);
        Assert.Equal(LinkFrames.Arp(2, Client, Wan, OwnWan, Client, TheClient), Assert.Single(network));
        Assert.Equal(question, Assert.Single(linux));
        Assert.Equal(1UL, _harness.Counter("router.linux_silences"));
        Assert.Equal(2UL, _harness.Counter("router.answers_for_linux"));
        Assert.Contains(_harness.TakeLog(), entry => entry.Text.Contains("Linux answers no more", StringComparison.Ordinal));
    }

    [Fact]
    public void NeighbourDiscoveryIsAnsweredAsByARouter()
    {
        FallSilent();
        foreach ((UInt128 own, UInt128 asker) in new[] { (Net6A + 1, Net6A + 2), (OwnLink, ((UInt128)0xfe80 << 112) + 2) })
        {
            byte[] question = LinkFrames.Neighbour(135, LinkFrames.GroupMacOf(own), Client, asker, LinkFrames.GroupOf(own), own);
            byte[] answer = LinkFrames.Neighbour(136, Client, Wan, own, asker, own, 0xe0);
            Assert.Equal(answer, Assert.Single(Receive("wan", question).Network));

            // One that looks whether the router is still there, without its own place in it.
            Assert.Equal(answer, Assert.Single(Receive("wan", LinkFrames.Neighbour(135, Wan, Client, asker, own, own, link: false)).Network));
        }

        // Who would have the address itself is told that it is taken.
        UInt128 group = ((UInt128)0xff02 << 112) + 1;
        byte[] probe = LinkFrames.Neighbour(135, LinkFrames.GroupMacOf(Net6A + 1), Client, 0, LinkFrames.GroupOf(Net6A + 1), Net6A + 1, link: false);
        Assert.Equal(LinkFrames.Neighbour(136, 0x3333_0000_0001, Wan, Net6A + 1, group, Net6A + 1, 0xa0), Assert.Single(Receive("wan", probe).Network));
    }

    [Fact]
    public void QuestionsThatALivingLinuxMayLeaveOpenAreNoSign()
    {
        const uint gateway = 0x0a010009;
        _writer.SetRoute(new(0x0e000000, false), 8, new(NextHopKind.Forward) { Interface = 0, Gateway = new(gateway, false), Mtu = 1900 });
        byte[][] questions =
        [
            LinkFrames.Arp(1, Moved, Client, TheClient, 0, OwnWan), // to somebody else's place on the link
            LinkFrames.Arp(1, LinkFrames.Everybody, Client, TheServer, 0, OwnWan), // rp_filter: the way back leads elsewhere
            LinkFrames.Arp(1, LinkFrames.Everybody, Client, OwnLan, 0, OwnWan), // this machine's own address
            LinkFrames.Arp(1, LinkFrames.Everybody, Client, 0x0d000001, 0, OwnWan), // no way back at all
            LinkFrames.Arp(1, LinkFrames.Everybody, Client, 0x0e000001, 0, OwnWan), // nor is the gateway's place known
        ];
        foreach (byte[] question in questions)
        {
            Receive("wan", question);
            Pass(5000);
        }

        Assert.Equal(0UL, _harness.Counter("router.linux_silences"));

        // Of a silent Linux, whom it would answer depends on rp_filter.
        FallSilent();
        Assert.Empty(Receive("wan", questions[0]).Network);
        Assert.Single(Receive("wan", questions[1]).Network);
        SetInterface(0, Wan, InterfaceFlags.Forwards4 | InterfaceFlags.ReversePathStrict);
        Assert.Empty(Receive("wan", questions[1]).Network);
        Assert.Single(Receive("wan", Question()).Network);
    }

    [Fact]
    public void OnlyWhatLinuxWouldAnswerIsAnswered()
    {
        FallSilent();
        Assert.Empty(Receive("wan", LinkFrames.Arp(1, LinkFrames.Everybody, Client, TheClient, 0, 0x0a010003)).Network);
        Assert.Empty(Receive("lan", LinkFrames.Arp(1, LinkFrames.Everybody, Server, TheServer, 0, OwnWan)).Network);
        Assert.Single(Receive("wan", LinkFrames.Arp(1, LinkFrames.Everybody, Client, TheClient, 0, OwnLan)).Network);
        UInt128 other = Net6B + 1;
        Assert.Empty(Receive("wan", LinkFrames.Neighbour(135, LinkFrames.GroupMacOf(other), Client, Net6A + 2, LinkFrames.GroupOf(other), other)).Network);
        SetInterface(0, Wan, InterfaceFlags.Forwards6);
        Assert.Empty(Receive("wan", Question()).Network);
        SetInterface(0, Wan, InterfaceFlags.Forwards4);
        Assert.Single(Receive("wan", Question()).Network);
        _writer.SetInterface(0, new InterfaceSettings { Mac = Wan, Mtu = 1900, Flags = InterfaceFlags.Forwards4 });
        Assert.Empty(Receive("wan", Question()).Network);
        SetInterface(0, Wan, InterfaceFlags.Forwards4);
        _writer.SetState(RouterState.Ipv6);
        Assert.Empty(Receive("wan", Question()).Network);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LinuxIsBackWithASignOfLifeOrAnAnswer(bool answers)
    {
        FallSilent();
        if (answers)
        {
            Assert.True(_harness.Host("lan").Send(LinkFrames.Arp(2, Server, Lan, OwnLan, Server, TheServer)));
        }
        else
        {
            _writer.Beat();
        }

        Pass();
        _harness.Nic("lan").ReceiveAll();
        Assert.Empty(Receive("wan", Question()).Network);
        Assert.Contains(_harness.TakeLog(), entry => entry.Text == "Linux answers again");
        Pass(answers ? 500u : 0);
        Assert.Equal(answers ? 1 : 0, _harness.Nic("wan").ReceiveAll().Count); // left open once more
    }

    [Fact]
    public void WhatLinuxsTimersSendIsNoAnswer()
    {
        FallSilent();
        Assert.True(_harness.Host("wan").Send(LinkFrames.Arp(1, Client, Wan, OwnWan, 0, TheClient)));
        Assert.True(_harness.Host("wan").Send(Frames.Udp4(Client, Wan, OwnWan, TheClient)));
        Pass();
        Assert.Equal(2, _harness.Nic("wan").ReceiveAll().Count);
        Assert.Single(Receive("wan", Question()).Network);
    }

    [Fact]
    public void ANeighbourInUseIsAskedUntilItAnswersAndAgainLater()
    {
        FallSilent();
        byte[] there = LinkFrames.Arp(1, Server, Lan, OwnLan, 0, TheServer);
        byte[] everywhere = LinkFrames.Arp(1, LinkFrames.Everybody, Lan, OwnLan, 0, TheServer);
        Assert.Equal([there], Questions(Forward(TheServer)));
        Assert.Empty(Questions(Forward(TheServer)));
        Pass(1000);
        Assert.Equal([there], Questions(Forward(TheServer)));
        Pass(1000);
        Assert.Equal([there], Questions(Forward(TheServer)));
        Pass(1000);
        Assert.Equal([everywhere], Questions(Forward(TheServer)));

        Receive("lan", LinkFrames.Arp(2, Lan, Server, TheServer, Lan, OwnLan));
        Pass(14_999);
        Assert.Empty(Questions(Forward(TheServer)));
        Pass(1);
        Assert.Equal([there], Questions(Forward(TheServer)));

        // One that never answers is asked seldom, and its packets go where it was.
        for (int i = 0; i < 100; i++)
        {
            Pass(1000);
            Assert.Single(Forward(TheServer), frame => frame[12] == 8 && frame[13] == 0);
        }

        Assert.InRange(_harness.Counter("router.neighbour_questions"), 15UL, 25UL);
    }

    [Theory]
    [InlineData(TheServer)]
    [InlineData(0x0b000001u)]
    [InlineData(0x0c000001u)]
    public void ANeighbourThatMovesIsFollowedUntilLinuxIsBack(uint destination)
    {
        FallSilent();
        Assert.Equal(Server, Mac(Forward(destination)));
        Receive("lan", LinkFrames.Arp(1, LinkFrames.Everybody, Moved, TheServer, 0, TheServer));
        Receive("lan", LinkFrames.Neighbour(136, 0x3333_0000_0001, Moved, Net6B + 2, ((UInt128)0xff02 << 112) + 1, Net6B + 2, 0x20));
        Assert.Equal(Moved, Mac(Forward(destination)));
        _writer.Beat();
        Pass();
        Assert.Equal(Server, Mac(Forward(destination)));
    }

    [Theory]
    [InlineData(TheServer)]
    [InlineData(0x0b000001u)]
    [InlineData(0x0c000001u)]
    public void ANeighbourThatSomebodyHasFixedIsNeitherAskedNorMoved(uint destination)
    {
        _writer.SetNeighbour(1, new(TheServer, false), Server, isFixed: true);
        _writer.SetNeighbour(1, new(Net6B + 2, true), Server, isFixed: true);
        FallSilent();
        Assert.Equal(Server, Mac(Forward(destination)));
        Receive("lan", LinkFrames.Arp(1, LinkFrames.Everybody, Moved, TheServer, 0, TheServer));
        Receive("lan", LinkFrames.Neighbour(136, 0x3333_0000_0001, Moved, Net6B + 2, ((UInt128)0xff02 << 112) + 1, Net6B + 2, 0x20));
        Assert.Equal(Server, Mac(Forward(destination)));
        Assert.Equal(0UL, _harness.Counter("router.neighbour_questions"));

        // One that is fixed no more is like any other.
        _writer.SetNeighbour(1, new(TheServer, false), Server);
        _writer.SetNeighbour(1, new(Net6B + 2, true), Server);
        Assert.Single(Forward(destination), frame => frame[12] == 8 && frame[13] == 0);
        Assert.Equal(1UL, _harness.Counter("router.neighbour_questions"));
    }

    [Fact]
    public void AnAdvertisementThatDoesNotOverrideChangesNothing()
    {
        FallSilent();
        Assert.Equal(Server, Mac(Forward(0x0c000001)));
        Receive("lan", LinkFrames.Neighbour(136, 0x3333_0000_0001, Moved, Net6B + 2, ((UInt128)0xff02 << 112) + 1, Net6B + 2));
        Assert.Equal(Server, Mac(Forward(0x0c000001)));
    }

    [Fact]
    public void ANeighbourThatLinuxDidNotKnowIsFound()
    {
        byte[] frame = Frames.Udp4(Wan, Client, TheClient, Unknown);
        Assert.Equal(frame, Assert.Single(Receive("wan", frame).Linux));
        Assert.Empty(_harness.Nic("lan").ReceiveAll());

        FallSilent();
        Assert.Equal([LinkFrames.Arp(1, LinkFrames.Everybody, Lan, OwnLan, 0, Unknown)], Forward(Unknown));
        Receive("lan", LinkFrames.Arp(2, Lan, Moved, Unknown, Lan, OwnLan));
        Assert.Equal(Frames.Udp4(Moved, Lan, TheClient, Unknown, 63), Assert.Single(Forward(Unknown)));
    }

    [Fact]
    public void AMachineThatTakesAnAddressOverHasIt()
    {
        FallSilent();
        Receive("wan", LinkFrames.Arp(1, LinkFrames.Everybody, Moved, OwnWan, 0, OwnWan));
        Assert.Empty(Receive("wan", Question()).Network);
        Assert.Single(Receive("wan", LinkFrames.Arp(1, LinkFrames.Everybody, Client, TheClient, 0, OwnLan)).Network);
        Receive("wan", LinkFrames.Neighbour(136, 0x3333_0000_0001, Moved, OwnLink, ((UInt128)0xff02 << 112) + 1, OwnLink, 0x20));
        byte[] question = LinkFrames.Neighbour(135, LinkFrames.GroupMacOf(OwnLink), Client, Net6A + 2, LinkFrames.GroupOf(OwnLink), OwnLink);
        Assert.Empty(Receive("wan", question).Network);
        Assert.Single(Receive("lan", question).Network); // the same address on another link is another

        _writer.Beat();
        Pass();
        FallSilent();
        Assert.Single(Receive("wan", Question()).Network);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AClaimCountsAlsoBeforeLinuxIsKnownToBeSilentAndIsNoQuestion(bool isFollowed)
    {
        if (isFollowed)
        {
            _writer.Beat();
        }

        Pass();
        Receive("wan", LinkFrames.Arp(1, LinkFrames.Everybody, Moved, OwnWan, 0, OwnWan));
        Receive("wan", LinkFrames.Neighbour(136, 0x3333_0000_0001, Moved, OwnLink, ((UInt128)0xff02 << 112) + 1, OwnLink, 0x20));
        Pass(5000);
        Assert.Equal(0UL, _harness.Counter("router.linux_silences"));
        Assert.DoesNotContain(_harness.TakeLog(), entry => entry.Text.Contains("address", StringComparison.Ordinal));

        byte[] other = LinkFrames.Arp(1, LinkFrames.Everybody, Client, TheClient, 0, OwnLan);
        Receive("wan", other);
        Pass(500);
        Assert.Equal(LinkFrames.Arp(2, Client, Wan, OwnLan, Client, TheClient), Assert.Single(_harness.Nic("wan").ReceiveAll()));
        Assert.Empty(Receive("wan", Question()).Network);
        byte[] question = LinkFrames.Neighbour(135, LinkFrames.GroupMacOf(OwnLink), Client, Net6A + 2, LinkFrames.GroupOf(OwnLink), OwnLink);
        Assert.Empty(Receive("wan", question).Network);
        Assert.Contains(_harness.TakeLog(), entry => entry.Text.Contains("have claimed addresses", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AClaimIsForgottenAsSoonAsLinuxShowsLife(bool answers)
    {
        Receive("wan", LinkFrames.Arp(1, LinkFrames.Everybody, Moved, OwnWan, 0, OwnWan));
        if (answers)
        {
            Assert.True(_harness.Host("lan").Send(LinkFrames.Arp(2, Server, Lan, OwnLan, Server, TheServer)));
        }
        else
        {
            _writer.Beat();
        }

        Pass();
        FallSilent();
        Assert.Single(Receive("wan", Question()).Network);
    }

    [Fact]
    public void EachOfManyClaimsIsKept()
    {
        OwnAddress[] many = [.. Enumerable.Range(0, 200).Select(
            i => new OwnAddress { Low = OwnWan + ((uint)i << 8), Answered = 1, Home = 1, PrefixLength = 16 })];
        Assert.True(_writer.SetOwnAddresses(many));
        FallSilent();
        foreach (OwnAddress own in many[1..])
        {
            Receive("wan", LinkFrames.Arp(1, LinkFrames.Everybody, Moved, (uint)own.Low, 0, (uint)own.Low));
        }

        foreach (OwnAddress own in many[1..])
        {
            Assert.Empty(Receive("wan", LinkFrames.Arp(1, LinkFrames.Everybody, Client, TheClient, 0, (uint)own.Low)).Network);
        }

        Assert.Single(Receive("wan", Question()).Network);
    }

    [Fact]
    public void NobodyIsAskedFromAnAddressThatAnotherMachineHas()
    {
        FallSilent();
        UInt128 all = ((UInt128)0xff02 << 112) + 1;
        Receive("lan", LinkFrames.Arp(1, LinkFrames.Everybody, Moved, OwnLan, 0, OwnLan));
        Receive("lan", LinkFrames.Neighbour(136, 0x3333_0000_0001, Moved, Net6B + 1, all, Net6B + 1, 0x20));
        Assert.Equal([LinkFrames.Arp(1, LinkFrames.Everybody, Lan, 0, 0, Unknown)], Forward(Unknown));
        UInt128 server = Net6B + 2;
        byte[] fromLink = LinkFrames.Neighbour(135, Server, Lan, OwnLink, server, server);
        Assert.Contains(fromLink, Forward(0x0c000001));

        // With no address left, the group is asked from none.
        Receive("lan", LinkFrames.Neighbour(136, 0x3333_0000_0001, Moved, OwnLink, all, OwnLink, 0x20));
        Pass(1000);
        byte[] fromNone = LinkFrames.Neighbour(135, LinkFrames.GroupMacOf(server), Lan, 0, LinkFrames.GroupOf(server), server, link: false);
        Assert.Contains(fromNone, Forward(0x0c000001));
    }

    [Fact]
    public void AFloodOnOneLinkTakesNoAnswersFromAnother()
    {
        FallSilent();
        int answers = 0;
        for (int i = 0; i < 2000; i++)
        {
            answers += Receive("wan", Question()).Network.Count;
        }

        Assert.InRange(answers, 1, 500);
        Assert.Single(Receive("lan", LinkFrames.Arp(1, LinkFrames.Everybody, Server, TheServer, 0, OwnLan)).Network);
    }

    [Fact]
    public void AScanOfANetworkStarvesNoNeighbourInUse()
    {
        FallSilent();
        Assert.NotEmpty(Questions(Forward(TheServer)));
        Receive("lan", LinkFrames.Arp(2, Lan, Server, TheServer, Lan, OwnLan));

        // As many hosts that are not there as the cache has places, several times over, while the neighbour's answer grows old.
        for (uint host = 0; host < 20_000; host++)
        {
            Forward(0x0a021000 + host);
            if (host % 1000 == 0)
            {
                Pass(700);
                Assert.Equal(Server, Mac(Forward(TheServer)));
            }
        }

        Pass(1000);
        for (uint host = 0; host < 500; host++)
        {
            Forward(0x0a02_a000 + host);
        }

        byte[] there = LinkFrames.Arp(1, Server, Lan, OwnLan, 0, TheServer);
        Assert.Equal([there], Questions(Forward(TheServer)));
        _writer.SetNeighbour(1, new(0x0a020005, false), Moved);
        byte[] other = LinkFrames.Arp(1, Moved, Lan, OwnLan, 0, 0x0a020005);
        Assert.Equal([other], Questions(Forward(0x0a020005)));
    }

    [Fact]
    public void PortsOnOneLinkHearEachOtherWithoutHarm()
    {
        FallSilent();
        Receive("lan", LinkFrames.Arp(1, LinkFrames.Everybody, Wan, OwnWan, 0, OwnLan));
        Assert.Single(Receive("wan", Question()).Network);
        Assert.Single(Receive("lan", LinkFrames.Arp(1, LinkFrames.Everybody, Server, TheServer, 0, OwnLan)).Network);
    }

    [Fact]
    public void WhatGoesBackWhereItCameIsForwarded()
    {
        _writer.SetNeighbour(0, new(0x0a010003, false), Moved);
        FallSilent();
        IReadOnlyList<byte[]> frames = Receive("wan", Frames.Udp4(Wan, Client, TheClient, 0x0a010003)).Network;
        Assert.Contains(Frames.Udp4(Moved, Wan, TheClient, 0x0a010003, 63), frames);
    }

    [Fact]
    public void NoBufferIsLostWhateverIsAsked()
    {
        FallSilent();
        Random random = new(5);
        for (uint i = 0; i < 20_000; i++)
        {
            UInt128 own = Net6A + (i & 3);
            byte[] frame = (i % 5) switch
            {
                0 => LinkFrames.Arp((ushort)random.Next(3), Wan, Client, 0x0a010000 | (i & 7), Wan, OwnWan),
                1 => LinkFrames.Neighbour(135, Wan, Client, Net6A + 2, own, own),
                2 => LinkFrames.Neighbour(136, Wan, Client, Net6A + 2, own, Net6A + 2, (byte)random.Next(256)),
                3 => Frames.Udp4(Wan, Client, TheClient, 0x0a020000 + (uint)random.Next(60_000)),
                _ => Frames.Udp6(Wan, Client, Net6A + 2, Net6B + (UInt128)random.Next(60_000)),
            };
            for (int flips = random.Next(3); flips > 0; flips--)
            {
                frame[random.Next(frame.Length)] ^= (byte)(1 << random.Next(8));
            }

            Receive("wan", frame[..random.Next(14, frame.Length + 1)]);
            _harness.Nic("lan").ReceiveAll();
            _harness.Host("lan").ReceiveAll();
        }

        Pass(60_000);
        Assert.Equal(0UL, _harness.Counter("wan.rx_starved"));
        Assert.Single(Forward(TheServer), frame => frame[12] == 8 && frame[13] == 0);
    }

    private static HopSpecification Connected(int port) => new(NextHopKind.Connected) { Interface = port, Mtu = 1900 };

    private static OwnAddress Own6(UInt128 address, byte interfaces, byte length) => new()
    {
        High = (ulong)(address >> 64),
        Low = (ulong)address,
        IsIpv6 = 1,
        Answered = interfaces,
        Home = interfaces,
        PrefixLength = length,
    };

    private static byte[] Question() => LinkFrames.Arp(1, LinkFrames.Everybody, Client, TheClient, 0, OwnWan);

    private static byte[][] Questions(IReadOnlyList<byte[]> frames) => [.. frames.Where(frame => frame[12] == 8 && frame[13] == 6)];

    private static ulong Mac(IReadOnlyList<byte[]> frames)
        => Sos.Sdk.Wire.MacAddress.Read(Assert.Single(frames, frame => frame[12] == 8 && frame[13] == 0)).Value;

    private void SetInterface(int number, ulong mac, InterfaceFlags flags)
        => _router.SetInterface(number, mac, flags | InterfaceFlags.Up);

    private void FallSilent()
    {
        Pass(1000);
        Receive("wan", Question());
        Pass(500);
        Assert.Single(_harness.Nic("wan").ReceiveAll());
        _harness.TakeLog();
    }

    private void Pass(uint milliseconds = 0)
    {
        _now += milliseconds * (ulong)Millisecond;
        _harness.PollAt(_now);
    }

    private (IReadOnlyList<byte[]> Network, IReadOnlyList<byte[]> Linux) Receive(string port, byte[] frame)
    {
        Assert.True(_harness.Nic(port).Send(frame));
        Pass();
        return (_harness.Nic(port).ReceiveAll(), _harness.Host(port).ReceiveAll());
    }

    // All that leaves by the other port.
    private IReadOnlyList<byte[]> Forward(uint destination)
    {
        Receive("wan", Frames.Udp4(Wan, Client, TheClient, destination));
        return _harness.Nic("lan").ReceiveAll();
    }
}

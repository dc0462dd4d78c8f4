using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Net.Wire;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>The endpoint's addresses: looked for, used, defended, asked for, and made of a router's prefix.</summary>
public sealed class AddressTests
{
    private static readonly MacAddress Other = new(0x02_00_00_00_00_77);

    [Fact]
    public void AnAddressIsProbedAndAnnounced()
    {
        using TestEndpoint endpoint = new(ready: false);
        List<ArpPacket> packets = [.. endpoint.Run(5000).Where(IsArp).Select(Read)];
        Assert.Equal([0u, 0u, 0u, TestEndpoint.Ipv4, TestEndpoint.Ipv4], packets.Select(packet => packet.SenderAddress));
        Assert.All(packets, packet => Assert.Equal((ArpPacket.Request, TestEndpoint.Ipv4), (packet.Operation, packet.TargetAddress)));
        Assert.Equal(AddressState.Ready, endpoint.Endpoint.StateOf(Frames.Destination(true)));
        Assert.Equal(AddressState.Ready, endpoint.Endpoint.StateOf(Frames.Destination(false)));
    }

    [Fact]
    public void NothingIsSentWithoutALinkAndAllIsProbedAgainWithANewOne()
    {
        using TestEndpoint endpoint = new(ready: false) { LinkUp = false };
        Assert.Empty(endpoint.Run(5000));
        endpoint.LinkUp = true;
        Assert.NotEmpty(endpoint.Run(5000));
        Assert.Empty(endpoint.Run(5000));
        endpoint.LinkUp = false;
        _ = endpoint.Poll();
        endpoint.LinkUp = true;
        Assert.Equal(3, endpoint.Run(5000).Count(frame => IsArp(frame) && Read(frame).SenderAddress == 0));
    }

    [Theory]
    [InlineData(TestEndpoint.Ipv4, ArpPacket.Reply)] // somebody has it
    [InlineData(TestEndpoint.Ipv4, ArpPacket.Request)]
    [InlineData(0u, ArpPacket.Request)] // somebody else looks for it
    public void AnAddressThatAnotherHostHasIsNotUsed(uint sender, int operation)
    {
        using TestEndpoint endpoint = new(ready: false);
        _ = endpoint.Run(100);
        _ = endpoint.Give(Frames.Arp(new ArpPacket
        {
            Operation = (ushort)operation,
            SenderMac = Other,
            SenderAddress = sender,
            TargetAddress = TestEndpoint.Ipv4,
        }));
        Assert.Equal(AddressState.Conflict, endpoint.Endpoint.StateOf(Frames.Destination(true)));
        _ = endpoint.Run(10_000);
        Assert.Empty(endpoint.Give(Ask(TestEndpoint.Ipv4)));
        Assert.Empty(endpoint.Give(Frames.Ping()));
        Assert.Equal(1ul, endpoint.Endpoint.Conflicts);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnAddressThatAnotherHostHadIsLookedForUntilItIsFree(bool isIpv4)
    {
        using TestEndpoint endpoint = new(ready: false);
        byte[] claim = isIpv4
            ? Frames.Arp(new ArpPacket { Operation = ArpPacket.Reply, SenderMac = Other, SenderAddress = TestEndpoint.Ipv4 })
            : Frames.Neighbor(
                new NeighborMessage { Type = NeighborMessage.Advertisement, Target = TestEndpoint.Ipv6, HasLink = true, Link = Other },
                destination: new IpAddress(new Ipv6Address(0xff02_0000_0000_0000, 1)));
        _ = endpoint.Run(100);
        for (int i = 0; i < 3; i++)
        {
            _ = endpoint.Give(claim);
            Assert.Equal(AddressState.Conflict, endpoint.Endpoint.StateOf(Frames.Destination(isIpv4)));
            _ = endpoint.Run(59_000);
            Assert.Equal(AddressState.Conflict, endpoint.Endpoint.StateOf(Frames.Destination(isIpv4)));
            _ = endpoint.Run(1100); // it is probed again
            Assert.Equal(AddressState.Tentative, endpoint.Endpoint.StateOf(Frames.Destination(isIpv4)));
        }

        Assert.Equal(3ul, endpoint.Endpoint.Conflicts);
        _ = endpoint.Run(5000);
        Assert.Equal(AddressState.Ready, endpoint.Endpoint.StateOf(Frames.Destination(isIpv4)));
        Assert.NotEmpty(endpoint.Give(Frames.Ping(isIpv4)));
    }

    [Fact]
    public void AnAddressInUseIsDefendedOnceInTenSeconds()
    {
        using TestEndpoint endpoint = new();
        byte[] claim = Frames.Arp(new ArpPacket { Operation = ArpPacket.Reply, SenderMac = Other, SenderAddress = TestEndpoint.Ipv4 });
        Assert.Equal(TestEndpoint.Ipv4, Read(Assert.Single(endpoint.Give(claim))).SenderAddress);
        Assert.Empty(endpoint.Give(claim));
        _ = endpoint.Run(10_000);
        Assert.Single(endpoint.Give(claim));
        Assert.NotEmpty(endpoint.Give(Frames.Ping()));
    }

    [Fact]
    public void AQuestionForTheAddressIsAnsweredAndForAnotherNot()
    {
        using TestEndpoint endpoint = new();
        ArpPacket answer = Read(Assert.Single(endpoint.Give(Ask(TestEndpoint.Ipv4))));
        Assert.Equal((ArpPacket.Reply, TestEndpoint.Mac, TestEndpoint.Ipv4), (answer.Operation, answer.SenderMac, answer.SenderAddress));
        Assert.Equal((TestEndpoint.HostMac, TestEndpoint.HostIpv4), (answer.TargetMac, answer.TargetAddress));
        Assert.Equal(FrameOwner.Host, endpoint.Endpoint.OwnerOf(Ask(TestEndpoint.Ipv4 + 1)));
    }

    [Fact]
    public void ANeighborsQuestionIsAnswered()
    {
        using TestEndpoint endpoint = new();
        NeighborMessage question = new() { Type = NeighborMessage.Solicitation, Target = TestEndpoint.Ipv6, HasLink = true, Link = TestEndpoint.HostMac };
        NeighborMessage answer = Neighbor(Assert.Single(endpoint.Give(Frames.Neighbor(question, destination: Group(TestEndpoint.Ipv6)))));
        Assert.Equal((NeighborMessage.Advertisement, TestEndpoint.Ipv6, TestEndpoint.Mac), (answer.Type, answer.Target, answer.Link));
        Assert.True(answer is { Solicited: true, Override: true, HasLink: true });

        // From beyond a router it is no neighbour's.
        Assert.Empty(endpoint.Give(Frames.Neighbor(question, destination: Group(TestEndpoint.Ipv6), hops: 254)));

        // Somebody looks whether it is free: all are told that it is not.
        question = question with { HasLink = false, Link = default };
        answer = Neighbor(Assert.Single(endpoint.Give(Frames.Neighbor(question, default(IpAddress), Group(TestEndpoint.Ipv6)))));
        Assert.False(answer.Solicited);
    }

    [Fact]
    public void AnIpv6AddressThatAnotherHostHasIsNotUsed()
    {
        using TestEndpoint endpoint = new(ready: false);
        _ = endpoint.Run(100);
        NeighborMessage claim = new() { Type = NeighborMessage.Advertisement, Target = TestEndpoint.Ipv6, HasLink = true, Link = Other };
        _ = endpoint.Give(Frames.Neighbor(claim, destination: new IpAddress(new Ipv6Address(0xff02_0000_0000_0000, 1))));
        Assert.Equal(AddressState.Conflict, endpoint.Endpoint.StateOf(Frames.Destination(false)));
        _ = endpoint.Run(5000);
        Assert.Empty(endpoint.Give(Frames.Ping(isIpv4: false)));
        Assert.NotEmpty(endpoint.Give(Frames.Ping()));
    }

    [Fact]
    public void ARoutersPrefixMakesAnAddressThatLivesAsLongAsItSays()
    {
        using TestEndpoint endpoint = new(ready: false, settings => settings with { IsAutomatic = true });
        IReadOnlyList<byte[]> first = endpoint.Run(1);
        Assert.Contains(first, frame => frame[54] == RouterAdvertisement.SolicitationType);
        _ = endpoint.Run(2000);
        _ = endpoint.Give(Advertise(prefix: 0x2001_0db8_0001_0000, seconds: 10_000));
        IpAddress made = new(Announced(endpoint).Target);
        Assert.Equal(0x2001_0db8_0001_0000ul, made.High);
        Assert.Equal(AddressState.Ready, endpoint.Endpoint.StateOf(made));

        // A forged message cannot end it soon (RFC 4862, 5.5.3 e), a true one can let it expire.
        _ = endpoint.Give(Advertise(prefix: 0x2001_0db8_0001_0000, seconds: 1));
        _ = endpoint.Run(7_000_000, step: 1000);
        Assert.Equal(AddressState.Ready, endpoint.Endpoint.StateOf(made));
        _ = endpoint.Run(300_000, step: 1000);
        Assert.Equal(AddressState.None, endpoint.Endpoint.StateOf(made));
    }

    [Fact]
    public void APrefixThatNoRouterRepeatsGivesWayToAnother()
    {
        const ulong First = 0x2001_0db8_0001_0000;
        const ulong Second = 0x2001_0db8_0002_0000;
        using TestEndpoint endpoint = new(ready: false, settings => settings with { IsAutomatic = true });
        _ = endpoint.Run(5000);
        _ = endpoint.Give(Advertise(First, uint.MaxValue));
        IpAddress made = new(Announced(endpoint).Target);
        Assert.Equal(First, made.High);

        // As long as it is repeated, another that is told beside it changes nothing.
        for (int i = 0; i < 8; i++)
        {
            _ = endpoint.Run(600_000, step: 1000);
            _ = endpoint.Give(Advertise(Second, uint.MaxValue));
            _ = endpoint.Give(Advertise(First, uint.MaxValue));
            Assert.Equal(AddressState.Ready, endpoint.Endpoint.StateOf(made));
        }

        // A prefix without a life takes nobody's place.
        _ = endpoint.Run(1_801_000, step: 1000);
        _ = endpoint.Give(Advertise(Second, 0));
        Assert.Equal(AddressState.Ready, endpoint.Endpoint.StateOf(made));
        _ = endpoint.Give(Advertise(Second, 10_000));
        Assert.Equal(AddressState.None, endpoint.Endpoint.StateOf(made));
        Assert.Equal(Second, Announced(endpoint).Target.High);
    }

    [Fact]
    public void WhatIsNotTheEndpointsIsLinuxs()
    {
        using TestEndpoint endpoint = new();
        IpAddress linux = IpAddress.FromIpv4(TestEndpoint.HostIpv4 + 100);
        Assert.Equal(FrameOwner.Host, endpoint.Endpoint.OwnerOf(Frames.Ip([], IpProtocol.Tcp, destination: linux)));
        Assert.Equal(FrameOwner.Endpoint, endpoint.Endpoint.OwnerOf(Frames.Ip([], IpProtocol.Tcp)));
        Assert.Equal(FrameOwner.Both, endpoint.Endpoint.OwnerOf(Advertise(1, 1)));
        for (int length = 0; length < 60; length++)
        {
            _ = endpoint.Endpoint.OwnerOf(Frames.Ping()[..length]);
        }

        using TestEndpoint own = new(configure: settings => settings with { HasOwnMac = true });
        Assert.Equal(FrameOwner.Endpoint, own.Endpoint.OwnerOf(Frames.Ip([], IpProtocol.Tcp, destination: linux)));
    }

    [Theory]
    [InlineData("00000000000000000000ffff0a000000/104", true)]
    [InlineData("20010db8000000000000000000000009/128", true)]
    [InlineData("20010db8000000000000000000000009/129", false)]
    [InlineData("20010db8000000000000000000000009/", false)]
    [InlineData("20010db8000000000000000000000009", false)]
    [InlineData("20010db800000000000000000000000g/64", false)]
    [InlineData("", false)]
    public void PrefixesAreRead(string text, bool valid) => Assert.Equal(valid, IpPrefix.TryParse(Encoding.ASCII.GetBytes(text), out _));

    [Fact]
    public void AListContainsItsPrefixesAlone()
    {
        Assert.True(SourceList.TryParse("00000000000000000000ffff0a000000/104,20010db8000000000000000000000000/32"u8, out SourceList list));
        Assert.True(list.Contains(IpAddress.FromIpv4(0x0aff_ffff)));
        Assert.False(list.Contains(IpAddress.FromIpv4(0x0b00_0000)));
        Assert.True(list.Contains(new IpAddress(TestEndpoint.Ipv6)));
        Assert.False(list.Contains(new IpAddress(new Ipv6Address(0x2001_0db9_0000_0000, 1))));
        Assert.False(SourceList.TryParse("00000000000000000000ffff0a000000/104,"u8, out _));
        Assert.True(default(SourceList).Contains(IpAddress.FromIpv4(1)));
    }

    [Fact]
    public void TheHashIsSipHash()
    {
        // 24 bytes 00 to 17 under the key 00 to 0f, by an implementation that gives the vectors of the paper.
        KeyedHash hash = new(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        Assert.Equal(0xb8ad50c6f649af94, hash.Of(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908, 0x1716_1514_1312_1110));
    }

    /// <summary>Returns the announcement of the address that is looked for now.</summary>
    private static NeighborMessage Announced(TestEndpoint endpoint)
        => Neighbor(endpoint.Run(2000).Last(frame => frame[12] == 0x86 && frame[54] == NeighborMessage.Advertisement));

    private static byte[] Ask(uint address) => Frames.Arp(new ArpPacket
    {
        Operation = ArpPacket.Request,
        SenderMac = TestEndpoint.HostMac,
        SenderAddress = TestEndpoint.HostIpv4,
        TargetAddress = address,
    });

    private static byte[] Advertise(ulong prefix, uint seconds)
    {
        byte[] message = new byte[48];
        (message[0], message[16], message[17], message[18], message[19]) = (RouterAdvertisement.Type, 3, 4, 64, 0xc0);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(20), seconds);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(24), seconds);
        BinaryPrimitives.WriteUInt64BigEndian(message.AsSpan(32), prefix);
        IpAddress router = new(new Ipv6Address(0xfe80_0000_0000_0000, 1));
        return Frames.Icmpv6(message, router, new IpAddress(new Ipv6Address(0xff02_0000_0000_0000, 1)), link: new MacAddress(0x3333_0000_0001));
    }

    private static IpAddress Group(Ipv6Address target) => new(new Ipv6Address(0xff02_0000_0000_0000, 0x1_ff00_0000 | (target.Low & 0xff_ffff)));

    private static bool IsArp(byte[] frame) => frame[12] == 8 && frame[13] == 6;

    private static ArpPacket Read(byte[] frame)
    {
        Assert.Equal(MalformedReason.None, ArpPacket.Parse(frame.AsSpan(14), out ArpPacket packet));
        return packet;
    }

    private static NeighborMessage Neighbor(byte[] frame)
    {
        Assert.Equal(MalformedReason.None, FrameParser.Parse(frame, out ParsedFrame parsed));
        Assert.Equal(255, parsed.TimeToLive);
        Assert.True(NeighborMessage.TryParse(frame.AsSpan(parsed.TransportOffset..parsed.PacketEnd), out NeighborMessage message));
        return message;
    }
}

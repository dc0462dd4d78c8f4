using Sos.Net.Wire;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>Frames of ARP and neighbour discovery, in words of both; what breaks a rule is none.</summary>
public sealed class LinkMessageTests
{
    private static readonly MacAddress Host = TestEndpoint.HostMac;
    private static readonly IpAddress HostIpv4 = IpAddress.FromIpv4(TestEndpoint.HostIpv4);
    private static readonly IpAddress OwnIpv4 = IpAddress.FromIpv4(TestEndpoint.Ipv4);
    private static readonly IpAddress HostIpv6 = new(TestEndpoint.HostIpv6);
    private static readonly IpAddress OwnIpv6 = new(TestEndpoint.Ipv6);
    private static readonly IpAddress AllHosts = new(new Ipv6Address(0xff02_0000_0000_0000, 1));

    private static ArpPacket Question => new()
    {
        Operation = ArpPacket.Request,
        SenderMac = Host,
        SenderAddress = TestEndpoint.HostIpv4,
        TargetAddress = TestEndpoint.Ipv4,
    };

    private static NeighborMessage Solicitation
        => new() { Type = NeighborMessage.Solicitation, Target = TestEndpoint.Ipv6, HasLink = true, Link = Host };

    private static NeighborMessage Advertisement
        => new() { Type = NeighborMessage.Advertisement, Target = TestEndpoint.HostIpv6, HasLink = true, Link = Host, Solicited = true, Override = true };

    [Fact]
    public void BothFamiliesAskAndTellInTheSameWords()
    {
        LinkMessage expected = new() { Asked = OwnIpv4, Sender = HostIpv4, Told = HostIpv4, Link = Host, Overrides = true };
        Assert.Equal(expected, Read(Frames.Arp(Question)));
        Assert.Equal(expected with { Asked = OwnIpv6, Sender = HostIpv6, Told = HostIpv6 }, Read(Frames.Neighbor(Solicitation)));
        expected = expected with { Asked = default, IsSolicited = true };
        Assert.Equal(expected, Read(Frames.Arp(Question with { Operation = ArpPacket.Reply }, TestEndpoint.Mac)));
        Assert.Equal(expected with { Sender = HostIpv6, Told = HostIpv6 }, Read(Frames.Neighbor(Advertisement)));
    }

    [Fact]
    public void AProbeTellsOfNobody()
    {
        LinkMessage probe = Read(Frames.Arp(Question with { SenderAddress = 0 }))!.Value;
        Assert.True(probe is { IsQuestion: true, Told.IsUnspecified: true });
        probe = Read(Frames.Neighbor(Solicitation with { HasLink = false, Link = default }, default(IpAddress), AllHosts))!.Value;
        Assert.True(probe is { IsQuestion: true, Told.IsUnspecified: true, Sender.IsUnspecified: true });
    }

    [Fact]
    public void WhereAnswersGoIsKnownWithoutAnOption()
    {
        LinkMessage question = Read(Frames.Neighbor(Solicitation with { HasLink = false, Link = default }))!.Value;
        Assert.Equal((HostIpv6, Host), (question.Sender, question.Link));
        Assert.True(question.Told.IsUnspecified);

        // It confirms a place on the link, and does not change it (RFC 4861, 7.2.5).
        LinkMessage answer = Read(Frames.Neighbor(Advertisement with { HasLink = false, Link = default }))!.Value;
        Assert.True(answer is { IsSolicited: true, Overrides: false });
    }

    [Theory]
    [InlineData("operation")]
    [InlineData("group's place")]
    [InlineData("no place")]
    [InlineData("answer of nobody")]
    [InlineData("question for nobody")]
    [InlineData("sender that no host has")]
    [InlineData("hop limit")]
    [InlineData("checksum")]
    [InlineData("probe with a place")]
    [InlineData("probe of one host")]
    [InlineData("solicited answer to all")]
    [InlineData("IPv4 in IPv6")]
    [InlineData("answer of the unspecified address")]
    [InlineData("truncated")]
    [InlineData("group's frame")]
    public void WhatBreaksARuleIsNone(string what)
    {
        byte[] frame = what switch
        {
            "operation" => Frames.Arp(Question with { Operation = 3 }),
            "group's place" => Frames.Neighbor(Solicitation with { Link = MacAddress.Broadcast }),
            "no place" => Frames.Arp(Question with { SenderMac = default }),
            "answer of nobody" => Frames.Arp(Question with { Operation = ArpPacket.Reply, SenderAddress = 0 }),
            "question for nobody" => Frames.Arp(Question with { TargetAddress = 0 }),
            "sender that no host has" => Frames.Arp(Question with { SenderAddress = 0xe000_0001 }),
            "hop limit" => Frames.Neighbor(Solicitation, hops: 254),
            "probe with a place" => Frames.Neighbor(Solicitation, default(IpAddress), AllHosts),
            "probe of one host" => Frames.Neighbor(Solicitation with { HasLink = false, Link = default }, default(IpAddress)),
            "solicited answer to all" => Frames.Neighbor(Advertisement, destination: AllHosts),
            "IPv4 in IPv6" => Frames.Neighbor(Advertisement with { Target = OwnIpv4.Ipv6 }),
            "answer of the unspecified address" => Frames.Neighbor(Advertisement with { Target = default }),
            _ => Frames.Neighbor(Solicitation),
        };
        if (what == "checksum")
        {
            frame[^1] ^= 1;
        }
        else if (what == "group's frame")
        {
            frame[6] |= 1;
        }

        Assert.Null(Read(what == "truncated" ? frame[..^9] : frame));
    }

    private static LinkMessage? Read(byte[] frame) => LinkMessage.TryParse(frame, out LinkMessage message) ? message : null;
}

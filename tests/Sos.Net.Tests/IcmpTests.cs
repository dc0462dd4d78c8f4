using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>Pings, and what is said of ports and protocols that are not served.</summary>
public sealed class IcmpTests
{
    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, 1400)]
    [InlineData(false, 56)]
    public void APingIsReturned(bool isIpv4, int length)
    {
        using TestEndpoint endpoint = new();
        byte[] ping = Frames.Ping(isIpv4, length);
        byte[] answer = Assert.Single(endpoint.Give(ping));
        Assert.Equal(MalformedReason.None, FrameParser.Parse(answer, out ParsedFrame parsed));
        Assert.Equal(isIpv4 ? IcmpHeader.EchoReply : Icmpv6Header.EchoReply, parsed.IcmpType);
        Assert.Equal(ping.AsSpan(parsed.TransportOffset + 4)[..(length + 4)], answer.AsSpan(parsed.TransportOffset + 4, length + 4));
        ReadOnlySpan<byte> message = answer.AsSpan(parsed.TransportOffset..parsed.PacketEnd);
        ushort sum = isIpv4 ? (ushort)0 : InternetChecksum.PseudoHeader(parsed.Source, parsed.Destination, IpProtocol.Icmpv6, (uint)message.Length);
        Assert.True(InternetChecksum.IsValid(message, sum));
    }

    [Fact]
    public void PingsAreNotAnsweredWithoutLimit()
    {
        using TestEndpoint endpoint = new();
        int answered = Enumerable.Range(0, 1000).Sum(_ => endpoint.Give(Frames.Ping()).Count);
        Assert.InRange(answered, 10, 100);
        _ = endpoint.Run(1000);
        Assert.Single(endpoint.Give(Frames.Ping()));
    }

    [Fact]
    public void WhoIsNotOnTheListGetsNoAnswer()
    {
        using TestEndpoint endpoint = new(configure: settings =>
        {
            settings.Sources.TryAdd(new IpPrefix(Frames.Source(true), 128));
            return settings;
        });
        Assert.Single(endpoint.Give(Frames.Ping()));
        IpAddress stranger = IpAddress.FromIpv4(TestEndpoint.HostIpv4 + 1);
        Assert.Empty(endpoint.Give(Frames.Ping(source: stranger)));
        Assert.Empty(endpoint.Give(Frames.Tcp(new TcpHeader { SourcePort = 1000, DestinationPort = 23, Flags = TcpFlags.Syn }, source: stranger)));
        Assert.Empty(endpoint.Give(Frames.Tcp(new TcpHeader { SourcePort = 1000, DestinationPort = 24, Flags = TcpFlags.Syn }, source: stranger)));
        Assert.Empty(endpoint.Give(Frames.Ip(new byte[8], IpProtocol.Sctp, source: stranger)));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0x7f00_0001u)]
    [InlineData(0xe000_0001u)]
    [InlineData(0xffff_ffffu)]
    [InlineData(TestEndpoint.Ipv4)]
    public void WhoCannotHaveSentItGetsNoAnswer(uint source)
    {
        using TestEndpoint endpoint = new();
        IpAddress address = IpAddress.FromIpv4(source);
        Assert.Empty(endpoint.Give(Frames.Ping(source: address)));
        Assert.Empty(endpoint.Give(Frames.Tcp(new TcpHeader { SourcePort = 1000, DestinationPort = 23, Flags = TcpFlags.Syn }, source: address)));
    }

    [Theory]
    [InlineData(true, 3, 3)]
    [InlineData(false, 1, 4)]
    public void ADatagramIsToldThatItsPortIsNotServed(bool isIpv4, byte type, byte code)
    {
        using TestEndpoint endpoint = new();
        byte[] datagram = new byte[20];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, 1000);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), 53);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), 20);
        IReadOnlyList<byte[]> answers = endpoint.Give(Frames.Ip(datagram, IpProtocol.Udp, isIpv4));
        Assert.Equal(MalformedReason.None, FrameParser.Parse(Assert.Single(answers), out ParsedFrame parsed));
        Assert.Equal((type, code), (parsed.IcmpType, parsed.IcmpCode));
        int answered = Enumerable.Range(0, 1000).Sum(_ => endpoint.Give(Frames.Ip(datagram, IpProtocol.Udp, isIpv4)).Count);
        Assert.InRange(answered, 1, 20);
    }

    [Theory]
    [InlineData(true, 3, 2)]
    [InlineData(false, 4, 1)]
    public void AProtocolThatIsNotServedIsTold(bool isIpv4, byte type, byte code)
    {
        using TestEndpoint endpoint = new();
        byte[] answer = Assert.Single(endpoint.Give(Frames.Ip(new byte[16], IpProtocol.Sctp, isIpv4)));
        Assert.Equal(MalformedReason.None, FrameParser.Parse(answer, out ParsedFrame parsed));
        Assert.Equal((type, code), (parsed.IcmpType, parsed.IcmpCode));
    }
}

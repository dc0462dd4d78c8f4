using System;
using System.Linq;
using Sos.Sdk.Wire;
using Xunit;
using static Sos.Sdk.Tests.Wire.FrameBuilder;

namespace Sos.Sdk.Tests.Wire;

public sealed class FrameParserTests
{
    [Fact]
    public void ReadsTcpOverIpv4BehindTwoTagsAndOptions()
    {
        byte[] frame = Ethernet(
            EtherType.Ipv4,
            [.. Ipv4(IpProtocol.Tcp, Tcp(40000, 443, TcpFlags.Syn | TcpFlags.Ece, 5), options: 8), 0, 0, 0],
            new VlanTag(EtherType.ServiceVlan, 0x2064),
            new VlanTag(EtherType.Vlan, 7));
        Assert.Equal(MalformedReason.None, FrameParser.Parse(frame, out ParsedFrame parsed));
        Assert.Equal((EtherType.Ipv4, 2, 0x2064, 7), (parsed.EtherType, parsed.VlanTagCount, parsed.VlanOuter, parsed.VlanInner));
        Assert.Equal((22, 50, 75), (parsed.NetworkOffset, parsed.TransportOffset, parsed.PacketEnd));
        Assert.Equal((4, Source, Destination), (parsed.IpVersion, parsed.SourceIpv4, parsed.DestinationIpv4));
        Assert.Equal((IpProtocol.Tcp, true, 64), (parsed.Protocol, parsed.HasTransport, parsed.TimeToLive));
        Assert.Equal((40000, 443, TcpFlags.Syn | TcpFlags.Ece), (parsed.SourcePort, parsed.DestinationPort, parsed.TcpFlags));
    }

    [Fact]
    public void ReadsUdpOverIpv6BehindExtensionHeaders()
    {
        byte[] routing = Extension(IpProtocol.Authentication, Extension(IpProtocol.Udp, Udp(53, 5353, 4), length: 0), third: 2);
        byte[] frame = Ethernet(
            EtherType.Ipv6,
            Ipv6(IpProtocol.HopByHop, Extension(IpProtocol.DestinationOptions, Extension(IpProtocol.Routing, routing))));
        Assert.Equal(MalformedReason.None, FrameParser.Parse(frame, out ParsedFrame parsed));
        Assert.Equal((6, Source6, Destination6), (parsed.IpVersion, parsed.Source, parsed.Destination));
        Assert.Equal((54 + 32, frame.Length), (parsed.TransportOffset, parsed.PacketEnd));
        Assert.Equal((IpProtocol.Udp, 53, 5353), (parsed.Protocol, parsed.SourcePort, parsed.DestinationPort));
    }

    [Fact]
    public void ReadsIcmpOfBothFamiliesAndNeitherInTheOther()
    {
        Assert.Equal(MalformedReason.None, Parse4(IpProtocol.Icmp, Icmp(8, 1), out ParsedFrame parsed));
        Assert.Equal((true, 8, 1), (parsed.HasTransport, parsed.IcmpType, parsed.IcmpCode));
        Assert.Equal(MalformedReason.None, Parse6(IpProtocol.Icmpv6, Icmp(128, 2), out parsed));
        Assert.Equal((true, 128, 2), (parsed.HasTransport, parsed.IcmpType, parsed.IcmpCode));
        Assert.Equal(MalformedReason.None, Parse6(IpProtocol.Icmp, Icmp(8, 1), out parsed));
        Assert.False(parsed.HasTransport);
    }

    [Fact]
    public void ReadsFragments()
    {
        FragmentInfo first = new(0, true, 9);
        FragmentInfo last = new(1024, false, 9);
        Assert.Equal(MalformedReason.None, Parse4(IpProtocol.Udp, Long(Udp(1, 2), 16), out ParsedFrame parsed, first));
        Assert.Equal((true, first), (parsed.HasTransport, parsed.Fragment));
        Assert.Equal(MalformedReason.None, Parse4(IpProtocol.Udp, Udp(1, 2), out parsed, last));
        Assert.Equal((false, last), (parsed.HasTransport, parsed.Fragment));
        Assert.Equal(MalformedReason.None, Parse6(IpProtocol.Fragment, Fragment6(IpProtocol.Tcp, last, [1, 2, 3]), out parsed));
        Assert.Equal((false, IpProtocol.Tcp, last), (parsed.HasTransport, parsed.Protocol, parsed.Fragment));
    }

    [Fact]
    public void PassesWhatIsNotIp()
    {
        Assert.Equal(MalformedReason.None, FrameParser.Parse(Ethernet((EtherType)0x88cc, [1, 2]), out ParsedFrame parsed));
        Assert.Equal(((EtherType)0x88cc, 0), (parsed.EtherType, parsed.IpVersion));
    }

    [Fact]
    public void NamesWhatIsWrongWithEthernetAndArp()
    {
        VlanTag tag = new(EtherType.Vlan, 1);
        Assert.Equal(MalformedReason.EthernetTruncated, FrameParser.Parse(new byte[13], out _));
        Assert.Equal(MalformedReason.VlanTruncated, FrameParser.Parse(Ethernet(EtherType.Vlan, [0, 1, 8]), out _));
        Assert.Equal(MalformedReason.VlanTagsExceeded, FrameParser.Parse(Ethernet(EtherType.Vlan, new byte[9], tag, tag), out _));
        byte[] arp = new byte[ArpPacket.Size];
        new ArpPacket { Operation = ArpPacket.Request }.Write(arp);
        Assert.Equal(MalformedReason.None, FrameParser.Parse(Ethernet(EtherType.Arp, arp), out _));
        Assert.Equal(MalformedReason.ArpTruncated, FrameParser.Parse(Ethernet(EtherType.Arp, arp[..^1]), out _));
        arp[4] = 8;
        Assert.Equal(MalformedReason.ArpFormat, FrameParser.Parse(Ethernet(EtherType.Arp, arp), out _));
    }

    [Fact]
    public void NamesWhatIsWrongWithIpv4()
    {
        byte[] good = Ipv4(IpProtocol.Udp, Udp(1, 2));
        Assert.Equal(MalformedReason.Ipv4Truncated, Raw(EtherType.Ipv4, good[..19]));
        Assert.Equal(MalformedReason.Ipv4Version, Raw(EtherType.Ipv4, With(good, 0, 0x55)));
        Assert.Equal(MalformedReason.Ipv4HeaderLength, Raw(EtherType.Ipv4, With(good, 0, 0x44)));
        Assert.Equal(MalformedReason.Ipv4HeaderLength, Raw(EtherType.Ipv4, With(good, 0, 0x4f)));
        Assert.Equal(MalformedReason.Ipv4TotalLength, Raw(EtherType.Ipv4, good[..^1]));
        Assert.Equal(MalformedReason.Ipv4Checksum, Raw(EtherType.Ipv4, With(good, 8, 1)));
    }

    [Fact]
    public void NamesWhatIsWrongWithIpv6()
    {
        byte[] good = Ipv6(IpProtocol.Udp, Udp(1, 2));
        Assert.Equal(MalformedReason.Ipv6Truncated, Raw(EtherType.Ipv6, good[..39]));
        Assert.Equal(MalformedReason.Ipv6Version, Raw(EtherType.Ipv6, With(good, 0, 0x40)));
        Assert.Equal(MalformedReason.Ipv6PayloadLength, Raw(EtherType.Ipv6, good[..^1]));
        Assert.Equal(MalformedReason.Ipv6ExtensionTruncated, Parse6(IpProtocol.HopByHop, Extension(IpProtocol.Udp, [], length: 1), out _));
        Assert.Equal(MalformedReason.Ipv6ExtensionTruncated, Parse6(IpProtocol.Fragment, [17, 0, 0, 0, 0, 0, 0], out _));
        Assert.Equal(
            MalformedReason.Ipv6HopByHopNotFirst,
            Parse6(IpProtocol.DestinationOptions, Extension(IpProtocol.HopByHop, Extension(IpProtocol.Udp, Udp(1, 2))), out _));
        Assert.Equal(MalformedReason.Ipv6RoutingType0, Parse6(IpProtocol.Routing, Extension(IpProtocol.Udp, Udp(1, 2)), out _));
    }

    [Fact]
    public void BoundsTheExtensionHeaders()
    {
        byte[] payload = Extension(IpProtocol.Udp, Udp(1, 2));
        for (int i = 1; i < Ipv6ExtensionChain.HeadersMax; i++)
        {
            payload = Extension(IpProtocol.DestinationOptions, payload);
        }

        Assert.Equal(MalformedReason.None, Parse6(IpProtocol.DestinationOptions, payload, out _));
        payload = Extension(IpProtocol.DestinationOptions, payload);
        Assert.Equal(MalformedReason.Ipv6ExtensionsExceeded, Parse6(IpProtocol.DestinationOptions, payload, out _));
    }

    [Fact]
    public void NamesWhatIsWrongWithFragments()
    {
        Assert.Equal(MalformedReason.FragmentLength, Parse4(IpProtocol.Udp, new byte[9], out _, new FragmentInfo(0, true, 1)));
        Assert.Equal(MalformedReason.FragmentLength, Parse4(IpProtocol.Udp, [], out _, new FragmentInfo(8, false, 1)));
        Assert.Equal(MalformedReason.FragmentBeyondPacket, Parse4(IpProtocol.Udp, new byte[8], out _, new FragmentInfo(65528, false, 1)));
        Assert.Equal(MalformedReason.FragmentTiny, Parse4(IpProtocol.Tcp, new byte[16], out _, new FragmentInfo(0, true, 1)));
        Assert.Equal(MalformedReason.FragmentOverlapsTcpFlags, Parse4(IpProtocol.Tcp, new byte[8], out _, new FragmentInfo(8, true, 1)));
        Assert.Equal(
            MalformedReason.FragmentLength,
            Parse6(IpProtocol.Fragment, Fragment6(IpProtocol.Udp, new FragmentInfo(0, true, 1), new byte[9]), out _));
    }

    [Fact]
    public void NamesWhatIsWrongWithTheTransport()
    {
        byte[] tcp = Tcp(1, 2, TcpFlags.Ack);
        Assert.Equal(MalformedReason.TcpTruncated, Parse4(IpProtocol.Tcp, tcp[..19], out _));
        Assert.Equal(MalformedReason.TcpDataOffset, Parse4(IpProtocol.Tcp, With(tcp, 12, 0x40), out _));
        Assert.Equal(MalformedReason.TcpDataOffset, Parse4(IpProtocol.Tcp, With(tcp, 12, 0x60), out _));
        Assert.Equal(MalformedReason.UdpTruncated, Parse4(IpProtocol.Udp, new byte[7], out _));
        Assert.Equal(MalformedReason.UdpLength, Parse4(IpProtocol.Udp, With(Udp(1, 2), 5, 9), out _));
        Assert.Equal(MalformedReason.UdpLength, Parse4(IpProtocol.Udp, With(Udp(1, 2), 5, 7), out _));
        Assert.Equal(MalformedReason.IcmpTruncated, Parse4(IpProtocol.Icmp, new byte[7], out _));
        Assert.Equal(MalformedReason.Icmpv6Truncated, Parse6(IpProtocol.Icmpv6, new byte[3], out _));
        Assert.Equal(MalformedReason.TransportTruncated, Parse4(IpProtocol.Sctp, new byte[3], out _));
    }

    [Fact]
    public void RandomBytesNeitherTrapNorPointOutsideTheFrame()
    {
        Random random = new(20070612);
        byte[][] seeds =
        [
            Ethernet(EtherType.Ipv4, Ipv4(IpProtocol.Tcp, Tcp(1, 2, TcpFlags.Syn), options: 4)),
            Ethernet(EtherType.Ipv6, Ipv6(IpProtocol.HopByHop, Extension(IpProtocol.Fragment, Fragment6(IpProtocol.Udp, default, Udp(1, 2))))),
            Ethernet(EtherType.Arp, new byte[28], new VlanTag(EtherType.Vlan, 1)),
        ];
        int valid = 0;
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = [.. seeds[i % seeds.Length]];
            for (int changes = random.Next(4); changes > 0; changes--)
            {
                frame[random.Next(12, frame.Length)] = (byte)random.Next(256);
            }

            frame = frame[..random.Next(frame.Length / 2, frame.Length + 1)];
            if (FrameParser.Parse(frame, out ParsedFrame parsed) == MalformedReason.None)
            {
                valid++;
                Assert.True(parsed.NetworkOffset <= frame.Length);
                Assert.True(parsed.TransportOffset <= parsed.PacketEnd && parsed.PacketEnd <= frame.Length);
            }
        }

        Assert.True(valid > 1000, "The mutations are too wild to test anything.");
    }

    private static MalformedReason Parse4(IpProtocol protocol, byte[] payload, out ParsedFrame parsed, FragmentInfo fragment = default)
        => FrameParser.Parse(Ethernet(EtherType.Ipv4, Ipv4(protocol, payload, fragment)), out parsed);

    private static MalformedReason Parse6(IpProtocol next, byte[] payload, out ParsedFrame parsed)
        => FrameParser.Parse(Ethernet(EtherType.Ipv6, Ipv6(next, payload)), out parsed);

    private static MalformedReason Raw(EtherType type, byte[] packet) => FrameParser.Parse(Ethernet(type, packet), out _);

    private static byte[] With(byte[] bytes, int index, byte value) => [.. bytes.Select((b, i) => i == index ? value : b)];

    private static byte[] Long(byte[] bytes, int length) => [.. bytes, .. new byte[length - bytes.Length]];
}

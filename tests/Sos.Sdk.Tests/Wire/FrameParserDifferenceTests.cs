using System;
using CsCheck;
using Sos.Sdk.Wire;
using Xunit;
using static Sos.Sdk.Tests.Wire.FrameBuilder;

namespace Sos.Sdk.Tests.Wire;

/// <summary>The frame parser, which reads all headers in one go, says what the headers' own parsers say one after the other.</summary>
public sealed class FrameParserDifferenceTests
{
    private static readonly byte[][] Seeds =
    [
        Ethernet(EtherType.Ipv4, Ipv4(IpProtocol.Tcp, Tcp(1, 2, TcpFlags.Syn, data: 5), options: 8)),
        Ethernet(EtherType.Ipv4, Ipv4(IpProtocol.Udp, Udp(3, 4, data: 16), new FragmentInfo(0, true, 7)), new VlanTag(EtherType.Vlan, 5)),
        Ethernet(EtherType.Ipv4, Ipv4(IpProtocol.Tcp, Tcp(3, 4, TcpFlags.Ack), new FragmentInfo(16, false, 7))),
        Ethernet(EtherType.Ipv4, Ipv4(IpProtocol.Icmp, Icmp(8, 0))),
        Ethernet(EtherType.Ipv6, Ipv6(IpProtocol.Icmpv6, Icmp(128, 0))),
        Ethernet(EtherType.Ipv6, Ipv6(IpProtocol.Tcp, Tcp(5, 6, TcpFlags.Ack))),
        Ethernet(
            EtherType.Ipv6,
            Ipv6(IpProtocol.HopByHop, Extension(IpProtocol.Fragment, Fragment6(IpProtocol.Udp, new FragmentInfo(0, true, 3), Udp(7, 8)))),
            new VlanTag(EtherType.ServiceVlan, 9), new VlanTag(EtherType.Vlan, 9)),
        Ethernet(EtherType.Ipv6, Ipv6(IpProtocol.Authentication, Extension(IpProtocol.Sctp, [0, 1, 0, 2, 3]))),
        Ethernet(EtherType.Arp, new byte[28]),
    ];

    private static readonly Gen<byte[]> Frames = Gen.Select(
        Gen.Int[0, Seeds.Length - 1], Gen.Select(Gen.Int[12, 120], Gen.Byte).Array[0, 4], Gen.Int[0, 24], Gen.Bool, Mutate);

    [Fact]
    public void AgreesWithTheHeaderParsers() => Frames.Sample(frame =>
    {
        MalformedReason reason = FrameParser.Parse(frame, out ParsedFrame parsed);
        (MalformedReason expectedReason, Facts expected) = Stepwise(frame);
        Assert.Equal(expectedReason, reason);
        if (reason == MalformedReason.None)
        {
            Assert.Equal(expected, FactsOf(parsed));
        }
    }, iter: 20_000);

    private static byte[] Mutate(int seed, (int At, byte Value)[] changes, int cut, bool repair)
    {
        byte[] frame = [.. Seeds[seed]];
        foreach ((int at, byte value) in changes)
        {
            frame[at % frame.Length] = value;
        }

        // A changed IPv4 header is mostly refused for its checksum: repaired, the change gets further.
        if (repair && EthernetHeader.Parse(frame, out EthernetHeader ethernet) == MalformedReason.None && ethernet.Type == EtherType.Ipv4)
        {
            Span<byte> packet = frame.AsSpan(ethernet.Length);
            int length = packet.IsEmpty ? 0 : (packet[0] & 15) * 4;
            if (length is >= 20 && length <= packet.Length)
            {
                packet[10..12].Clear();
                ushort checksum = InternetChecksum.Compute(packet[..length]);
                (packet[10], packet[11]) = ((byte)(checksum >> 8), (byte)checksum);
            }
        }

        return frame[..Math.Max(0, frame.Length - (cut > 12 ? cut - 12 : 0))];
    }

    private static (MalformedReason Reason, Facts Facts) Stepwise(byte[] frame)
    {
        MalformedReason reason = EthernetHeader.Parse(frame, out EthernetHeader ethernet);
        if (reason != MalformedReason.None)
        {
            return (reason, default);
        }

        Facts facts = new() { Network = ethernet.Length, Tags = ethernet.TagCount, Type = ethernet.Type };
        Span<byte> packet = frame.AsSpan(ethernet.Length);
        switch (ethernet.Type)
        {
            case EtherType.Arp:
                return (ArpPacket.Parse(packet, out _), facts);
            case EtherType.Ipv4:
                reason = Ipv4Header.Parse(packet, out Ipv4Header v4);
                return reason != MalformedReason.None
                    ? (reason, facts)
                    : Transport(packet[v4.HeaderLength..v4.TotalLength], 4, facts with
                    {
                        Protocol = v4.Protocol,
                        Fragment = v4.Fragment,
                        Transport = ethernet.Length + v4.HeaderLength,
                        End = ethernet.Length + v4.TotalLength,
                        Source = new Ipv6Address(0, v4.Source),
                    });
            case EtherType.Ipv6:
                reason = Ipv6Header.Parse(packet, out Ipv6Header v6);
                if (reason != MalformedReason.None)
                {
                    return (reason, facts);
                }

                Span<byte> payload = packet.Slice(Ipv6Header.Size, v6.PayloadLength);
                reason = Ipv6ExtensionChain.Parse(payload, v6.NextHeader, out Ipv6ExtensionChain chain);
                return reason != MalformedReason.None
                    ? (reason, facts)
                    : Transport(payload[chain.Length..], 6, facts with
                    {
                        Protocol = chain.Protocol,
                        Fragment = chain.Fragment,
                        Transport = ethernet.Length + Ipv6Header.Size + chain.Length,
                        End = ethernet.Length + Ipv6Header.Size + v6.PayloadLength,
                        Source = v6.Source,
                    });
            default:
                return (MalformedReason.None, facts);
        }
    }

    private static (MalformedReason Reason, Facts Facts) Transport(ReadOnlySpan<byte> segment, int version, Facts facts)
    {
        if (facts.Fragment.Offset != 0)
        {
            bool hidesFlags = facts.Protocol == IpProtocol.Tcp && facts.Fragment.Offset == 8;
            return (hidesFlags ? MalformedReason.FragmentOverlapsTcpFlags : MalformedReason.None, facts);
        }

        bool isFirst = facts.Fragment.More;
        switch (facts.Protocol)
        {
            case IpProtocol.Tcp:
                MalformedReason reason = TcpHeader.Parse(segment, out TcpHeader tcp);
                return (reason != MalformedReason.None && isFirst ? MalformedReason.FragmentTiny : reason,
                    facts with { Known = true, Ports = (tcp.SourcePort, tcp.DestinationPort), Flags = tcp.Flags });
            case IpProtocol.Udp:
                reason = UdpHeader.ParseFirstFragment(segment, out UdpHeader udp);
                reason = !isFirst && reason == MalformedReason.None ? UdpHeader.Parse(segment, out udp) : reason;
                return (reason == MalformedReason.UdpTruncated && isFirst ? MalformedReason.FragmentTiny : reason,
                    facts with { Known = true, Ports = (udp.SourcePort, udp.DestinationPort) });
            case IpProtocol.Icmp when version == 4:
                reason = IcmpHeader.Parse(segment, out IcmpHeader icmp);
                return (reason != MalformedReason.None && isFirst ? MalformedReason.FragmentTiny : reason,
                    facts with { Known = true, Icmp = (icmp.Type, icmp.Code) });
            case IpProtocol.Icmpv6 when version == 6:
                reason = Icmpv6Header.Parse(segment, out Icmpv6Header icmpv6);
                return (reason != MalformedReason.None && isFirst ? MalformedReason.FragmentTiny : reason,
                    facts with { Known = true, Icmp = (icmpv6.Type, icmpv6.Code) });
            case IpProtocol.Sctp or IpProtocol.Dccp or IpProtocol.UdpLite:
                return segment.Length < 4
                    ? (isFirst ? MalformedReason.FragmentTiny : MalformedReason.TransportTruncated, facts)
                    : (MalformedReason.None, facts with
                    {
                        Known = true,
                        Ports = ((ushort)((segment[0] << 8) | segment[1]), (ushort)((segment[2] << 8) | segment[3])),
                    });
            default:
                return (MalformedReason.None, facts);
        }
    }

    private static Facts FactsOf(in ParsedFrame parsed) => new()
    {
        Type = parsed.EtherType,
        Tags = parsed.VlanTagCount,
        Network = parsed.NetworkOffset,
        Transport = parsed.TransportOffset,
        End = parsed.PacketEnd,
        Protocol = parsed.Protocol,
        Fragment = parsed.Fragment,
        Source = parsed.Source,
        Known = parsed.HasTransport,
        Ports = (parsed.SourcePort, parsed.DestinationPort),
        Flags = parsed.TcpFlags,
        Icmp = (parsed.IcmpType, parsed.IcmpCode),
    };

    private readonly record struct Facts
    {
        public EtherType Type { get; init; }

        public int Tags { get; init; }

        public int Network { get; init; }

        public int Transport { get; init; }

        public int End { get; init; }

        public IpProtocol Protocol { get; init; }

        public FragmentInfo Fragment { get; init; }

        public Ipv6Address Source { get; init; }

        public bool Known { get; init; }

        public (ushort Source, ushort Destination) Ports { get; init; }

        public TcpFlags Flags { get; init; }

        public (byte Type, byte Code) Icmp { get; init; }
    }
}

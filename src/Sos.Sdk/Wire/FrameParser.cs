using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>Reads all headers of a frame at once, from Ethernet to the transport.</summary>
public static class FrameParser
{
    /// <summary>Reads a frame.</summary>
    /// <param name="frame">The frame without its FCS; what lies behind its first 65,535 bytes does not count.</param>
    /// <param name="parsed">What its headers say; when it is malformed, what was read before that was found.</param>
    /// <returns>
    /// <see cref="MalformedReason.None"/>, or the first rule that it breaks. Transport checksums are not verified: that takes a pass over
    /// the payload, and the receiving host makes it.
    /// </returns>
    public static MalformedReason Parse(ReadOnlySpan<byte> frame, out ParsedFrame parsed)
    {
        parsed = default;
        frame = frame.Length > ushort.MaxValue ? frame[..ushort.MaxValue] : frame;
        MalformedReason reason = EthernetHeader.Parse(frame, out EthernetHeader ethernet);
        if (reason != MalformedReason.None)
        {
            return reason;
        }

        parsed.EtherType = ethernet.Type;
        parsed.VlanTagCount = ethernet.TagCount;
        parsed.VlanOuter = ethernet.Outer.Control;
        parsed.VlanInner = ethernet.Inner.Control;
        parsed.NetworkOffset = (ushort)ethernet.Length;
        return ethernet.Type switch
        {
            EtherType.Ipv4 => ParseIpv4(frame, ref parsed),
            EtherType.Ipv6 => ParseIpv6(frame, ref parsed),
            EtherType.Arp => ArpPacket.Parse(frame[ethernet.Length..], out _),
            _ => MalformedReason.None,
        };
    }

    private static MalformedReason ParseIpv4(ReadOnlySpan<byte> frame, ref ParsedFrame parsed)
    {
        MalformedReason reason = Ipv4Header.Parse(frame[parsed.NetworkOffset..], out Ipv4Header header);
        parsed.IpVersion = 4;
        parsed.Source = new Ipv6Address(0, header.Source);
        parsed.Destination = new Ipv6Address(0, header.Destination);
        parsed.TimeToLive = header.TimeToLive;
        parsed.Protocol = header.Protocol;
        parsed.Fragment = header.Fragment;
        parsed.TransportOffset = (ushort)(parsed.NetworkOffset + header.HeaderLength);
        parsed.PacketEnd = (ushort)(parsed.NetworkOffset + header.TotalLength);
        return reason == MalformedReason.None ? ParseTransport(frame, ref parsed) : reason;
    }

    private static MalformedReason ParseIpv6(ReadOnlySpan<byte> frame, ref ParsedFrame parsed)
    {
        MalformedReason reason = Ipv6Header.Parse(frame[parsed.NetworkOffset..], out Ipv6Header header);
        parsed.IpVersion = 6;
        if (reason != MalformedReason.None)
        {
            return reason;
        }

        parsed.Source = header.Source;
        parsed.Destination = header.Destination;
        parsed.TimeToLive = header.HopLimit;
        int start = parsed.NetworkOffset + Ipv6Header.Size;
        reason = Ipv6ExtensionChain.Parse(frame.Slice(start, header.PayloadLength), header.NextHeader, out Ipv6ExtensionChain chain);
        parsed.Protocol = chain.Protocol;
        parsed.Fragment = chain.Fragment;
        parsed.TransportOffset = (ushort)(start + chain.Length);
        parsed.PacketEnd = (ushort)(start + header.PayloadLength);
        return reason == MalformedReason.None ? ParseTransport(frame, ref parsed) : reason;
    }

    private static MalformedReason ParseTransport(ReadOnlySpan<byte> frame, ref ParsedFrame parsed)
    {
        if (parsed.Fragment.IsLater)
        {
            return parsed.Protocol == IpProtocol.Tcp && parsed.Fragment.Offset == 8
                ? MalformedReason.FragmentOverlapsTcpFlags
                : MalformedReason.None;
        }

        ReadOnlySpan<byte> segment = frame[parsed.TransportOffset..parsed.PacketEnd];
        MalformedReason reason = parsed.Protocol switch
        {
            IpProtocol.Tcp => ReadTcp(segment, ref parsed),
            IpProtocol.Udp => ReadUdp(segment, ref parsed),
            IpProtocol.Icmp when parsed.IpVersion == 4 => ReadIcmp(segment, ref parsed),
            IpProtocol.Icmpv6 when parsed.IpVersion == 6 => ReadIcmpv6(segment, ref parsed),
            IpProtocol.Sctp or IpProtocol.Dccp or IpProtocol.UdpLite => ReadPorts(segment, ref parsed),
            _ => MalformedReason.None,
        };

        // In a first fragment the header is not wrong in itself: it was cut off.
        return parsed.Fragment.More && IsTruncated(reason) ? MalformedReason.FragmentTiny : reason;
    }

    private static bool IsTruncated(MalformedReason reason)
        => reason is MalformedReason.TcpTruncated or MalformedReason.TcpDataOffset or MalformedReason.UdpTruncated
            or MalformedReason.IcmpTruncated or MalformedReason.Icmpv6Truncated or MalformedReason.TransportTruncated;

    private static MalformedReason ReadTcp(ReadOnlySpan<byte> segment, ref ParsedFrame parsed)
    {
        MalformedReason reason = TcpHeader.Parse(segment, out TcpHeader header);
        parsed.HasTransport = reason == MalformedReason.None;
        parsed.SourcePort = header.SourcePort;
        parsed.DestinationPort = header.DestinationPort;
        parsed.TcpFlags = header.Flags;
        return reason;
    }

    private static MalformedReason ReadUdp(ReadOnlySpan<byte> segment, ref ParsedFrame parsed)
    {
        MalformedReason reason = parsed.Fragment.More
            ? UdpHeader.ParseFirstFragment(segment, out UdpHeader header)
            : UdpHeader.Parse(segment, out header);
        parsed.HasTransport = reason == MalformedReason.None;
        parsed.SourcePort = header.SourcePort;
        parsed.DestinationPort = header.DestinationPort;
        return reason;
    }

    private static MalformedReason ReadIcmp(ReadOnlySpan<byte> segment, ref ParsedFrame parsed)
    {
        MalformedReason reason = IcmpHeader.Parse(segment, out IcmpHeader header);
        parsed.HasTransport = reason == MalformedReason.None;
        parsed.IcmpType = header.Type;
        parsed.IcmpCode = header.Code;
        return reason;
    }

    private static MalformedReason ReadIcmpv6(ReadOnlySpan<byte> segment, ref ParsedFrame parsed)
    {
        MalformedReason reason = Icmpv6Header.Parse(segment, out Icmpv6Header header);
        parsed.HasTransport = reason == MalformedReason.None;
        parsed.IcmpType = header.Type;
        parsed.IcmpCode = header.Code;
        return reason;
    }

    private static MalformedReason ReadPorts(ReadOnlySpan<byte> segment, ref ParsedFrame parsed)
    {
        if (segment.Length < 4)
        {
            return MalformedReason.TransportTruncated;
        }

        parsed.HasTransport = true;
        parsed.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(segment);
        parsed.DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(segment[2..]);
        return MalformedReason.None;
    }
}

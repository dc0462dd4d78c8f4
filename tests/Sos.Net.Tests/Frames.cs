using System;
using System.Buffers.Binary;
using Sos.Net.Wire;
using Sos.Sdk.Wire;

namespace Sos.Net.Tests;

/// <summary>Makes the frames that a host on the endpoint's link would send.</summary>
internal static class Frames
{
    private static readonly MacAddress Host = TestEndpoint.HostMac;

    public static byte[] Arp(ArpPacket packet, MacAddress? destination = null)
    {
        byte[] payload = new byte[ArpPacket.Size];
        packet.Write(payload);
        return Ethernet(payload, EtherType.Arp, destination ?? MacAddress.Broadcast, packet.SenderMac);
    }

    public static byte[] Ip(
        byte[] payload, IpProtocol protocol, bool isIpv4 = true, byte hops = 64, IpAddress? source = null, IpAddress? destination = null,
        MacAddress? link = null)
    {
        int size = isIpv4 ? Ipv4Header.SizeMin : Ipv6Header.Size;
        byte[] packet = new byte[size + payload.Length];
        payload.CopyTo(packet, size);
        IpAddress from = source ?? Source(isIpv4);
        IpAddress to = destination ?? Destination(isIpv4);
        if (isIpv4)
        {
            new Ipv4Header
            {
                HeaderLength = Ipv4Header.SizeMin,
                TotalLength = (ushort)packet.Length,
                TimeToLive = hops,
                Protocol = protocol,
                Source = from.Ipv4,
                Destination = to.Ipv4,
            }.Write(packet);
        }
        else
        {
            new Ipv6Header
            {
                PayloadLength = (ushort)payload.Length,
                NextHeader = protocol,
                HopLimit = hops,
                Source = from.Ipv6,
                Destination = to.Ipv6,
            }.Write(packet);
        }

        return Ethernet(packet, isIpv4 ? EtherType.Ipv4 : EtherType.Ipv6, link ?? TestEndpoint.Mac, Host);
    }

    public static byte[] Ping(bool isIpv4 = true, int length = 56, IpAddress? source = null)
    {
        byte[] message = new byte[IcmpHeader.Size + length];
        message[0] = isIpv4 ? IcmpHeader.EchoRequest : Icmpv6Header.EchoRequest;
        for (int i = 4; i < message.Length; i++)
        {
            message[i] = (byte)i;
        }

        if (!isIpv4)
        {
            return Icmpv6(message, source: source, hops: 64);
        }

        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), InternetChecksum.Compute(message));
        return Ip(message, IpProtocol.Icmp, source: source);
    }

    public static byte[] Icmpv6(byte[] message, IpAddress? source = null, IpAddress? destination = null, byte hops = 255, MacAddress? link = null)
    {
        IpAddress from = source ?? Source(false);
        IpAddress to = destination ?? Destination(false);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), 0);
        ushort sum = InternetChecksum.PseudoHeader(from.Ipv6, to.Ipv6, IpProtocol.Icmpv6, (uint)message.Length);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), InternetChecksum.Compute(message, sum));
        return Ip(message, IpProtocol.Icmpv6, false, hops, from, to, link);
    }

    public static byte[] Neighbor(NeighborMessage message, IpAddress? source = null, IpAddress? destination = null, byte hops = 255)
    {
        byte[] bytes = new byte[NeighborMessage.SizeMax];
        int length = message.Write(bytes);
        IpAddress to = destination ?? Destination(false);
        return Icmpv6(bytes[..length], source, to, hops, to.Ipv6.IsMulticast ? new MacAddress(0x3333_0000_0000 | (to.Low & 0xffff_ffff)) : null);
    }

    public static byte[] Tcp(
        TcpHeader header, ReadOnlySpan<byte> payload = default, TcpOptions options = default, bool isIpv4 = true, IpAddress? source = null,
        IpAddress? destination = null)
    {
        byte[] segment = new byte[TcpHeader.SizeMin + TcpOptions.SizeMax + payload.Length];
        int length = TcpHeader.SizeMin + options.Write(segment.AsSpan(TcpHeader.SizeMin));
        payload.CopyTo(segment.AsSpan(length));
        (header with { HeaderLength = (byte)length, Checksum = 0 }).Write(segment);
        return TcpBytes(segment[..(length + payload.Length)], isIpv4, source, destination);
    }

    /// <summary>Puts the checksum into a segment and frames it.</summary>
    public static byte[] TcpBytes(byte[] segment, bool isIpv4 = true, IpAddress? source = null, IpAddress? destination = null)
    {
        IpAddress from = source ?? Source(isIpv4);
        IpAddress to = destination ?? Destination(isIpv4);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), 0);
        ushort sum = TransportSum.PseudoHeader(from, to, IpProtocol.Tcp, segment.Length);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), InternetChecksum.Compute(segment, sum));
        return Ip(segment, IpProtocol.Tcp, isIpv4, source: from, destination: to);
    }

    public static IpAddress Source(bool isIpv4) => isIpv4 ? IpAddress.FromIpv4(TestEndpoint.HostIpv4) : new IpAddress(TestEndpoint.HostIpv6);

    public static IpAddress Destination(bool isIpv4) => isIpv4 ? IpAddress.FromIpv4(TestEndpoint.Ipv4) : new IpAddress(TestEndpoint.Ipv6);

    private static byte[] Ethernet(byte[] payload, EtherType type, MacAddress destination, MacAddress source)
    {
        byte[] frame = new byte[Math.Max(EthernetHeader.UntaggedSize + payload.Length, 60)];
        new EthernetHeader { Destination = destination, Source = source, Type = type }.Write(frame);
        payload.CopyTo(frame, EthernetHeader.UntaggedSize);
        return frame;
    }
}

using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>Frames, made by hand so that the code under test has no part in them.</summary>
internal static class Frames
{
    private const int Ethernet = 14;

    /// <summary>A UDP packet over IPv4, without a UDP checksum.</summary>
    public static byte[] Udp4(
        ulong to, ulong from, uint source, uint destination, byte timeToLive = 64, int payload = 32, ushort identification = 0)
    {
        byte[] frame = new byte[Ethernet + 28 + payload];
        WriteMacs(frame, to, from, 0x0800);
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), identification);
        frame[22] = timeToLive;
        frame[23] = 17;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(26), source);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(30), destination);
        SetTotal(frame);
        WriteUdp(frame.AsSpan(34));
        return frame;
    }

    /// <summary>A UDP packet over IPv6, without a UDP checksum.</summary>
    public static byte[] Udp6(ulong to, ulong from, UInt128 source, UInt128 destination, byte hopLimit = 64, int payload = 32)
    {
        byte[] frame = new byte[Ethernet + 48 + payload];
        WriteMacs(frame, to, from, 0x86dd);
        frame[14] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)(8 + payload));
        frame[20] = 17;
        frame[21] = hopLimit;
        BinaryPrimitives.WriteUInt128BigEndian(frame.AsSpan(22), source);
        BinaryPrimitives.WriteUInt128BigEndian(frame.AsSpan(38), destination);
        WriteUdp(frame.AsSpan(54));
        return frame;
    }

    /// <summary>A frame with a VLAN tag.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="tag">The tag as it is on the wire.</param>
    public static byte[] Tagged(byte[] frame, uint tag)
        => [.. frame[..12], (byte)(tag >> 24), (byte)(tag >> 16), (byte)(tag >> 8), (byte)tag, .. frame[12..]];

    /// <summary>A frame without its VLAN tag, which must be the one that is expected.</summary>
    public static byte[] Untagged(byte[] frame, uint tag)
    {
        Assert.Equal($"{tag:x8}", $"{BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(12)):x8}");
        return [.. frame[..12], .. frame[16..]];
    }

    /// <summary>Sets an IPv4 packet's length to the frame's, and its header checksum.</summary>
    public static void SetTotal(byte[] frame)
    {
        Span<byte> header = frame.AsSpan(Ethernet, (frame[Ethernet] & 15) * 4);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(frame.Length - Ethernet));
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], 0);
        uint sum = 0;
        for (int i = 0; i < header.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(header[i..]);
        }

        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], (ushort)~sum);
    }

    public static void AssertError4(
        byte[] answer, ulong to, ulong from, uint source, uint destination, byte type, byte code, uint rest, byte[] about)
    {
        AssertMacs(answer, to, from, 0x0800);
        ReadOnlySpan<byte> packet = answer.AsSpan(Ethernet);
        Assert.Equal(MalformedReason.None, Ipv4Header.Parse(packet, out Ipv4Header header));
        Assert.Equal((source, destination, IpProtocol.Icmp), (header.Source, header.Destination, header.Protocol));
        Assert.Equal((type, code, rest), (packet[20], packet[21], BinaryPrimitives.ReadUInt32BigEndian(packet[24..])));
        Assert.True(InternetChecksum.IsValid(packet[20..]));
        Assert.Equal(about[Ethernet..(Ethernet + packet.Length - 28)], packet[28..].ToArray());
    }

    public static void AssertError6(
        byte[] answer, ulong to, ulong from, UInt128 source, UInt128 destination, byte type, byte code, uint rest, byte[] about)
    {
        AssertMacs(answer, to, from, 0x86dd);
        ReadOnlySpan<byte> packet = answer.AsSpan(Ethernet);
        Assert.Equal(MalformedReason.None, Ipv6Header.Parse(packet, out Ipv6Header header));
        Assert.Equal(
            (source, destination, IpProtocol.Icmpv6),
            (BinaryPrimitives.ReadUInt128BigEndian(packet[8..]), BinaryPrimitives.ReadUInt128BigEndian(packet[24..]), header.NextHeader));
        Assert.Equal((type, code, rest), (packet[40], packet[41], BinaryPrimitives.ReadUInt32BigEndian(packet[44..])));
        Assert.True(InternetChecksum.IsValid(
            packet[40..], InternetChecksum.PseudoHeader(header.Source, header.Destination, IpProtocol.Icmpv6, header.PayloadLength)));
        Assert.Equal(about[Ethernet..(Ethernet + packet.Length - 48)], packet[48..].ToArray());
    }

    private static void AssertMacs(ReadOnlySpan<byte> frame, ulong to, ulong from, ushort type)
        => Assert.Equal(
            (to, from, type), (MacAddress.Read(frame).Value, MacAddress.Read(frame[6..]).Value, BinaryPrimitives.ReadUInt16BigEndian(frame[12..])));

    private static void WriteMacs(Span<byte> frame, ulong to, ulong from, ushort type)
    {
        new MacAddress(to).Write(frame);
        new MacAddress(from).Write(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], type);
    }

    private static void WriteUdp(Span<byte> segment)
    {
        BinaryPrimitives.WriteUInt16BigEndian(segment, 4000);
        BinaryPrimitives.WriteUInt16BigEndian(segment[2..], 5000);
        BinaryPrimitives.WriteUInt16BigEndian(segment[4..], (ushort)segment.Length);
        for (int i = 8; i < segment.Length; i++)
        {
            segment[i] = (byte)i;
        }
    }
}

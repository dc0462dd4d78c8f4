using System;
using System.Buffers.Binary;

namespace Sos.Firewall.Tests;

/// <summary>Builds frames for tests, byte by byte and independent of the code under test.</summary>
internal static class Packet
{
    public static readonly byte[] NicMac = [0x02, 0, 0, 0, 0, 0x01];
    private static readonly byte[] PeerMac = [0x02, 0, 0, 0, 0, 0x02];

    public static byte[] Ethernet(ushort type, ReadOnlySpan<byte> payload, int padding = 0)
        => [.. NicMac, .. PeerMac, (byte)(type >> 8), (byte)type, .. payload, .. new byte[padding]];

    public static byte[] Ipv4(
        uint source,
        uint destination,
        byte protocol,
        ReadOnlySpan<byte> payload,
        ushort id = 0,
        ushort fragment = 0,
        int optionWords = 0)
    {
        int headerLength = 20 + (optionWords * 4);
        byte[] packet = new byte[headerLength + payload.Length];
        packet[0] = (byte)(0x40 | (headerLength / 4));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), id);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), fragment);
        packet[8] = 64;
        packet[9] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(12), source);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(16), destination);
        packet.AsSpan(20, optionWords * 4).Fill(1);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Checksum(packet.AsSpan(0, headerLength)));
        payload.CopyTo(packet.AsSpan(headerLength));
        return packet;
    }

    public static byte[] Ipv6(
        UInt128 source, UInt128 destination, byte nextHeader, ReadOnlySpan<byte> payload, uint flowLabel = 0)
    {
        byte[] packet = new byte[40 + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(packet, (6u << 28) | flowLabel);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)payload.Length);
        packet[6] = nextHeader;
        packet[7] = 64;
        BinaryPrimitives.WriteUInt128BigEndian(packet.AsSpan(8), source);
        BinaryPrimitives.WriteUInt128BigEndian(packet.AsSpan(24), destination);
        payload.CopyTo(packet.AsSpan(40));
        return packet;
    }

    public static byte[] Tcp(ushort source, ushort destination, byte flags = 2, int data = 0)
    {
        byte[] segment = new byte[20 + data];
        BinaryPrimitives.WriteUInt16BigEndian(segment, source);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), destination);
        segment[12] = 0x50;
        segment[13] = flags;
        return segment;
    }

    public static byte[] Udp(ushort source, ushort destination, int data = 0)
    {
        byte[] datagram = new byte[8 + data];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, source);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), destination);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        return datagram;
    }

    public static byte[] Icmp(byte type, byte code) => [type, code, 0, 0, 0, 0, 0, 0];

    /// <summary>Writes the checksum of a transport header and its payload: RFC 1071, over the pseudo headers of RFC 9293 and RFC 8200.</summary>
    public static void WriteChecksum(byte protocol, byte[] payload, UInt128 source, UInt128 destination)
    {
        int at = protocol switch { 6 => 16, 17 => 6, 1 or 58 => 2, _ => -1 };
        if (at < 0 || payload.Length < at + 2)
        {
            return;
        }

        // Four bytes or sixteen: the sum is the same, since what leads an IPv4 address is zero.
        Span<byte> pseudo = stackalloc byte[36];
        BinaryPrimitives.WriteUInt128BigEndian(pseudo, source);
        BinaryPrimitives.WriteUInt128BigEndian(pseudo[16..], destination);
        BinaryPrimitives.WriteUInt16BigEndian(pseudo[32..], (ushort)payload.Length);
        pseudo[35] = protocol;
        payload.AsSpan(at, 2).Clear();
        ulong sum = Sum(payload) + (protocol == 1 ? 0 : Sum(pseudo));
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        ushort checksum = (ushort)~sum;
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(at), checksum == 0 && protocol == 17 ? (ushort)0xffff : checksum);
    }

    private static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (ulong)bytes[i] << ((i & 1) == 0 ? 8 : 0);
        }

        return sum;
    }

    private static ushort Checksum(ReadOnlySpan<byte> header)
    {
        uint sum = 0;
        for (int i = 0; i < header.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(header[i..]);
        }

        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }
}

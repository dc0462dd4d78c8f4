using System;

namespace Sos.Firewall.Tests.Answers;

/// <summary>Packets of one peer to one host that rules may reject, with checksums, byte by byte.</summary>
internal sealed class RejectedTraffic(Random random)
{
    private const uint Peer4 = 0x0a000001;
    private const uint Own4 = 0x0a090001;
    private static readonly UInt128 Peer6 = new(0xfd00_0001_0000_0000, 1);
    private static readonly UInt128 Own6 = new(0xfd00_0009_0000_0000, 1);

    /// <summary>Puts a packet behind a link layer's header.</summary>
    public static byte[] To(byte[] mac, byte[] packet)
    {
        byte[] frame = Packet.Ethernet((ushort)(packet[0] >> 4 == 4 ? 0x0800 : 0x86dd), packet);
        mac.CopyTo(frame, 0);
        return frame;
    }

    public static byte[] Udp4(ushort port, int data = 0) => Ipv4(17, Packet.Udp(4000, port, data));

    public static byte[] Udp6(ushort port) => Ipv6(17, Packet.Udp(4000, port, 10));

    public static byte[] Tcp4(ushort port) => Ipv4(6, Packet.Tcp(4000, port));

    /// <summary>Makes a packet.</summary>
    public byte[] Next()
    {
        bool isIpv4 = random.Next(2) == 0;
        (byte protocol, byte[] payload) = Transport();
        uint source = random.Next(12) switch { 0 => 0xe0000005u, 1 => 0u, _ => Peer4 + (uint)random.Next(5) };
        uint destination = random.Next(15) == 0 ? 0xe0000001u : Own4;
        if (!isIpv4)
        {
            return Ipv6(protocol, payload, random.Next(12) == 0 ? 0 : Peer6 + (uint)random.Next(5), random.Next(6) == 0, random.Next(12) == 0);
        }

        byte[] packet = Ipv4(protocol, payload, source, destination, random.Next(12) == 0, (byte)random.Next(256));
        return packet;
    }

    private (byte Protocol, byte[] Payload) Transport()
    {
        byte[] flags = [2, 16, 18, 24, 1, 17, 4, 20, 0, 3];
        int data = random.Next(4) switch { 0 => random.Next(600, 1400), 1 => 0, _ => random.Next(60) };
        switch (random.Next(10))
        {
            case 0 or 1 or 2 or 3:
                byte[] segment = Packet.Tcp((ushort)random.Next(65536), (ushort)random.Next(65536), flags[random.Next(flags.Length)], data);
                random.NextBytes(segment.AsSpan(4, 8));
                return (6, segment);
            case 4 or 5:
                return (17, Packet.Udp((ushort)random.Next(65536), (ushort)random.Next(65536), data));
            case 6 or 7:
                return (1, [.. Packet.Icmp((byte)random.Next(20), (byte)random.Next(3)), .. new byte[60]]);
            case 8:
                return (58, [.. Packet.Icmp((byte)(random.Next(2) == 0 ? random.Next(6) : 128), 0), .. new byte[60]]);
            default:
                byte[] other = new byte[20 + random.Next(30)];
                random.NextBytes(other);
                return (random.Next(3) switch { 0 => (byte)99, 1 => (byte)132, _ => (byte)50 }, other);
        }
    }

    private static byte[] Ipv4(
        byte protocol, byte[] payload, uint source = Peer4, uint destination = Own4, bool isWrong = false, byte service = 0)
    {
        Packet.WriteChecksum(protocol == 58 ? (byte)1 : protocol, payload, source, destination);
        Spoil(payload, isWrong);
        byte[] packet = Packet.Ipv4(source, destination, protocol, payload);
        packet[1] = service;
        uint sum = (ushort)~(uint)((packet[10] << 8) | packet[11]) + (uint)service; // RFC 1624, equation 3
        sum = (sum & 0xffff) + (sum >> 16);
        (packet[10], packet[11]) = ((byte)(~sum >> 8), (byte)~sum);
        return packet;
    }

    private static byte[] Ipv6(byte protocol, byte[] payload, UInt128? source = null, bool withOptions = false, bool isWrong = false)
    {
        // ICMP's checksum in IPv6 is one over the pseudo header, as any other's.
        if (protocol == 1)
        {
            WriteIcmpOver(payload, source ?? Peer6);
        }
        else
        {
            Packet.WriteChecksum(protocol, payload, source ?? Peer6, Own6);
        }

        Spoil(payload, isWrong);
        return withOptions
            ? Packet.Ipv6(source ?? Peer6, Own6, 60, [protocol, 0, 1, 4, 0, 0, 0, 0, .. payload])
            : Packet.Ipv6(source ?? Peer6, Own6, protocol, payload);
    }

    private static void WriteIcmpOver(byte[] payload, UInt128 source)
    {
        byte[] copy = [.. payload];
        Packet.WriteChecksum(58, copy, source, Own6);
        int sum = (ushort)~((copy[2] << 8) | copy[3]) + ushort.MaxValue - 58 + 1; // protocol 1 in place of 58
        sum = (sum & 0xffff) + (sum >> 16);
        (payload[2], payload[3]) = ((byte)(~sum >> 8), (byte)~sum);
    }

    private static void Spoil(byte[] payload, bool isWrong)
    {
        if (isWrong && payload.Length > 0)
        {
            payload[^1] ^= 0x40;
        }
    }
}

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Net;

namespace Sos.Traffic.Wire;

/// <summary>
/// The flood's frames, built once: smallest Ethernet frames, all of which the demo's rules drop.
/// <list type="bullet">
/// <item>half: UDP from blocked sources to the ports that floods like (DNS, NTP, game servers);</item>
/// <item>three eighths: TCP SYN from blocked sources to the ports that the machine serves;</item>
/// <item>one eighth: TCP SYN from spoofed, random sources to ports that are closed.</item>
/// </list>
/// </summary>
internal static class FloodFrames
{
    /// <summary>Bytes of a frame, without the checksum of the link: Ethernet's smallest.</summary>
    public const int Length = 60;

    private const int EthernetHeader = 14;
    private const int Ipv4Header = 20;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private static readonly ushort[] UdpPorts = [53, 123, 1900, 5060, 11211, 27015];
    private static readonly ushort[] ServedPorts = [80, 22];
    private static readonly ushort[] ClosedPorts = [23, 139, 445, 1433, 3306, 3389, 5900, 8080];

    /// <summary>Builds frames.</summary>
    /// <param name="count">How many; they follow each other without gap in the result.</param>
    /// <param name="target">Where they go.</param>
    /// <param name="blocked">Sources that the rules block; at least one.</param>
    /// <param name="seed">Equal seeds give equal frames.</param>
    /// <returns><paramref name="count"/> times <see cref="Length"/> bytes.</returns>
    public static byte[] Build(int count, FloodTarget target, IReadOnlyList<IPAddress> blocked, int seed)
    {
        Random random = new(seed);
        byte[] frames = new byte[count * Length];
        for (int i = 0; i < count; i++)
        {
            Span<byte> frame = frames.AsSpan(i * Length, Length);
            IPAddress source = blocked[random.Next(blocked.Count)];
            switch (i % 8)
            {
                case 0 or 2 or 4 or 6:
                    BuildUdp(frame, target, source, Pick(random, UdpPorts), random);
                    break;
                case 1 or 3 or 5:
                    BuildSyn(frame, target, source, Pick(random, ServedPorts), random);
                    break;
                default:
                    BuildSyn(frame, target, Spoofed(random), Pick(random, ClosedPorts), random);
                    break;
            }
        }

        return frames;
    }

    private static void BuildUdp(Span<byte> frame, FloodTarget target, IPAddress source, ushort port, Random random)
    {
        const int Payload = Length - EthernetHeader - Ipv4Header;
        Span<byte> udp = BuildIpv4(frame, target, source, Udp, random);
        BinaryPrimitives.WriteUInt16BigEndian(udp, (ushort)random.Next(1024, 65536));
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], port);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], Payload);
        random.NextBytes(udp[8..Payload]);
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], TransportChecksum(frame, udp[..Payload]));
    }

    private static void BuildSyn(Span<byte> frame, FloodTarget target, IPAddress source, ushort port, Random random)
    {
        const int Header = 20;
        Span<byte> tcp = BuildIpv4(frame, target, source, Tcp, random);
        BinaryPrimitives.WriteUInt16BigEndian(tcp, (ushort)random.Next(1024, 65536));
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], port);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], (uint)random.NextInt64(uint.MaxValue));
        tcp[12] = 5 << 4;
        tcp[13] = 2; // SYN
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], 64240);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], TransportChecksum(frame, tcp[..Header]));
    }

    // Returns where the transport header goes. TCP without payload leaves six bytes of Ethernet padding.
    private static Span<byte> BuildIpv4(Span<byte> frame, FloodTarget target, IPAddress source, byte protocol, Random random)
    {
        target.Mac.GetAddressBytes().CopyTo(frame);
        target.FromMac.GetAddressBytes().CopyTo(frame[6..]);
        frame[12] = 8; // IPv4: 0x0800
        Span<byte> ip = frame.Slice(EthernetHeader, Ipv4Header);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(protocol == Tcp ? Ipv4Header + 20 : Length - EthernetHeader));
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)random.Next(65536));
        ip[8] = (byte)random.Next(40, 128);
        ip[9] = protocol;
        source.TryWriteBytes(ip[12..], out _);
        target.Address.TryWriteBytes(ip[16..], out _);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Sum(ip, 0));
        return frame[(EthernetHeader + Ipv4Header)..];
    }

    // Unicast, not private, not of the ranges that a host drops unseen; never the documentation ranges of the rules.
    private static IPAddress Spoofed(Random random)
    {
        int first;
        do
        {
            first = random.Next(11, 191);
        }
        while (first is 100 or 127 or 169 or 172);
        return new IPAddress([(byte)first, (byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(1, 255)]);
    }

    // RFC 768 and RFC 9293: over a pseudo header of addresses, protocol and length.
    private static ushort TransportChecksum(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> segment)
    {
        ReadOnlySpan<byte> ip = frame.Slice(EthernetHeader, Ipv4Header);
        uint sum = Sum(ip[12..], (uint)(ip[9] + segment.Length));
        ushort result = (ushort)~Sum(segment, sum);
        return result == 0 && ip[9] == Udp ? ushort.MaxValue : result;
    }

    // RFC 1071: the folded sum of 16-bit words, not complemented.
    private static uint Sum(ReadOnlySpan<byte> bytes, uint sum)
    {
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return sum;
    }

    private static ushort Pick(Random random, ushort[] ports) => ports[random.Next(ports.Length)];
}

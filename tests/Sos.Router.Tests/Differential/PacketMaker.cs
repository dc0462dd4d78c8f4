using System;
using System.Buffers.Binary;
using System.Net;
using Sos.Sdk.Wire;

namespace Sos.Router.Tests.Differential;

/// <summary>Makes packets that try a router: addresses of all kinds, lengths, fragments, options, and what is wrong with them.</summary>
internal sealed class PacketMaker(Random random)
{
    private const int Ethernet = 14;

    private static readonly string[] Destinations4 =
    [
        "20.1.2.3", "20.1.2.130", "20.1.2.200", "20.1.9.9", "20.200.1.1", "20.5.5.5", "203.0.113.5", "224.0.0.5", "255.255.255.255", "127.0.0.1",
        "0.0.0.0", "240.1.2.3", "169.254.1.1",
    ];

    private static readonly string[] Destinations6 =
    [
        "2001:db8:1:2::3", "2001:db8:1:2::4", "2001:db8:1:2:8000::1", "2001:db8:1:9::1", "2001:db8:9::1", "2001:d00::1", "2001::1", "2600::1", "ff02::1",
        "ff0e::1", "fe80::1", "::1", "::", "::ffff:20.1.2.3", "fd00:7::7",
    ];

    /// <summary>Makes a frame.</summary>
    /// <param name="number">Its number: an IPv4 packet's identification, an IPv6 packet's flow label.</param>
    /// <param name="mac">The router's address on the link where it comes in.</param>
    /// <param name="port">The port where it comes in.</param>
    public byte[] Make(ushort number, ulong mac, int port)
    {
        bool isIpv6 = random.Next(2) == 0;
        byte[] frame = isIpv6 ? MakeIpv6(number, port) : MakeIpv4(number, port);
        new MacAddress(One(30) ? mac + 0x4000 : mac).Write(frame);
        new MacAddress(0x0200_0000_0077).Write(frame.AsSpan(6));
        return One(12) ? [.. frame, .. new byte[random.Next(1, 40)]] : frame;
    }

    /// <summary>The number of a packet, or of the one that it is an error about.</summary>
    /// <returns>Null for what is no packet of ours.</returns>
    public static ushort? NumberOf(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < Ethernet + Ipv4Header.SizeMin)
        {
            return null;
        }

        ReadOnlySpan<byte> packet = frame[Ethernet..];
        switch ((EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame[12..]))
        {
            case EtherType.Ipv4:
                int inner = ((packet[0] & 15) * 4) + 8;
                bool isLater = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1fff) != 0;
                return !isLater && packet[9] == (byte)IpProtocol.Icmp && packet.Length >= inner + 6 && packet[inner - 8] is 3 or 4 or 5 or 11 or 12
                    ? BinaryPrimitives.ReadUInt16BigEndian(packet[(inner + 4)..])
                    : BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
            case EtherType.Ipv6 when packet.Length >= Ipv6Header.Size:
                bool isError = packet[6] == (byte)IpProtocol.Icmpv6 && packet.Length >= Ipv6Header.Size + 12 && packet[Ipv6Header.Size] < 128;
                return BinaryPrimitives.ReadUInt16BigEndian(packet[(isError ? Ipv6Header.Size + 10 : 2)..]);
            default:
                return null;
        }
    }

    /// <summary>Clears what two routers need not agree on: the identification, or the flow label, of an error of their own.</summary>
    public static byte[] Comparable(byte[] frame)
    {
        if (frame.Length > Ethernet + Ipv6Header.Size && frame[12] == 0x86 && frame[Ethernet + 6] == (byte)IpProtocol.Icmpv6 && frame[54] < 128)
        {
            frame = [.. frame];
            frame[Ethernet + 1] &= 0xf0;
            frame.AsSpan(Ethernet + 2, 2).Clear();
        }

        if (IsError4(frame))
        {
            frame = [.. frame];
            frame.AsSpan(Ethernet + 4, 2).Clear();
            frame.AsSpan(Ethernet + 10, 2).Clear();
        }

        return frame;
    }

    /// <summary>Whether a frame tells that a link takes less.</summary>
    public static bool IsTooBig(ReadOnlySpan<byte> frame)
        => (IsError4(frame) && frame[34] == 3 && frame[35] == 4) || (frame.Length > 54 && frame[12] == 0x86 && frame[20] == 58 && frame[54] == 2);

    private static bool IsError4(ReadOnlySpan<byte> frame)
        => frame.Length > Ethernet + 21 && frame[12] == 8 && frame[13] == 0 && frame[Ethernet + 9] == (byte)IpProtocol.Icmp
            && frame[Ethernet + 20] is 3 or 4 or 5 or 11 or 12;

    private byte[] MakeIpv4(ushort number, int port)
    {
        int options = One(20) ? 4 * random.Next(1, 4) : 0;
        byte[] packet = new byte[Ipv4Header.SizeMin + options + PayloadLength()];
        packet[0] = (byte)(0x45 + (options / 4));
        packet[1] = (byte)(One(3) ? random.Next(256) : 0);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), number);
        packet[6] = (byte)(One(3) ? 0x40 : One(10) ? 0x20 : 0);
        packet[7] = (byte)(One(15) ? random.Next(1, 100) : 0);
        packet[8] = Hops();
        packet[9] = Protocol(IpProtocol.Icmp);
        packet.AsSpan(Ipv4Header.SizeMin, options).Fill(1); // no operation
        Address(packet.AsSpan(12), Source4(port));
        Address(packet.AsSpan(16), Near("10.0.", 3) ?? Pick(Destinations4));
        FillPayload(packet.AsSpan(Ipv4Header.SizeMin + options), packet.AsSpan(0, 20), 4, number);
        if (One(30))
        {
            // A wrong length or version; the number stays.
            packet[random.Next(4)] ^= (byte)(1 << random.Next(8));
        }

        int header = Math.Clamp((packet[0] & 15) * 4, Ipv4Header.SizeMin, packet.Length);
        packet.AsSpan(10, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), InternetChecksum.Compute(packet.AsSpan(0, header & ~1)));
        packet[11] ^= (byte)(One(40) ? 1 : 0);
        return [.. new byte[12], 0x08, 0x00, .. packet];
    }

    private byte[] MakeIpv6(ushort number, int port)
    {
        byte[] packet = new byte[Ipv6Header.Size + PayloadLength()];
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), number);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(packet.Length - Ipv6Header.Size));
        packet[6] = Protocol(IpProtocol.Icmpv6);
        packet[7] = Hops();
        Address(packet.AsSpan(8), One(12) ? Pick(Destinations6) : One(3) ? "2001:db8:1:2::99" : $"fd00:{port}::{random.Next(2, 9):x}");
        Address(packet.AsSpan(24), Near("fd00:", 3) ?? Pick(Destinations6));
        FillPayload(packet.AsSpan(Ipv6Header.Size), packet.AsSpan(0, 40), 2, number);
        if (One(30))
        {
            packet[random.Next(2) == 0 ? 0 : 5] ^= (byte)(1 << random.Next(8));
        }

        return [.. new byte[12], 0x86, 0xdd, .. packet];
    }

    // An ICMP error must tell of a packet with the same number.
    private void FillPayload(Span<byte> payload, ReadOnlySpan<byte> outer, int numberAt, ushort number)
    {
        random.NextBytes(payload);
        if (payload.Length > 8)
        {
            payload[0] = (byte)new[] { 3, 3, 8, 128, 0, 9, 13, 30, 42, 1, 255 }[random.Next(11)];
            outer[..Math.Min(outer.Length, payload.Length - 8)].CopyTo(payload[8..]);
            if (payload.Length >= 8 + numberAt + 2)
            {
                BinaryPrimitives.WriteUInt16BigEndian(payload[(8 + numberAt)..], number);
            }
        }
        else
        {
            // Too short to tell of any: it is not to be taken for an error.
            payload.Fill(0xff);
        }
    }

    private int PayloadLength() => random.Next(4) switch { 0 => random.Next(0, 40), 1 => random.Next(1200, 1440), 2 => 1440, _ => random.Next(8, 700) };

    private byte Hops() => random.Next(8) switch { 0 => 0, 1 => 1, 2 => 2, 3 => 255, _ => 64 };

    private byte Protocol(IpProtocol icmp) => (byte)(random.Next(6) switch
    {
        0 => (int)icmp,
        1 => (int)IpProtocol.Tcp,
        2 => One(4) ? (int)IpProtocol.HopByHop : 89,
        3 => One(4) ? 44 : 50,
        _ => (int)IpProtocol.Udp,
    });

    private string Source4(int port) => random.Next(10) switch
    {
        0 => $"172.16.{random.Next(256)}.{random.Next(256)}",
        1 => "20.1.2.99",
        2 => $"10.0.{random.Next(3)}.{random.Next(256)}",
        3 => Pick(["127.0.0.5", "224.1.1.1", "0.0.0.0", "255.255.255.255", "10.0.1.1", "240.0.0.1", "0.1.2.3", "169.254.3.3"]),
        _ => $"10.0.{port}.{random.Next(2, NetworkChanges.HostsEnd + 2)}",
    };

    // An address of one of the router's own networks.
    private string? Near(string start, int networks) => !One(5) ? null : start.Contains(':', StringComparison.Ordinal)
        ? $"{start}{random.Next(networks)}::{random.Next(0, 9):x}"
        : $"{start}{random.Next(networks)}.{Pick(["1", "2", "3", "4", "5", "7", "77", "201", "255", "0"])}";

    private static void Address(Span<byte> to, string text) => IPAddress.Parse(text).GetAddressBytes().CopyTo(to);

    private string Pick(string[] from) => from[random.Next(from.Length)];

    private bool One(int of) => random.Next(of) == 0;
}

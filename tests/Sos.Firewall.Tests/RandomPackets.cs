using System;
using System.Collections.Generic;

namespace Sos.Firewall.Tests;

/// <summary>One frame of a random test, and the number by which an observer knows it.</summary>
/// <param name="Id">In the IPv4 identification or the IPv6 flow label.</param>
/// <param name="IsIpv4">Which of them.</param>
/// <param name="Frame">The frame.</param>
internal sealed record TestFrame(int Id, bool IsIpv4, byte[] Frame);

/// <summary>Random frames from a small world of addresses and ports, so that random rules often match them.</summary>
internal sealed class RandomPackets(Random random, bool withFragments, bool withLaterFragments = true)
{
    public static readonly int[] Ports = [0, 22, 53, 80, 443, 1023, 1024, 8080, 65535];

    public List<TestFrame> Make(int count)
    {
        List<TestFrame> frames = [];
        for (int id = 1; id <= count; id++)
        {
            bool isIpv4 = random.Next(2) == 0;
            byte[] frame = isIpv4 ? MakeIpv4((ushort)id) : MakeIpv6((uint)id);
            frames.Add(new TestFrame(id, isIpv4, frame));
        }

        return frames;
    }

    /// <summary>Makes one frame of the number.</summary>
    public byte[] MakeOne(int id) => random.Next(2) == 0 ? MakeIpv4((ushort)id) : MakeIpv6((uint)id);

    private byte[] MakeIpv4(ushort id)
    {
        uint source = 0x0a000000u | ((uint)random.Next(4) << 16) | ((uint)random.Next(4) << 8) | (uint)random.Next(1, 7);
        uint destination = 0x0a090000u | (uint)random.Next(2, 8);
        (byte protocol, byte[] payload) = MakeTransport(isIpv4: true);
        ushort fragment = 0;
        if (withFragments && random.Next(8) == 0)
        {
            // First, middle and last parts; at offset 16 no flags of TCP can be overwritten.
            fragment = random.Next(withLaterFragments ? 3 : 1) switch { 0 => 0x2000, 1 => 0x2002, _ => 0x0002 };
            payload = [.. payload, .. new byte[(40 - payload.Length) + 8]];
            payload = protocol == 17 ? [.. payload[..4], 0, 64, .. payload[6..]] : payload;
        }

        int optionWords = random.Next(6) == 0 ? random.Next(1, 4) : 0;
        byte[] packet = Packet.Ipv4(source, destination, protocol, payload, id, fragment, optionWords);
        switch (random.Next(40))
        {
            case 0:
                packet[10] ^= 0x5a; // header checksum
                break;
            case 1:
                packet[0] = (byte)(0x50 | (packet[0] & 15)); // version
                break;
            case 2:
                packet[0] = 0x44; // header length
                break;
            case 3:
                packet = packet[..^1]; // total length beyond the frame
                break;
        }

        return Packet.Ethernet(0x0800, packet, random.Next(4) == 0 ? random.Next(20) : 0);
    }

    private byte[] MakeIpv6(uint id)
    {
        UInt128 source = new(0xfd00_0001_0000_0000, ((ulong)random.Next(4) << 16) | (uint)random.Next(1, 7));
        UInt128 destination = new(0xfd00_0009_0000_0000, (uint)random.Next(2, 8));
        (byte next, byte[] payload) = MakeTransport(isIpv4: false);
        if (withFragments && random.Next(8) == 0)
        {
            ushort place = random.Next(withLaterFragments ? 3 : 1) switch { 0 => 1, 1 => 17, _ => 16 };
            payload = [.. payload, .. new byte[(40 - payload.Length) + 8]];
            payload = next == 17 ? [.. payload[..4], 0, 64, .. payload[6..]] : payload;
            payload = [next, 0, (byte)(place >> 8), (byte)place, 0, 0, 0, (byte)id, .. payload];
            next = 44;
        }

        switch (random.Next(10))
        {
            case 0:
                (payload, next) = ([next, 0, 1, 4, 0, 0, 0, 0, .. payload], 60);
                break;
            case 1:
                (payload, next) = ([next, 4, 0, 0, 0, 0, 0, 7, .. new byte[16], .. payload], 51);
                break;
            case 2:
                (payload, next) = ([next, 1, 1, 12, .. new byte[12], .. payload], 60);
                break;
        }

        if (random.Next(10) == 0)
        {
            (payload, next) = ([next, 0, 1, 4, 0, 0, 0, 0, .. payload], 0);
        }

        byte[] packet = Packet.Ipv6(source, destination, next, payload, id);
        switch (random.Next(40))
        {
            case 0:
                packet[0] = (byte)(0x50 | (packet[0] & 15));
                break;
            case 1:
                packet = packet[..^1];
                break;
        }

        return Packet.Ethernet(0x86dd, packet, random.Next(4) == 0 ? random.Next(20) : 0);
    }

    private (byte Protocol, byte[] Payload) MakeTransport(bool isIpv4)
    {
        ushort source = (ushort)Ports[random.Next(Ports.Length)];
        ushort destination = (ushort)Ports[random.Next(Ports.Length)];
        byte[] flags = [1, 2, 4, 16, 18, 24, 0];
        return random.Next(isIpv4 ? 8 : 9) switch
        {
            0 or 1 or 2 => ((byte)6, Packet.Tcp(source, destination, flags[random.Next(flags.Length)], random.Next(12))),
            3 or 4 => ((byte)17, Packet.Udp(source, destination, random.Next(12))),
            5 => isIpv4 ? ((byte)1, RandomIcmp(8)) : ((byte)58, RandomIcmp(128)),
            6 => isIpv4 ? ((byte)58, RandomIcmp(128)) : ((byte)1, RandomIcmp(8)),
            7 => ((byte)99, Packet.Udp(source, destination)[..random.Next(9)]),
            _ => ((byte)59, []),
        };
    }

    private byte[] RandomIcmp(byte first)
        => Packet.Icmp((byte)(random.Next(2) == 0 ? first : first + random.Next(4)), (byte)random.Next(3));
}

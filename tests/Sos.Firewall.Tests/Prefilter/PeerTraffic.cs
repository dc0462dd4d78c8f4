using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>
/// The world around a host under test: peers that open connections, and answer what the host sends by the rules of TCP, or nearly; strangers that
/// send anything. Frames that were sent once come again, since networks do that.
/// </summary>
internal sealed class PeerTraffic
{
    private const int RememberedMax = 32;
    private const int Ethernet = 14;

    private static readonly ushort[] Ports = [22, 53, 80, 443, 1024, 8080];

    private readonly List<byte[]> _sent = [];
    private readonly List<byte[]> _arrived = [];
    private readonly Random _random;
    private readonly RandomPackets _strangers;

    public PeerTraffic(Random random)
    {
        _random = random;
        _strangers = new RandomPackets(random, withFragments: true);
    }

    /// <summary>Notes what the host sent.</summary>
    public void Sees(byte[] frame)
    {
        if (IsIpv4(frame) || IsIpv6(frame))
        {
            Remember(_sent, frame);
        }
    }

    /// <summary>Makes the next frame for the host.</summary>
    /// <param name="id">Its number: the IPv4 identification, or the IPv6 flow label.</param>
    public byte[] Next(int id)
    {
        byte[] frame = _random.Next(10) switch
        {
            0 or 1 => _strangers.MakeOne(id),
            2 or 3 => Begin(),
            4 when _arrived.Count > 0 => [.. Choose(_arrived)],
            5 when _sent.Count > 0 => Complain(Choose(_sent)),
            _ when _sent.Count > 0 => Answer(Choose(_sent)),
            _ => Begin(),
        };
        Number(frame, id);
        Remember(_arrived, frame);
        return frame;
    }

    private static bool IsIpv4(byte[] frame) => frame.Length > Ethernet + 20 && frame[12] == 8 && frame[13] == 0;

    private static bool IsIpv6(byte[] frame) => frame.Length > Ethernet + 40 && frame[12] == 0x86 && frame[13] == 0xdd;

    private void Remember(List<byte[]> frames, byte[] frame)
    {
        if (frames.Count == RememberedMax)
        {
            frames.RemoveAt(_random.Next(frames.Count));
        }

        frames.Add([.. frame]);
    }

    private T Choose<T>(IReadOnlyList<T> values) => values[_random.Next(values.Count)];

    /// <summary>A first packet: a SYN, a datagram or an echo request, of few ends, so that they meet again.</summary>
    private byte[] Begin()
    {
        bool isIpv4 = _random.Next(3) != 0;
        UInt128 source = isIpv4 ? 0x0a000001u + (uint)_random.Next(3) : new UInt128(0xfd00_0001_0000_0000, (ulong)_random.Next(1, 4));
        UInt128 destination = isIpv4 ? 0x0a090002u : new UInt128(0xfd00_0009_0000_0000, 2);
        ushort from = (ushort)(40_000 + _random.Next(3));
        ushort to = Choose(Ports);
        (byte protocol, byte[] payload) = _random.Next(4) switch
        {
            0 or 1 => ((byte)6, Packet.Tcp(from, to)),
            2 => ((byte)17, Packet.Udp(from, to, _random.Next(30))),
            _ => (isIpv4 ? (byte)1 : (byte)58, Packet.Icmp(isIpv4 ? (byte)8 : (byte)128, 0)),
        };
        if (protocol == 6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(4), (uint)_random.Next());
            BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(14), 65_000); // window
        }

        return Make(isIpv4, source, destination, protocol, payload);
    }

    /// <summary>An answer to what the host sent, of the kind that TCP would send, or not quite.</summary>
    private byte[] Answer(byte[] sent)
    {
        (bool isIpv4, byte protocol, byte[] payload, UInt128 host, UInt128 peer) = Read(sent);
        switch (protocol)
        {
            case 6 when payload.Length >= 20:
                return Make(isIpv4, peer, host, protocol, AnswerTcp(payload));
            case 17 when payload.Length >= 8:
                return Make(isIpv4, peer, host, protocol, Packet.Udp(Word(payload, 2), Word(payload, 0), _random.Next(30)));
            case 1 or 58 when payload.Length >= 8 && payload[0] is 8 or 128:
                return Make(isIpv4, peer, host, protocol, [(byte)(isIpv4 ? 0 : 129), .. payload[1..]]);
            default:
                return Begin();
        }
    }

    private byte[] AnswerTcp(byte[] segment)
    {
        int header = (segment[12] >> 4) * 4;
        byte flags = segment[13];
        bool isSyn = (flags & 2) != 0;
        uint next = BinaryPrimitives.ReadUInt32BigEndian(segment.AsSpan(4)) + (uint)Math.Max(0, segment.Length - header) + (uint)((flags & 3) != 0 ? 1 : 0);
        uint own = (flags & 16) != 0 ? BinaryPrimitives.ReadUInt32BigEndian(segment.AsSpan(8)) : (uint)_random.Next();
        byte answer = isSyn && (flags & 16) == 0
            ? Choose<byte>([18, 18, 18, 4 | 16])
            : Choose<byte>([16, 16, 24, 24, 17, 4, 4 | 16, 18]);
        byte[] made = Packet.Tcp(Word(segment, 2), Word(segment, 0), answer, answer == 24 ? _random.Next(1, 40) : 0);
        uint strange = _random.Next(12) == 0 ? (uint)_random.Next() : 0; // out of any window
        BinaryPrimitives.WriteUInt32BigEndian(made.AsSpan(4), own + strange);
        BinaryPrimitives.WriteUInt32BigEndian(made.AsSpan(8), (answer & 16) != 0 ? next : 0);
        BinaryPrimitives.WriteUInt16BigEndian(made.AsSpan(14), 65_000);
        return made;
    }

    /// <summary>An error of ICMP about what the host sent.</summary>
    private byte[] Complain(byte[] sent)
    {
        (bool isIpv4, byte protocol, _, UInt128 host, UInt128 peer) = Read(sent);
        if (protocol is 1 or 58)
        {
            return Answer(sent);
        }

        byte[] quoted = sent[Ethernet..Math.Min(sent.Length, Ethernet + (isIpv4 ? 28 : 48))];
        byte[] head = isIpv4 ? [3, Choose<byte>([0, 1, 3]), 0, 0, 0, 0, 0, 0] : [1, Choose<byte>([0, 3, 4]), 0, 0, 0, 0, 0, 0];
        return Make(isIpv4, peer, host, isIpv4 ? (byte)1 : (byte)58, [.. head, .. quoted]);
    }

    private static (bool IsIpv4, byte Protocol, byte[] Payload, UInt128 Source, UInt128 Destination) Read(byte[] frame)
    {
        byte[] packet = frame[Ethernet..];
        return IsIpv4(frame)
            ? (true, packet[9], packet[((packet[0] & 15) * 4)..], BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(12)),
                BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(16)))
            : (false, packet[6], packet[40..], BinaryPrimitives.ReadUInt128BigEndian(packet.AsSpan(8)),
                BinaryPrimitives.ReadUInt128BigEndian(packet.AsSpan(24)));
    }

    private static ushort Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));

    private static byte[] Make(bool isIpv4, UInt128 source, UInt128 destination, byte protocol, byte[] payload)
    {
        Packet.WriteChecksum(protocol, payload, source, destination);
        return isIpv4
            ? Packet.Ethernet(0x0800, Packet.Ipv4((uint)source, (uint)destination, protocol, payload))
            : Packet.Ethernet(0x86dd, Packet.Ipv6(source, destination, protocol, payload));
    }

    // Frames that come again get a number of their own: RFC 1624 for the header's checksum, and none in IPv6. A frame that is not well-formed stays so.
    private static void Number(byte[] frame, int id)
    {
        if (frame.Length >= Ethernet + 20 && frame[12] == 8)
        {
            Span<byte> header = frame.AsSpan(Ethernet);
            uint sum = (uint)(ushort)~BinaryPrimitives.ReadUInt16BigEndian(header[10..])
                + (ushort)~BinaryPrimitives.ReadUInt16BigEndian(header[4..]) + (ushort)id;
            sum = (sum & 0xffff) + (sum >> 16);
            sum = (sum & 0xffff) + (sum >> 16);
            BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)id);
            BinaryPrimitives.WriteUInt16BigEndian(header[10..], (ushort)~sum);
        }
        else if (frame.Length >= Ethernet + 40 && frame[12] == 0x86)
        {
            uint first = BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(Ethernet)) & 0xfff0_0000;
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(Ethernet), first | (uint)id);
        }
    }
}

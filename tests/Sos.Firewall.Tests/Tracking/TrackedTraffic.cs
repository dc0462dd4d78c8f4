using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using static Sos.Firewall.Tests.Tracking.Segment;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>A frame between a network and a host behind the tracker.</summary>
/// <param name="Bytes">The frame.</param>
/// <param name="IsSent">Whether the host sends it.</param>
/// <param name="IsIpv4">Whether it is IPv4: then its number is the identification, else the flow label.</param>
/// <param name="IsTcp">Whether it is TCP.</param>
internal sealed record TrackedFrame(byte[] Bytes, bool IsSent, bool IsIpv4, bool IsTcp);

/// <summary>
/// Conversations between a few ends, as they are and as nobody would have them: TCP that opens, talks, closes and resets, mostly by the rules and sometimes
/// not; datagrams, queries and errors of ICMP, and others.
/// </summary>
internal sealed class TrackedTraffic(Random random)
{
    private const int Conversations = 6;
    private const int RememberedMax = 24;

    private readonly List<TrackedFrame> _seen = [];
    private readonly Tcp[] _all = new Tcp[Conversations];

    public TrackedFrame Next(int id)
    {
        TrackedFrame frame = random.Next(20) switch
        {
            < 13 => MakeTcp(random.Next(Conversations), id),
            < 15 => MakeDatagram(id),
            < 17 => MakeQuery(id),
            17 when _seen.Count > 0 => MakeError(id),
            18 => MakeMessage(id),
            _ => MakeOther(id),
        };
        if (_seen.Count == RememberedMax)
        {
            _seen.RemoveAt(random.Next(RememberedMax));
        }

        _seen.Add(frame);
        return frame;
    }

    private static UInt128 Address(bool isIpv4, bool isHost, int number) => isIpv4
        ? (isHost ? 0x0a0b0000u : 0x0a0a0000u) + (uint)number
        : new UInt128(isHost ? 0xfd00_000b_0000_0000 : 0xfd00_000a_0000_0000, (ulong)number);

    private T Choose<T>(params ReadOnlySpan<T> values) => values[random.Next(values.Length)];

    private TrackedFrame MakeTcp(int number, int id)
    {
        ref Tcp tcp = ref _all[number];
        bool isSent = random.Next(2) == 0;
        ref uint own = ref (isSent ? ref tcp.Host : ref tcp.Peer);
        uint other = isSent ? tcp.Peer : tcp.Host;
        if (random.Next(25) == 0)
        {
            own = (uint)random.NextInt64(); // begins anew
        }

        byte flags = tcp.Step++ switch
        {
            0 => Syn,
            1 => Syn | Ack,
            > 12 when random.Next(4) == 0 => Choose<byte>(Fin | Ack, Fin | Ack, Rst, Rst | Ack),
            _ => random.Next(12) == 0 ? Choose<byte>(Syn, Syn | Ack, Fin | Ack, Rst, Rst | Ack, 0, Fin, Syn | Fin, Ack | Urg) : Ack,
        };
        tcp.Step = tcp.Step > 24 ? 0 : tcp.Step;
        uint sequence = own + Stray();
        Segment segment = new(
            flags, sequence, (flags & Ack) != 0 || random.Next(20) == 0 ? other + Stray() : 0, Choose<ushort>(0, 1, 200, 1000, 1000, 29_200, 65_000),
            flags == Ack ? Choose(0, 0, 1, 40, 300, 1000) : 0)
        {
            Options = (flags & Syn) != 0 ? Choose<byte[]>([], [1, 3, 3, 7], [4, 2], [4, 2, 1, 3, 3, 2], [2, 4, 5, 180, 3, 3, 20])
                : random.Next(8) == 0 ? Sack(other) : [],
        };
        if (random.Next(8) != 0)
        {
            own = sequence + (uint)segment.Data + ((flags & (Syn | Fin)) != 0 ? 1u : 0); // else it sends the same again
        }

        (ushort source, ushort destination) = isSent ? ((ushort)80, (ushort)(5000 + number)) : ((ushort)(5000 + number), (ushort)80);
        return Make(number % 3 != 2, isSent, number, 6, segment.ToBytes(source, destination), id, isTcp: true);
    }

    private uint Stray() => random.Next(14) switch
    {
        0 => 1,
        1 => unchecked((uint)-1),
        2 => unchecked((uint)-random.Next(3000)),
        3 => (uint)random.Next(3000),
        4 => random.Next(2) == 0 ? (uint)random.Next(100_000) : unchecked((uint)-random.Next(100_000)),
        5 when random.Next(4) == 0 => (uint)random.NextInt64(),
        _ => 0,
    };

    private byte[] Sack(uint edge)
    {
        byte[] option = [1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(4), edge + 100);
        BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(8), edge + Choose(0u, 1u, 100u, 5000u));
        return option;
    }

    private TrackedFrame MakeDatagram(int id)
    {
        bool isSent = random.Next(2) == 0;
        ushort port = (ushort)(6000 + random.Next(3));
        byte[] payload = isSent ? Packet.Udp(53, port, random.Next(20)) : Packet.Udp(port, 53, random.Next(20));
        return Make(random.Next(2) == 0, isSent, random.Next(2), 17, payload, id);
    }

    private TrackedFrame MakeQuery(int id)
    {
        bool isIpv4 = random.Next(2) == 0;
        byte type = isIpv4 ? Choose<byte>(8, 8, 0, 0, 13, 14, 15, 16, 17, 18) : Choose<byte>(128, 128, 129, 129, 139, 140);
        return Make(
            isIpv4, random.Next(2) == 0, random.Next(2), isIpv4 ? (byte)1 : (byte)58,
            [type, (byte)(random.Next(10) == 0 ? 1 : 0), 0, 0, 0, (byte)random.Next(2), 0, 1], id);
    }

    private TrackedFrame MakeError(int id)
    {
        TrackedFrame about = _seen[random.Next(_seen.Count)];
        bool isSent = random.Next(6) == 0 ? about.IsSent : !about.IsSent;
        byte[] quoted = about.Bytes[14..];
        quoted = quoted[..Math.Min(quoted.Length, random.Next(6) == 0 ? random.Next(1, quoted.Length) : (about.IsIpv4 ? 28 : 48) + random.Next(30))];
        byte[] head = about.IsIpv4
            ? [Choose<byte>(3, 3, 4, 5, 11, 12), Choose<byte>(0, 1, 3), 0, 0, 0, 0, 0, 0]
            : [Choose<byte>(1, 1, 2, 3, 4, 100), 0, 0, 0, 0, 0, 0, 0];
        UInt128 to = random.Next(5) == 0 || quoted.Length < (about.IsIpv4 ? 20 : 40) ? Address(about.IsIpv4, !isSent, random.Next(3)) : SourceOf(quoted);
        UInt128 from = Address(about.IsIpv4, isSent, 77);
        return Make(about.IsIpv4, isSent, from, to, about.IsIpv4 ? (byte)1 : (byte)58, [.. head, .. quoted], id, isTcp: false);
    }

    private static UInt128 SourceOf(byte[] packet) => packet[0] >> 4 == 4
        ? BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(12)) : BinaryPrimitives.ReadUInt128BigEndian(packet.AsSpan(8));

    private TrackedFrame MakeMessage(int id)
    {
        bool isIpv4 = random.Next(2) == 0;
        byte type = isIpv4 ? Choose<byte>(1, 9, 10, 19, 40) : Choose<byte>(130, 131, 133, 134, 135, 136, 137, 143, 144, 200);
        return Make(isIpv4, random.Next(2) == 0, 1, isIpv4 ? (byte)1 : (byte)58, [type, 0, 0, 0, .. new byte[20]], id);
    }

    private TrackedFrame MakeOther(int id)
        => Make(random.Next(2) == 0, random.Next(2) == 0, random.Next(2), Choose<byte>(50, 253, 254, 1, 58), new byte[24], id);

    private TrackedFrame Make(bool isIpv4, bool isSent, int number, byte protocol, byte[] payload, int id, bool isTcp = false)
        => Make(isIpv4, isSent, Address(isIpv4, isSent, number + 1), Address(isIpv4, !isSent, number + 1), protocol, payload, id, isTcp);

    private TrackedFrame Make(
        bool isIpv4, bool isSent, UInt128 source, UInt128 destination, byte protocol, byte[] payload, int id, bool isTcp)
    {
        Packet.WriteChecksum(protocol, payload, source, destination);
        if (!isSent && random.Next(30) == 0)
        {
            payload[^1] ^= 1; // damaged on the way: the checksum is wrong, where there is one
        }

        byte[] frame = isIpv4
            ? Packet.Ethernet(0x0800, Packet.Ipv4((uint)source, (uint)destination, protocol, payload, (ushort)id))
            : Packet.Ethernet(0x86dd, Packet.Ipv6(source, destination, protocol, payload, (uint)id));
        return new TrackedFrame(frame, isSent, isIpv4, isTcp);
    }

    private struct Tcp
    {
        public uint Host;
        public uint Peer;
        public int Step;
    }
}

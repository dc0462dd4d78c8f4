using System;
using System.Buffers.Binary;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Connections;

/// <summary>Kinds of frames that Linux sends, or gets, by what they tell of their connection.</summary>
public enum SentKind
{
    /// <summary>Of no connection: no IP, or an ICMP message of its own.</summary>
    None,

    /// <summary>Of a connection with a key.</summary>
    Keyed,

    /// <summary>IP that cannot be read: it may belong to any connection.</summary>
    Unreadable,

    /// <summary>Of a connection with a key, and with another packet inside, which may belong to any.</summary>
    Wrapped,
}

/// <summary>
/// Reads the connection of a frame that Linux sends or gets. Less is checked than of what arrives, since Linux leaves lengths and checksums of large
/// frames to the card.
/// </summary>
public static class SentFrame
{
    private const int TypeOffset = 12;
    private const int TagSize = 4;
    private const ushort LaterFragment = 0x1fff; // RFC 791, 3.1: the offset
    private const ushort LaterFragment6 = 0xfff8; // RFC 8200, 4.5

    /// <summary>Reads a frame.</summary>
    public static SentKind Read(ReadOnlySpan<byte> frame, out ulong key)
    {
        key = 0;
        int at = TypeOffset;
        while (at + 2 <= frame.Length) // Linux takes off as many tags as there are.
        {
            switch (BinaryPrimitives.ReadUInt16BigEndian(frame[at..]))
            {
                case (ushort)EtherType.Ipv4:
                    return ReadIpv4(frame[(at + 2)..], out key);
                case (ushort)EtherType.Ipv6:
                    return ReadIpv6(frame[(at + 2)..], out key);
                case 0x8100 or 0x88a8: // IEEE 802.1Q
                    at += TagSize;
                    break;
                case 0x8847 or 0x8848: // RFC 5332: MPLS, around what Linux tracked before
                    return SentKind.Unreadable;
                default:
                    return SentKind.None;
            }
        }

        return SentKind.Unreadable;
    }

    /// <summary>Reads a packet without a frame around it, which may be cut behind its first bytes.</summary>
    public static SentKind ReadPacket(ReadOnlySpan<byte> packet, out ulong key)
    {
        key = 0;
        return packet.IsEmpty ? SentKind.Unreadable : (packet[0] >> 4) switch
        {
            4 => ReadIpv4(packet, out key),
            6 => ReadIpv6(packet, out key),
            _ => SentKind.Unreadable,
        };
    }

    private static SentKind ReadIpv4(ReadOnlySpan<byte> packet, out ulong key)
    {
        key = 0;
        if (packet.Length < Ipv4Header.SizeMin || packet[0] >> 4 != 4)
        {
            return SentKind.Unreadable;
        }

        int length = (packet[0] & 15) * 4;
        if ((BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & LaterFragment) != 0)
        {
            return SentKind.None; // Its first fragment has gone before or will follow, and no answer comes to half a packet.
        }

        return length < Ipv4Header.SizeMin || length > packet.Length
            ? SentKind.Unreadable
            : ReadTransport(
                packet[9], new Address128(0, BinaryPrimitives.ReadUInt32BigEndian(packet[12..])),
                new Address128(0, BinaryPrimitives.ReadUInt32BigEndian(packet[16..])), packet[length..], out key);
    }

    private static SentKind ReadIpv6(ReadOnlySpan<byte> packet, out ulong key)
    {
        key = 0;
        if (packet.Length < Ipv6Header.Size)
        {
            return SentKind.Unreadable;
        }

        byte next = packet[6];
        int at = Ipv6Header.Size;
        while (true) // Each header takes eight bytes at least.
        {
            bool isFragment = (IpProtocol)next == IpProtocol.Fragment;
            bool isAuthentication = (IpProtocol)next == IpProtocol.Authentication; // Linux tracks what is behind it
            if (!isFragment && !isAuthentication && (IpProtocol)next is not (IpProtocol.HopByHop or IpProtocol.Routing or IpProtocol.DestinationOptions))
            {
                return ReadTransport(next, ReadAddress(packet[8..]), ReadAddress(packet[24..]), packet[at..], out key);
            }

            if (at + 8 > packet.Length)
            {
                return SentKind.Unreadable;
            }

            if (isFragment && (BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]) & LaterFragment6) != 0)
            {
                return SentKind.None;
            }

            next = packet[at];
            at += isFragment ? 8 : isAuthentication ? (packet[at + 1] + 2) * 4 : (packet[at + 1] + 1) * 8; // RFC 4302, 2.2
            if (at > packet.Length)
            {
                return SentKind.Unreadable;
            }
        }
    }

    private static SentKind ReadTransport(byte protocol, Address128 source, Address128 destination, ReadOnlySpan<byte> transport, out ulong key)
    {
        key = 0;
        ushort first = 0;
        ushort second = 0;
        if (ConnectionKey.HasPorts(protocol))
        {
            if (transport.Length < 4)
            {
                return SentKind.Unreadable;
            }

            first = BinaryPrimitives.ReadUInt16BigEndian(transport);
            second = BinaryPrimitives.ReadUInt16BigEndian(transport[2..]);
        }
        else if ((IpProtocol)protocol is IpProtocol.Icmp or IpProtocol.Icmpv6)
        {
            if (transport.Length < 6)
            {
                return SentKind.Unreadable;
            }

            if (!ConnectionKey.IsEcho(protocol, transport[0]))
            {
                return SentKind.None; // What answers to it is never taken for a stranger's.
            }

            first = second = BinaryPrimitives.ReadUInt16BigEndian(transport[4..]);
        }

        key = ConnectionKey.Of(protocol, source, first, destination, second);
        return IsAround(protocol) ? SentKind.Wrapped : SentKind.Keyed;
    }

    // IPv4, IPv6 (segment routing has it, too), GRE, MPLS, Ethernet: routes may wrap packets so without a device for it.
    private static bool IsAround(byte protocol) => protocol is 4 or 41 or 47 or 137 or 143;

    private static Address128 ReadAddress(ReadOnlySpan<byte> bytes)
        => new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));
}

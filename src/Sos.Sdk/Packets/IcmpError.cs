using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Packets;

/// <summary>An error that a packet is answered with, in both families' words.</summary>
/// <param name="Type4">Type of ICMP (RFC 792).</param>
/// <param name="Code4">Code of ICMP.</param>
/// <param name="Type6">Type of ICMPv6 (RFC 4443).</param>
/// <param name="Code6">Code of ICMPv6.</param>
public readonly record struct IcmpErrorCode(byte Type4, byte Code4, byte Type6, byte Code6);

/// <summary>Makes errors in place: the packet that causes one becomes its answer.</summary>
public static class IcmpError
{
    private const int Ethernet = EthernetHeader.UntaggedSize;
    private const int HeaderSize = 8;
    private const int Ipv4SizeMax = 576; // RFC 1812, 4.3.2.3
    private const int Ipv6SizeMax = 1280; // RFC 4443, 2.4 (c)
    private const byte TimeToLive = 64;

    /// <summary>
    /// Whether an IPv4 packet may be answered with an error: no later fragment, and of ICMP only what is surely none itself (RFC 1812, 4.3.2.7): for Linux
    /// echo, timestamp, information and mask.
    /// </summary>
    /// <param name="packet">The packet from its IP header on.</param>
    public static bool MayAnswer4(ReadOnlySpan<byte> packet)
    {
        if ((BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1fff) != 0)
        {
            return false;
        }

        bool isIcmp = packet[9] == (byte)IpProtocol.Icmp;
        return !isIcmp || (packet.Length > Ipv4Header.SizeMin && packet[Ipv4Header.SizeMin] is 0 or 8 or (>= 13 and <= 18));
    }

    /// <summary>Whether an IPv6 packet may be answered with an error: one that is surely none of ICMPv6 itself (RFC 4443, 2.4 (e)).</summary>
    /// <param name="packet">The packet from its IP header on.</param>
    /// <param name="protocol">What it carries.</param>
    /// <param name="transport">Where that begins.</param>
    public static bool MayAnswer6(ReadOnlySpan<byte> packet, IpProtocol protocol, int transport)
        => protocol != IpProtocol.Icmpv6 || (packet.Length > transport && packet[transport] >= 128);

    /// <summary>Turns a packet into an error about it; the Ethernet header stays to be written.</summary>
    /// <param name="buffer">The packet, whole, behind an untagged Ethernet header.</param>
    /// <param name="error">The error.</param>
    /// <param name="source">The address that it comes from.</param>
    /// <param name="mtu">What the next link takes, of a packet that is too large for it; else 0.</param>
    /// <param name="identification">The answer's identification.</param>
    /// <returns>Whether there was room in front of it.</returns>
    public static bool TryMake4(PacketBuffer buffer, IcmpErrorCode error, uint source, uint mtu, ushort identification)
    {
        const int more = Ipv4Header.SizeMin + HeaderSize;
        if (buffer.HeadroomFree < more)
        {
            return false;
        }

        uint destination = BinaryPrimitives.ReadUInt32BigEndian(buffer.Frame[(Ethernet + 12)..]);
        byte service = buffer.Frame[Ethernet + 1];
        buffer.Push(more);
        int length = Math.Min(buffer.Length - Ethernet, Ipv4SizeMax);
        buffer.Trim(Ethernet + length);
        Span<byte> packet = buffer.Frame[Ethernet..];
        Span<byte> message = packet[Ipv4Header.SizeMin..];
        WriteMessage(message, error.Type4, error.Code4, mtu & 0xffff);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], InternetChecksum.Compute(message));
        new Ipv4Header
        {
            HeaderLength = Ipv4Header.SizeMin,
            TypeOfService = (byte)((service & 0x1e) | 0xc0), // RFC 1812, 4.3.2.5: internetwork control
            TotalLength = (ushort)length,
            Fragment = new FragmentInfo(0, false, identification),
            TimeToLive = TimeToLive,
            Protocol = IpProtocol.Icmp,
            Source = source,
            Destination = destination,
        }.Write(packet);
        return true;
    }

    /// <inheritdoc cref="TryMake4"/>
    public static bool TryMake6(PacketBuffer buffer, IcmpErrorCode error, Ipv6Address source, uint mtu)
    {
        const int more = Ipv6Header.Size + HeaderSize;
        if (buffer.HeadroomFree < more)
        {
            return false;
        }

        Ipv6Address destination = Ipv6Address.Read(buffer.Frame[(Ethernet + 8)..]);
        buffer.Push(more);
        int length = Math.Min(buffer.Length - Ethernet, Ipv6SizeMax);
        buffer.Trim(Ethernet + length);
        Span<byte> packet = buffer.Frame[Ethernet..];
        Span<byte> message = packet[Ipv6Header.Size..];
        WriteMessage(message, error.Type6, error.Code6, mtu);
        ushort pseudo = InternetChecksum.PseudoHeader(source, destination, IpProtocol.Icmpv6, (uint)message.Length);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], InternetChecksum.Compute(message, pseudo));
        new Ipv6Header
        {
            PayloadLength = (ushort)message.Length,
            NextHeader = IpProtocol.Icmpv6,
            HopLimit = TimeToLive,
            Source = source,
            Destination = destination,
        }.Write(packet);
        return true;
    }

    private static void WriteMessage(Span<byte> message, byte type, byte code, uint mtu)
    {
        message[0] = type;
        message[1] = code;
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], 0);
        BinaryPrimitives.WriteUInt32BigEndian(message[4..], mtu);
    }
}

using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Sos.Router.Tables;
using Sos.Sdk.Wire;

namespace Sos.Router;

/// <summary>The treatment of a frame before any route is looked up.</summary>
public enum PacketClass : byte
{
    /// <summary>Linux gets it.</summary>
    Linux,

    /// <summary>Looked up among the IPv4 routes.</summary>
    Ipv4,

    /// <summary>Looked up among the IPv6 routes.</summary>
    Ipv6,

    /// <summary>Dropped as malformed.</summary>
    Malformed,

    /// <summary>Dropped: nobody can have its source or destination.</summary>
    Martian,
}

/// <summary>Sorts frames by what a router checks first (RFC 1812, 5.2.2 and 5.3.7; RFC 8200), as Linux does it.</summary>
public static class PacketSorter
{
    private const int Ethernet = EthernetHeader.UntaggedSize;
    private const byte PlainIpv4 = 0x45;
    private const uint LimitedBroadcast = uint.MaxValue;

    /// <summary>Sorts a frame.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="settings">What Linux has set for the port that it came by.</param>
    /// <param name="state">Which traffic the core forwards.</param>
    /// <param name="length">Bytes of a packet that is looked up.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PacketClass Sort(ReadOnlySpan<byte> frame, in InterfaceSettings settings, RouterState state, out int length)
    {
        length = 0;
        if (frame.Length < Ethernet + Ipv4Header.SizeMin || MacAddress.Read(frame).Value != settings.Mac)
        {
            return PacketClass.Linux;
        }

        // What is tagged, ARP and all else is Linux's.
        return (EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) switch
        {
            EtherType.Ipv4 when (state & RouterState.Ipv4) != 0 && (settings.Flags & InterfaceFlags.Forwards4) != 0 => SortIpv4(frame[Ethernet..], out length),
            EtherType.Ipv6 when (state & RouterState.Ipv6) != 0 && (settings.Flags & InterfaceFlags.Forwards6) != 0 => SortIpv6(frame[Ethernet..], out length),
            _ => PacketClass.Linux,
        };
    }

    private static PacketClass SortIpv4(ReadOnlySpan<byte> packet, out int length)
    {
        length = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (packet[0] != PlainIpv4)
        {
            // Options are Linux's; it finds out itself whether they are well-formed.
            return packet[0] >> 4 == 4 && (packet[0] & 15) > 5 ? PacketClass.Linux : PacketClass.Malformed;
        }

        if (length < Ipv4Header.SizeMin || length > packet.Length || !InternetChecksum.IsValid(packet[..Ipv4Header.SizeMin]))
        {
            return PacketClass.Malformed;
        }

        uint source = BinaryPrimitives.ReadUInt32BigEndian(packet[12..]);
        uint destination = BinaryPrimitives.ReadUInt32BigEndian(packet[16..]);
        if (destination >> 28 == 14 || destination == LimitedBroadcast)
        {
            return PacketClass.Linux;
        }

        return IsMartian(source) || source >> 28 == 14 || source == LimitedBroadcast || IsMartian(destination) ? PacketClass.Martian : PacketClass.Ipv4;
    }

    // Unspecified and loopback. The rest of 0.0.0.0/8 is unicast to Linux.
    private static bool IsMartian(uint address) => address == 0 || address >> 24 == 127;

    private static PacketClass SortIpv6(ReadOnlySpan<byte> packet, out int length)
    {
        length = 0;
        if (packet.Length < Ipv6Header.Size || packet[0] >> 4 != 6)
        {
            return PacketClass.Malformed;
        }

        length = Ipv6Header.Size + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (length > packet.Length)
        {
            return PacketClass.Malformed;
        }

        Ipv6Address source = Ipv6Address.Read(packet[8..]);
        Ipv6Address destination = Ipv6Address.Read(packet[24..]);

        // What becomes of a mapped source (::ffff:0:0/96), and of the unspecified destination, depends on Linux's version.
        bool isMapped = source.High == 0 && source.Low >> 32 == 0xffff;
        if (destination.IsMulticast || IsLinkLocal(destination) || IsLinkLocal(source) || packet[6] == (byte)IpProtocol.HopByHop
            || isMapped || destination == default)
        {
            return PacketClass.Linux;
        }

        return source.IsMulticast || IsReserved(source) || IsReserved(destination) ? PacketClass.Martian : PacketClass.Ipv6;
    }

    private static bool IsLinkLocal(Ipv6Address address) => address.High >> 54 == 0x3fa; // fe80::/10

    // Unspecified and loopback.
    private static bool IsReserved(Ipv6Address address) => address is { High: 0, Low: <= 1 };
}

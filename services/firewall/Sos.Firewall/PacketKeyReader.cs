using System;
using System.Buffers.Binary;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <summary>
/// Fills a <see cref="PacketKey"/> with what nftables would read from the same packet. Beyond the checked headers of
/// <see cref="ParsedFrame"/>, nftables reads plain bytes at the transport header, whatever the protocol; so does this.
/// </summary>
public static class PacketKeyReader
{
    private const int TcpFlagsOffset = 13;
    private const int ErrorHeaderSize = 8; // RFC 792; RFC 4443, 2.1
    private const int UdpChecksumOffset = 6; // RFC 768
    private const uint FamilyIpv4 = 2;
    private const uint FamilyIpv6 = 10;

    private const uint CommonFields = (1u << (int)Field.EtherType) | (1u << (int)Field.Connection) | (1u << (int)Field.TcpData)
        | (1u << (int)Field.PacketLength);

    private const uint Ipv4Fields = (1u << (int)Field.NetworkFamily) | (1u << (int)Field.TransportProtocol) | (1u << (int)Field.Ipv4Protocol)
        | (1u << (int)Field.Ipv4FragmentOffset) | (1u << (int)Field.Ipv4Source) | (1u << (int)Field.Ipv4Destination) | (1u << (int)Field.TrafficClass)
        | (1u << (int)Field.TimeToLive) | (1u << (int)Field.Ipv4Identification);

    private const uint Ipv6Fields = (1u << (int)Field.NetworkFamily) | (1u << (int)Field.Ipv6NextHeader) | (1u << (int)Field.TrafficClass)
        | (1u << (int)Field.TimeToLive) | (1u << (int)Field.Ipv6FlowLabel);

    /// <summary>Reads the key of a well-formed IP packet.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="parsed">What <see cref="FrameParser"/> made of it.</param>
    /// <param name="key">The key.</param>
    public static void Read(ReadOnlySpan<byte> frame, in ParsedFrame parsed, ref PacketKey key)
    {
        key.Clear();
        ReadOnlySpan<byte> packet = frame[parsed.NetworkOffset..parsed.PacketEnd];
        key.Length = (uint)packet.Length;
        key.Write(Field.EtherType, (uint)parsed.EtherType);
        key.Write(Field.Connection, ConnectionStates.All);
        key.Write(Field.TcpData, 0);
        key.Write(Field.PacketLength, (uint)packet.Length);
        key.Mark(CommonFields);
        if (parsed.IpVersion == 4)
        {
            ReadIpv4(packet, in parsed, ref key);
        }
        else
        {
            ReadIpv6(packet, in parsed, ref key);
        }
    }

    /// <summary>Whether a packet has neither IPv4 options nor IPv6 extension headers, by which Linux may treat it before or between its hooks.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="parsed">What <see cref="FrameParser"/> made of it.</param>
    /// <param name="key">Its key.</param>
    public static bool IsPlain(ReadOnlySpan<byte> frame, in ParsedFrame parsed, in PacketKey key)
        => parsed.IpVersion == 4
            ? (frame[parsed.NetworkOffset] & 15) * 4 == Ipv4Header.SizeMin
            : key.Has(Field.TransportProtocol)
                && key.Value(Field.TransportProtocol) == key.Value(Field.Ipv6NextHeader)
                && !IsExtension((IpProtocol)key.Value(Field.TransportProtocol));

    /// <summary>Reads the connection of a packet that <see cref="IsPlain"/> and whole.</summary>
    /// <returns>False where a packet may belong to any: an error or a message of ICMP's own.</returns>
    /// <inheritdoc cref="IsPlain"/>
    /// <param name="connection">Its <see cref="ConnectionKey"/>.</param>
    public static bool TryReadConnection(ReadOnlySpan<byte> frame, in ParsedFrame parsed, in PacketKey key, out ulong connection)
    {
        connection = 0;
        if (!key.Has(Field.TransportProtocol))
        {
            return false;
        }

        byte protocol = (byte)key.Value(Field.TransportProtocol);
        ushort first = 0;
        ushort second = 0;
        if (ConnectionKey.HasPorts(protocol))
        {
            if (!key.Has(Field.DestinationPort))
            {
                return false;
            }

            (first, second) = ((ushort)key.Value(Field.SourcePort), (ushort)key.Value(Field.DestinationPort));
        }
        else if ((IpProtocol)protocol is IpProtocol.Icmp or IpProtocol.Icmpv6)
        {
            ReadOnlySpan<byte> message = frame[parsed.TransportOffset..parsed.PacketEnd];
            if (message.Length < 6 || !ConnectionKey.IsEcho(protocol, message[0]))
            {
                return false;
            }

            first = second = BinaryPrimitives.ReadUInt16BigEndian(message[4..]);
        }

        connection = ConnectionKey.Of(
            protocol, new Address128(parsed.Source.High, parsed.Source.Low), first,
            new Address128(parsed.Destination.High, parsed.Destination.Low), second);
        return true;
    }

    /// <summary>Reads the connection that an error of ICMP is about: Linux calls the error related to that one, or invalid if it knows no such.</summary>
    /// <returns>False for any other packet, and for errors about what has no key.</returns>
    /// <inheritdoc cref="IsPlain"/>
    /// <param name="connection">The <see cref="ConnectionKey"/> of the packet that it carries.</param>
    public static bool TryReadConcerned(ReadOnlySpan<byte> frame, in ParsedFrame parsed, in PacketKey key, out ulong connection)
    {
        connection = 0;
        ReadOnlySpan<byte> message = frame[parsed.TransportOffset..parsed.PacketEnd];
        return message.Length > ErrorHeaderSize && (IpProtocol)key.Value(Field.TransportProtocol) switch
        {
            IpProtocol.Icmp => message[0] is 3 or 4 or 5 or 11 or 12, // icmp_is_err
            IpProtocol.Icmpv6 => message[0] is >= 1 and <= 4,
            _ => false,
        } && SentFrame.ReadPacket(message[ErrorHeaderSize..], out connection) == SentKind.Keyed;
    }

    /// <summary>
    /// Whether the checksum of a whole packet is right, of those protocols of which a wrong one makes conntrack call the packet invalid, and
    /// <see cref="Connections.ConnectionStates.OfFirst"/> does not.
    /// </summary>
    /// <param name="frame">The frame.</param>
    /// <param name="parsed">What <see cref="FrameParser"/> made of it.</param>
    public static bool HasValidChecksum(ReadOnlySpan<byte> frame, in ParsedFrame parsed)
    {
        ReadOnlySpan<byte> message = frame[parsed.TransportOffset..parsed.PacketEnd];
        switch (parsed.Protocol)
        {
            case IpProtocol.Icmp:
                return InternetChecksum.IsValid(message);
            case IpProtocol.Udp when message.Length >= UdpHeader.Size && (message[UdpChecksumOffset] | message[UdpChecksumOffset + 1]) == 0:
                return true; // It has none.
            case IpProtocol.Udp or IpProtocol.Tcp or IpProtocol.Icmpv6: // Addresses of IPv4 sum up to the same where zeros lead them.
                return InternetChecksum.IsValid(
                    message, InternetChecksum.PseudoHeader(parsed.Source, parsed.Destination, parsed.Protocol, (uint)message.Length));
            default:
                return true;
        }
    }

    // The registry of IANA, "IPv6 Extension Header Types": those that are skipped, AH, Mobility, HIP, Shim6.
    private static bool IsExtension(IpProtocol protocol)
        => IsSkipped(protocol) || protocol == IpProtocol.Authentication || (int)protocol is 135 or 139 or 140;

    // nft_set_pktinfo_ipv4: the protocol is that of the header, also for fragments and AH.
    private static void ReadIpv4(ReadOnlySpan<byte> packet, in ParsedFrame parsed, ref PacketKey key)
    {
        key.Families = BaseChain.Ipv4;
        key.Write(Field.NetworkFamily, FamilyIpv4);
        key.Write(Field.TransportProtocol, packet[9]);
        key.Write(Field.Ipv4Protocol, packet[9]);
        key.Write(Field.Ipv4FragmentOffset, BinaryPrimitives.ReadUInt16BigEndian(packet[6..]));
        key.Write(Field.Ipv4Source, parsed.SourceIpv4);
        key.Write(Field.Ipv4Destination, parsed.DestinationIpv4);
        key.Write(Field.TrafficClass, packet[1]);
        key.Write(Field.TimeToLive, packet[8]);
        key.Write(Field.Ipv4Identification, BinaryPrimitives.ReadUInt16BigEndian(packet[4..]));
        key.Mark(Ipv4Fields);
        if (!parsed.Fragment.IsLater)
        {
            ReadTransport(packet[(parsed.TransportOffset - parsed.NetworkOffset)..], ref key);
        }
    }

    private static void ReadIpv6(ReadOnlySpan<byte> packet, in ParsedFrame parsed, ref PacketKey key)
    {
        key.Families = BaseChain.Ipv6;
        uint start = BinaryPrimitives.ReadUInt32BigEndian(packet);
        key.Write(Field.NetworkFamily, FamilyIpv6);
        key.Write(Field.Ipv6NextHeader, packet[6]);
        key.Write(Field.TrafficClass, (byte)(start >> 20));
        key.Write(Field.TimeToLive, packet[7]);
        key.Write(Field.Ipv6FlowLabel, start & 0xf_ffff);
        key.Mark(Ipv6Fields);
        key.SetIpv6Addresses(
            new Address128(parsed.Source.High, parsed.Source.Low),
            new Address128(parsed.Destination.High, parsed.Destination.Low));

        int offset = Ipv6Header.Size;
        IpProtocol next = (IpProtocol)packet[6];
        bool isLater = false;
        while (IsSkipped(next) && !isLater)
        {
            // The parser has checked that each header is whole; a first fragment can still end the packet.
            ReadOnlySpan<byte> header = packet[offset..];
            isLater = next == IpProtocol.Fragment && (BinaryPrimitives.ReadUInt16BigEndian(header[2..]) & 0xfff8) != 0;
            int length = next == IpProtocol.Fragment ? 8 : (header[1] + 1) * 8;
            next = (IpProtocol)header[0];
            offset += length;
        }

        // ipv6_find_hdr gives up on a later fragment whose data starts with another extension header.
        if (isLater && (IsSkipped(next) || next == IpProtocol.Authentication))
        {
            return;
        }

        key.Set(Field.TransportProtocol, (uint)next);
        if (!isLater)
        {
            ReadTransport(packet[offset..], ref key);
        }
    }

    /// <summary>Returns where nftables finds the transport header of an IPv6 packet.</summary>
    /// <param name="packet">The packet from its IPv6 header on, whose extension headers the parser has checked.</param>
    internal static int TransportOffset(ReadOnlySpan<byte> packet)
    {
        int offset = Ipv6Header.Size;
        IpProtocol next = (IpProtocol)packet[6];
        while (IsSkipped(next) && offset + 8 <= packet.Length)
        {
            int length = next == IpProtocol.Fragment ? 8 : (packet[offset + 1] + 1) * 8;
            next = (IpProtocol)packet[offset];
            offset += length;
        }

        return Math.Min(offset, packet.Length);
    }

    /// <summary>Whether nftables looks behind that header (ipv6_find_hdr with IP6_FH_F_AUTH: it stops at AH).</summary>
    private static bool IsSkipped(IpProtocol protocol)
        => protocol is IpProtocol.HopByHop or IpProtocol.Routing or IpProtocol.Fragment or IpProtocol.DestinationOptions;

    private static void ReadTransport(ReadOnlySpan<byte> transport, ref PacketKey key)
    {
        if (transport.Length >= 1)
        {
            key.Set(Field.IcmpType, transport[0]);
        }

        if (transport.Length >= 2)
        {
            key.Set(Field.IcmpCode, transport[1]);
            key.Set(Field.SourcePort, BinaryPrimitives.ReadUInt16BigEndian(transport));
        }

        if (transport.Length >= 4)
        {
            key.Set(Field.DestinationPort, BinaryPrimitives.ReadUInt16BigEndian(transport[2..]));
        }

        if (transport.Length > TcpFlagsOffset)
        {
            int header = (transport[TcpFlagsOffset - 1] >> 4) * 4;
            key.Set(Field.TcpFlags, transport[TcpFlagsOffset]);
            key.Set(Field.TcpData, transport.Length > header ? 1u : 0);
        }
    }
}

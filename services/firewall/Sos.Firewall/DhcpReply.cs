using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <summary>
/// Replies to a DHCP client of this host. Under Linux alone the client reads them before any rule does, so a host that drops all it did not ask for keeps its
/// address all the same. Only what a server or relay of the same network can send is taken for one.
/// </summary>
public static class DhcpReply
{
    private const ushort ServerPort = 67;
    private const ushort ClientPort = 68;
    private const ushort ServerPort6 = 547;
    private const ushort ClientPort6 = 546;
    private const int CookieOffset = 236; // RFC 2131, 2
    private const uint Cookie = 0x63825363; // RFC 2131, 3
    private const int ClientAddressOffset = 28;
    private const uint ReplyToEthernet = 0x0201_06; // op BOOTREPLY, htype 1, hlen 6
    private const ulong LinkLocal = 0xfe80; // fe80::/10, RFC 4291, 2.5.6

    /// <summary>Whether a frame is such a reply.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="parsed">What its headers say.</param>
    public static bool Is(ReadOnlySpan<byte> frame, in ParsedFrame parsed)
    {
        if (!parsed.HasTransport || parsed.Protocol != IpProtocol.Udp || parsed.Fragment.IsFragment)
        {
            return false;
        }

        return parsed.IpVersion == 4
            ? parsed is { SourcePort: ServerPort, DestinationPort: ClientPort } && IsForReceiver(frame, in parsed)
            : parsed is { SourcePort: ServerPort6, DestinationPort: ClientPort6 } && IsLinkLocal(parsed.Source) && IsLinkLocal(parsed.Destination);
    }

    /// <summary>
    /// Whether a packet is a client's that has no address yet (RFC 2131, 4.1): clients send it past the rules of Linux, by packet sockets.
    /// </summary>
    /// <param name="parsed">What its headers say.</param>
    public static bool IsQuestion(in ParsedFrame parsed)
        => parsed is { HasTransport: true, Protocol: IpProtocol.Udp, Fragment.IsFragment: false, IpVersion: 4 }
            && parsed is { SourcePort: ClientPort, DestinationPort: ServerPort }
            && parsed.Source is { High: 0, Low: 0 } && parsed.Destination is { High: 0, Low: uint.MaxValue };

    /// <summary>Sent to all, or to the very card whose client it names: no router on the way knows to make that so.</summary>
    private static bool IsForReceiver(ReadOnlySpan<byte> frame, in ParsedFrame parsed)
    {
        int start = parsed.TransportOffset + UdpHeader.Size;
        if (parsed.PacketEnd > frame.Length || parsed.PacketEnd < start + CookieOffset + sizeof(uint))
        {
            return false;
        }

        ReadOnlySpan<byte> message = frame[start..parsed.PacketEnd];
        ReadOnlySpan<byte> destination = frame[..6];
        bool toAll = BinaryPrimitives.ReadUInt32BigEndian(destination) == uint.MaxValue
            && BinaryPrimitives.ReadUInt16BigEndian(destination[4..]) == ushort.MaxValue;
        return BinaryPrimitives.ReadUInt32BigEndian(message) >> 8 == ReplyToEthernet
            && BinaryPrimitives.ReadUInt32BigEndian(message[CookieOffset..]) == Cookie
            && (toAll || (BinaryPrimitives.ReadUInt32BigEndian(destination) == BinaryPrimitives.ReadUInt32BigEndian(message[ClientAddressOffset..])
                && BinaryPrimitives.ReadUInt16BigEndian(destination[4..]) == BinaryPrimitives.ReadUInt16BigEndian(message[(ClientAddressOffset + 4)..])));
    }

    private static bool IsLinkLocal(Ipv6Address address) => (address.High >> 48 & 0xffc0) == LinkLocal;
}

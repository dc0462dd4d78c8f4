using System;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Answers;

/// <summary>Tells which packets may be answered at all, as nf_reject, icmp_send and icmp6_send do.</summary>
internal static class AnswerRules
{
    private const int Ethernet = 14;
    private const uint MulticastFirst = 0xe000_0000; // 224.0.0.0, with all above it, broadcast included
    private const byte Gre = 47;
    private const byte GreChecksumBit = 0x80; // RFC 2784, 2.1

    /// <summary>Whether a frame may be answered.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="parsed">Its headers, of an IP packet.</param>
    /// <param name="own">The port's own address: what is for another machine, or for all, gets no answer.</param>
    /// <param name="isReset">Whether the answer is a reset.</param>
    /// <param name="isTrusted">Whether the card has verified the checksum.</param>
    public static bool MayAnswer(ReadOnlySpan<byte> frame, in ParsedFrame parsed, MacAddress own, bool isReset, bool isTrusted)
    {
        if (frame.Length < Ethernet || MacAddress.Read(frame) != own || parsed.Fragment.IsFragment || !IsBetweenHosts(in parsed))
        {
            return false;
        }

        bool mayAnswer = isReset
            ? parsed.Protocol == IpProtocol.Tcp && parsed.HasTransport && (parsed.TcpFlags & TcpFlags.Rst) == 0
            : MayAnswerWithError(frame[parsed.NetworkOffset..parsed.PacketEnd], in parsed);
        return mayAnswer && (isTrusted || HasValidChecksum(frame[parsed.TransportOffset..parsed.PacketEnd], in parsed));
    }

    private static bool MayAnswerWithError(ReadOnlySpan<byte> packet, in ParsedFrame parsed)
        => parsed.IpVersion == 4
            ? IcmpError.MayAnswer4(packet)
            : IcmpError.MayAnswer6(packet, parsed.Protocol, parsed.TransportOffset - parsed.NetworkOffset);

    /// <summary>Whether both addresses are of one host each.</summary>
    private static bool IsBetweenHosts(in ParsedFrame parsed)
        => parsed.IpVersion == 4
            ? IsHost(parsed.SourceIpv4) && IsHost(parsed.DestinationIpv4)
            : IsHost(parsed.Source) && IsHost(parsed.Destination);

    private static bool IsHost(uint address) => address < MulticastFirst && address >> 24 is not (0 or 127);

    private static bool IsHost(Ipv6Address address) => address.High >> 56 != 0xff && (address.High != 0 || address.Low > 1);

    /// <summary>
    /// Whether a checksum over the whole of what the packet carries is right, for protocols that nf_reject knows no other of: also where it has none, a packet
    /// of which nothing proves that it arrived whole gets no answer.
    /// </summary>
    private static bool HasValidChecksum(ReadOnlySpan<byte> message, in ParsedFrame parsed)
    {
        switch (parsed.Protocol)
        {
            case IpProtocol.Authentication or IpProtocol.Esp or IpProtocol.Sctp or IpProtocol.UdpLite or IpProtocol.Dccp:
            case IpProtocol.Udp when message.Length >= UdpHeader.Size && (message[6] | message[7]) == 0:
            case (IpProtocol)Gre when message.Length > 0 && (message[0] & GreChecksumBit) == 0:
                return true;
            default:
                bool hasPseudoHeader = parsed.IpVersion == 6 || parsed.Protocol is IpProtocol.Tcp or IpProtocol.Udp;
                return InternetChecksum.IsValid(
                    message,
                    hasPseudoHeader ? InternetChecksum.PseudoHeader(parsed.Source, parsed.Destination, parsed.Protocol, (uint)message.Length) : (ushort)0);
        }
    }
}

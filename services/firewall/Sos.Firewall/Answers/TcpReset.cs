using System;
using System.Buffers.Binary;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Answers;

/// <summary>Makes the reset that answers a segment of no connection (RFC 9293, 3.5.2), as nf_reject does.</summary>
internal static class TcpReset
{
    private const byte TimeToLive = 64;
    private const uint MoreThanData = 1;

    /// <summary>Writes the reset behind the link layer's header.</summary>
    /// <param name="frame">The frame that carries the segment.</param>
    /// <param name="parsed">Its headers: of whole TCP without RST.</param>
    /// <param name="answer">A buffer with the link layer's header alone.</param>
    public static void Write(ReadOnlySpan<byte> frame, in ParsedFrame parsed, PacketBuffer answer)
    {
        ReadOnlySpan<byte> segment = frame[parsed.TransportOffset..parsed.PacketEnd];
        Span<byte> packet = answer.Append((parsed.IpVersion == 4 ? Ipv4Header.SizeMin : Ipv6Header.Size) + TcpHeader.SizeMin);
        Span<byte> reset = packet[^TcpHeader.SizeMin..];
        HeaderOf(segment, in parsed).Write(reset);
        ushort pseudo = InternetChecksum.PseudoHeader(parsed.Destination, parsed.Source, IpProtocol.Tcp, TcpHeader.SizeMin);
        BinaryPrimitives.WriteUInt16BigEndian(reset[16..], InternetChecksum.Compute(reset, pseudo)); // zeros before an IPv4 address sum up to nothing
        if (parsed.IpVersion == 4)
        {
            new Ipv4Header
            {
                HeaderLength = Ipv4Header.SizeMin,
                TotalLength = (ushort)packet.Length,
                DoNotFragment = true,
                TimeToLive = TimeToLive,
                Protocol = IpProtocol.Tcp,
                Source = parsed.DestinationIpv4,
                Destination = parsed.SourceIpv4,
            }.Write(packet);
        }
        else
        {
            new Ipv6Header
            {
                PayloadLength = TcpHeader.SizeMin,
                NextHeader = IpProtocol.Tcp,
                HopLimit = TimeToLive,
                Source = parsed.Destination,
                Destination = parsed.Source,
            }.Write(packet);
        }
    }

    // A segment that acknowledges names the number that the reset must have; another has its own acknowledged, data and control bits included.
    private static TcpHeader HeaderOf(ReadOnlySpan<byte> segment, in ParsedFrame parsed)
    {
        bool acknowledges = (parsed.TcpFlags & TcpFlags.Ack) != 0;
        uint length = (uint)(segment.Length - ((segment[12] >> 4) * 4));
        length += (parsed.TcpFlags & TcpFlags.Syn) != 0 ? MoreThanData : 0;
        length += (parsed.TcpFlags & TcpFlags.Fin) != 0 ? MoreThanData : 0;
        return new TcpHeader
        {
            SourcePort = parsed.DestinationPort,
            DestinationPort = parsed.SourcePort,
            Sequence = acknowledges ? BinaryPrimitives.ReadUInt32BigEndian(segment[8..]) : 0,
            Acknowledgment = acknowledges ? 0 : BinaryPrimitives.ReadUInt32BigEndian(segment[4..]) + length,
            HeaderLength = TcpHeader.SizeMin,
            Flags = acknowledges ? TcpFlags.Rst : TcpFlags.Rst | TcpFlags.Ack,
        };
    }
}

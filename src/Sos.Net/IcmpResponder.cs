using System;
using System.Buffers.Binary;
using Sos.Sdk.Packets;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.Net;

/// <summary>Answers pings, says that a port or protocol is not served, and reads what routers say of packets that are too large.</summary>
internal struct IcmpResponder
{
    /// <summary>Answers to pings a second: a check every few milliseconds, and no way to make us send a flood.</summary>
    private const uint EchoesPerSecond = 500;

    /// <summary>Errors a second: RFC 4443, 2.4 f and RFC 1812, 4.3.2.8 want a limit.</summary>
    private const uint ErrorsPerSecond = 50;

    /// <summary>Bytes of the packet that an error quotes: its IP header and what tells the flow, within RFC 1812's 576 for both families.</summary>
    private const int QuoteMax = 128;

    /// <summary>Bytes of a packet below which a router's word is not taken: Linux's least for IPv4, and IPv6's own.</summary>
    private const uint PacketLeastIpv4 = 552;
    private const uint PacketLeastIpv6 = 1280;

    private const byte UnreachableType = 3;
    private const byte UnreachableType6 = 1;
    private const byte ProtocolCode = 2;
    private const byte PortCode = 3;
    private const byte TooBigCode = 4;
    private const byte PortCode6 = 4;
    private const byte TooBigType6 = 2;
    private const byte ParameterType6 = 4;
    private const byte NextHeaderCode6 = 1;

    private TokenBucket _echoes;
    private TokenBucket _errors;

    public IcmpResponder(ulong tscKhz, ulong now)
    {
        _echoes = new TokenBucket(Math.Max(tscKhz * 1000 / EchoesPerSecond, 1), EchoesPerSecond / 10, now);
        _errors = new TokenBucket(Math.Max(tscKhz * 1000 / ErrorsPerSecond, 1), ErrorsPerSecond / 5, now);
    }

    /// <summary>Answers a ping (RFC 1122, 3.2.2.6; RFC 4443, 4.2).</summary>
    /// <param name="message">The whole message, its checksum verified.</param>
    public void TakeEcho(ReadOnlySpan<byte> message, in Peer peer, ref Outbox outbox, Instant now)
    {
        if (!_echoes.TryTake(1, now.Tsc) || !outbox.TryBeginForStranger(message.Length, out PacketBuffer buffer))
        {
            return;
        }

        Span<byte> answer = buffer.Frame;
        message.CopyTo(answer);
        bool isIpv4 = peer.Remote.IsIpv4;
        answer[0] = isIpv4 ? IcmpHeader.EchoReply : Icmpv6Header.EchoReply;
        Finish(buffer, in peer, ref outbox);
    }

    /// <summary>Says that a datagram's port, or a packet's protocol, is not served.</summary>
    /// <param name="packet">The packet from its IP header on.</param>
    /// <param name="isPort">Whether the port is meant, else the protocol.</param>
    /// <param name="nextHeaderOffset">Where an IPv6 packet names the protocol.</param>
    public void Refuse(ReadOnlySpan<byte> packet, in Peer peer, bool isPort, uint nextHeaderOffset, ref Outbox outbox, Instant now)
    {
        int quoted = Math.Min(packet.Length, QuoteMax);
        if (!_errors.TryTake(1, now.Tsc) || !outbox.TryBeginForStranger(IcmpHeader.Size + quoted, out PacketBuffer buffer))
        {
            return;
        }

        Span<byte> message = buffer.Frame;
        message[..IcmpHeader.Size].Clear();
        if (peer.Remote.IsIpv4)
        {
            (message[0], message[1]) = (UnreachableType, isPort ? PortCode : ProtocolCode);
        }
        else if (isPort)
        {
            (message[0], message[1]) = (UnreachableType6, PortCode6);
        }
        else
        {
            (message[0], message[1]) = (ParameterType6, NextHeaderCode6);
            BinaryPrimitives.WriteUInt32BigEndian(message[4..], nextHeaderOffset);
        }

        packet[..quoted].CopyTo(message[IcmpHeader.Size..]);
        Finish(buffer, in peer, ref outbox);
    }

    /// <summary>Reads a message that a packet of ours was too large for a router.</summary>
    /// <param name="message">The whole message, its checksum verified.</param>
    /// <param name="isIpv4">Its family.</param>
    /// <param name="flow">The flow of our packet; its link-layer address is not known.</param>
    /// <param name="sequence">Our segment's number.</param>
    /// <param name="packetSize">Bytes that get through.</param>
    /// <returns>Whether it is such a message, about a TCP segment.</returns>
    public static bool TryReadTooBig(ReadOnlySpan<byte> message, bool isIpv4, out Peer flow, out uint sequence, out uint packetSize)
    {
        flow = default;
        sequence = 0;
        packetSize = 0;
        bool isTooBig = isIpv4 ? message[0] == UnreachableType && message[1] == TooBigCode : message[0] == TooBigType6 && message[1] == 0;
        int quoteMin = (isIpv4 ? Ipv4Header.SizeMin : Ipv6Header.Size) + 8;
        if (!isTooBig || message.Length < IcmpHeader.Size + quoteMin)
        {
            return false;
        }

        ReadOnlySpan<byte> quote = message[IcmpHeader.Size..];
        IpAddress source;
        IpAddress destination;
        ReadOnlySpan<byte> segment;
        if (isIpv4)
        {
            // We send no options and no fragments, so neither does the quote have any.
            if (quote[0] != 0x45 || quote[9] != (byte)IpProtocol.Tcp)
            {
                return false;
            }

            packetSize = Math.Max(BinaryPrimitives.ReadUInt16BigEndian(message[6..]), PacketLeastIpv4);
            source = IpAddress.FromIpv4(BinaryPrimitives.ReadUInt32BigEndian(quote[12..]));
            destination = IpAddress.FromIpv4(BinaryPrimitives.ReadUInt32BigEndian(quote[16..]));
            segment = quote[Ipv4Header.SizeMin..];
        }
        else
        {
            if (quote[0] >> 4 != 6 || quote[6] != (byte)IpProtocol.Tcp)
            {
                return false;
            }

            packetSize = Math.Max(BinaryPrimitives.ReadUInt32BigEndian(message[4..]), PacketLeastIpv6);
            source = IpAddress.Read(quote[8..]);
            destination = IpAddress.Read(quote[24..]);
            segment = quote[Ipv6Header.Size..];
        }

        flow = new Peer(
            destination, source, BinaryPrimitives.ReadUInt16BigEndian(segment[2..]), BinaryPrimitives.ReadUInt16BigEndian(segment), default);
        sequence = BinaryPrimitives.ReadUInt32BigEndian(segment[4..]);
        return true;
    }

    private static void Finish(PacketBuffer buffer, in Peer peer, ref Outbox outbox)
    {
        Span<byte> message = buffer.Frame;
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], 0);
        if (peer.Remote.IsIpv4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(message[2..], InternetChecksum.Compute(message));
            outbox.SendIp(buffer, in peer, IpProtocol.Icmp);
        }
        else
        {
            outbox.SendIcmpv6(buffer, in peer, Outbox.HopLimit);
        }
    }
}

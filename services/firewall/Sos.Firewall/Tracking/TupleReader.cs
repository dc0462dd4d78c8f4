using System;
using System.Buffers.Binary;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Tracking;

/// <summary>Reads the ends of the flow that a packet belongs to, of packets and of those that errors of ICMP quote.</summary>
public static class TupleReader
{
    private const int EchoSize = 8; // RFC 792; RFC 4443, 4.1
    private const int PortsSize = 4;
    private const byte None = 0;
    private const int FirstOfIpv6 = 128; // RFC 4443, 2.1: informational messages

    /// <summary>Reads the flow of a packet that has a transport header.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="parsed">What its headers say.</param>
    /// <param name="tuple">The flow's ends.</param>
    /// <param name="isFromSecond">Whether the packet comes from the second end.</param>
    /// <returns>False where it belongs to no flow by itself: a later fragment, an error, a message of ICMP that is no query.</returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, in ParsedFrame parsed, out FlowTuple tuple, out bool isFromSecond)
    {
        tuple = default;
        isFromSecond = false;
        if (parsed.IpVersion == 0 || parsed.Fragment.IsLater || (parsed.Protocol == IpProtocol.NoNextHeader && parsed.IpVersion == 6))
        {
            return false;
        }

        Address128 source = new(parsed.Source.High, parsed.Source.Low);
        Address128 destination = new(parsed.Destination.High, parsed.Destination.Low);
        if (HasPorts(parsed.Protocol))
        {
            if (!parsed.HasTransport)
            {
                return false;
            }

            isFromSecond = FlowTuple.Make(
                parsed.IpVersion, parsed.Protocol, source, destination, parsed.SourcePort, parsed.DestinationPort, out tuple);
            return true;
        }

        return TryReadRest(
            parsed.IpVersion, parsed.Protocol, source, destination, frame[parsed.TransportOffset..parsed.PacketEnd], out tuple, out isFromSecond);
    }

    /// <summary>Reads the flow of a packet that an error quotes, which may be cut behind its first bytes.</summary>
    /// <param name="packet">The packet, from its IP header on.</param>
    /// <param name="version">The IP version of the error.</param>
    /// <param name="tuple">The flow's ends.</param>
    /// <param name="isFromSecond">Whether the packet comes from the second end.</param>
    /// <param name="source">The packet's source.</param>
    /// <returns>False where it is of no flow, or cut too short.</returns>
    public static bool TryReadQuoted(
        ReadOnlySpan<byte> packet, int version, out FlowTuple tuple, out bool isFromSecond, out Address128 source)
    {
        tuple = default;
        isFromSecond = false;
        source = default;
        if (packet.IsEmpty || packet[0] >> 4 != version)
        {
            return false;
        }

        return version == 4
            ? TryReadQuotedIpv4(packet, out tuple, out isFromSecond, out source)
            : TryReadQuotedIpv6(packet, out tuple, out isFromSecond, out source);
    }

    private static bool TryReadQuotedIpv4(ReadOnlySpan<byte> packet, out FlowTuple tuple, out bool isFromSecond, out Address128 source)
    {
        const ushort LaterFragment = 0x1fff; // RFC 791, 3.1
        tuple = default;
        isFromSecond = false;
        source = default;
        int header = (packet[0] & 15) * 4;
        if (header < Ipv4Header.SizeMin || packet.Length < header || (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & LaterFragment) != 0)
        {
            return false;
        }

        source = new Address128(0, BinaryPrimitives.ReadUInt32BigEndian(packet[12..]));
        Address128 destination = new(0, BinaryPrimitives.ReadUInt32BigEndian(packet[16..]));
        return TryReadTransport(4, (IpProtocol)packet[9], source, destination, packet[header..], out tuple, out isFromSecond);
    }

    private static bool TryReadQuotedIpv6(ReadOnlySpan<byte> packet, out FlowTuple tuple, out bool isFromSecond, out Address128 source)
    {
        const ushort LaterFragment = 0xfff8; // RFC 8200, 4.5
        tuple = default;
        isFromSecond = false;
        source = default;
        if (packet.Length < Ipv6Header.Size)
        {
            return false;
        }

        source = new Address128(BinaryPrimitives.ReadUInt64BigEndian(packet[8..]), BinaryPrimitives.ReadUInt64BigEndian(packet[16..]));
        Address128 destination = new(BinaryPrimitives.ReadUInt64BigEndian(packet[24..]), BinaryPrimitives.ReadUInt64BigEndian(packet[32..]));
        IpProtocol next = (IpProtocol)packet[6];
        ReadOnlySpan<byte> rest = packet[Ipv6Header.Size..];
        while (next is IpProtocol.HopByHop or IpProtocol.Routing or IpProtocol.DestinationOptions or IpProtocol.Fragment or IpProtocol.Authentication)
        {
            if (rest.Length < 8 || (next == IpProtocol.Fragment && (BinaryPrimitives.ReadUInt16BigEndian(rest[2..]) & LaterFragment) != 0))
            {
                return false;
            }

            int size = next switch
            {
                IpProtocol.Fragment => 8,
                IpProtocol.Authentication => (rest[1] + 2) * 4, // RFC 4302, 2.2
                _ => (rest[1] + 1) * 8,
            };
            if (rest.Length < size)
            {
                return false;
            }

            next = (IpProtocol)rest[0];
            rest = rest[size..];
        }

        return next != IpProtocol.NoNextHeader && TryReadTransport(6, next, source, destination, rest, out tuple, out isFromSecond);
    }

    private static bool TryReadTransport(
        int version, IpProtocol protocol, Address128 source, Address128 destination, ReadOnlySpan<byte> transport, out FlowTuple tuple,
        out bool isFromSecond)
    {
        if (!HasPorts(protocol))
        {
            return TryReadRest(version, protocol, source, destination, transport, out tuple, out isFromSecond);
        }

        tuple = default;
        isFromSecond = false;
        if (transport.Length < PortsSize)
        {
            return false;
        }

        isFromSecond = FlowTuple.Make(
            version, protocol, source, destination, BinaryPrimitives.ReadUInt16BigEndian(transport), BinaryPrimitives.ReadUInt16BigEndian(transport[2..]),
            out tuple);
        return true;
    }

    /// <summary>Reads what has no ports.</summary>
    private static bool TryReadRest(
        int version, IpProtocol protocol, Address128 source, Address128 destination, ReadOnlySpan<byte> transport, out FlowTuple tuple,
        out bool isFromSecond)
    {
        isFromSecond = false;
        tuple = default;
        if (protocol is not (IpProtocol.Icmp or IpProtocol.Icmpv6))
        {
            isFromSecond = FlowTuple.Make(version, protocol, source, destination, 0, 0, out tuple);
            return true;
        }

        byte question = transport.Length < EchoSize || (version == 4) != (protocol == IpProtocol.Icmp) ? None : QuestionOf(protocol, transport[0]);
        if (question == None)
        {
            return false;
        }

        ushort identifier = BinaryPrimitives.ReadUInt16BigEndian(transport[4..]);
        isFromSecond = transport[0] != question;
        tuple = isFromSecond
            ? FlowTuple.MakeQuery(version, protocol, destination, source, identifier, question, transport[1])
            : FlowTuple.MakeQuery(version, protocol, source, destination, identifier, question, transport[1]);
        return true;
    }

    // UDP-Lite, SCTP and DCCP have their ports where TCP has them.
    private static bool HasPorts(IpProtocol protocol)
        => protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.UdpLite or IpProtocol.Sctp or IpProtocol.Dccp;

    /// <summary>The type that asks, of a message that asks or answers: echo, timestamp, information, address mask; of IPv6 echo, node information.</summary>
    private static byte QuestionOf(IpProtocol protocol, byte type)
    {
        int question = type switch
        {
            8 or 0 => 8,
            13 or 14 => 13,
            15 or 16 => 15,
            17 or 18 => 17,
            128 or 129 => 128,
            139 or 140 => 139, // RFC 4620
            _ => None,
        };
        return (question >= FirstOfIpv6) == (protocol == IpProtocol.Icmpv6) ? (byte)question : None;
    }
}

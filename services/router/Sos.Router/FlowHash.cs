using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;

namespace Sos.Router;

/// <summary>Chooses among several ways by the flow, so that a flow's packets stay in order.</summary>
public static class FlowHash
{
    private const int Ethernet = EthernetHeader.UntaggedSize;
    private const ulong Multiplier = 0x9e37_79b9_7f4a_7c15;
    private const ulong Second = 0xbf58_476d_1ce4_e5b9;

    /// <summary>Hashes an IPv4 packet without options.</summary>
    /// <param name="frame">Its frame.</param>
    /// <param name="withPorts">Whether ports count; those of fragments never do, since only the first has them.</param>
    public static uint Ipv4(ReadOnlySpan<byte> frame, bool withPorts)
    {
        ulong addresses = BinaryPrimitives.ReadUInt64LittleEndian(frame[(Ethernet + 12)..]);
        bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(frame[(Ethernet + 6)..]) & 0x3fff) != 0;
        return Mix(addresses, withPorts && !isFragment ? Ports(frame, Ethernet + Ipv4Header.SizeMin, frame[Ethernet + 9]) : 0);
    }

    /// <summary>Hashes an IPv6 packet.</summary>
    /// <param name="frame">Its frame.</param>
    /// <param name="withPorts">Whether ports count, where they follow the header; else the flow label does.</param>
    public static uint Ipv6(ReadOnlySpan<byte> frame, bool withPorts)
    {
        ReadOnlySpan<byte> header = frame[Ethernet..];
        ulong more = withPorts
            ? Ports(frame, Ethernet + Ipv6Header.Size, header[6])
            : (BinaryPrimitives.ReadUInt32BigEndian(header) & 0xf_ffff) | ((ulong)header[6] << 32);
        ulong source = Mix(BinaryPrimitives.ReadUInt64LittleEndian(header[8..]), BinaryPrimitives.ReadUInt64LittleEndian(header[16..]));
        ulong destination = Mix(BinaryPrimitives.ReadUInt64LittleEndian(header[24..]), BinaryPrimitives.ReadUInt64LittleEndian(header[32..]));
        return Mix(source | (destination << 32), more);
    }

    private static ulong Ports(ReadOnlySpan<byte> frame, int offset, byte protocol)
    {
        bool hasPorts = (IpProtocol)protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.UdpLite or IpProtocol.Sctp or IpProtocol.Dccp;
        return hasPorts && frame.Length >= offset + sizeof(uint)
            ? BinaryPrimitives.ReadUInt32LittleEndian(frame[offset..]) | ((ulong)protocol << 32)
            : (ulong)protocol << 32;
    }

    private static uint Mix(ulong first, ulong second)
    {
        ulong hash = (first ^ (second * Second)) * Multiplier;
        hash = (hash ^ (hash >> 32)) * Second;
        return (uint)((hash ^ (hash >> 29)) >> 16);
    }
}

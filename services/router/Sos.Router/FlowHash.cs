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
    /// <param name="isSymmetric">Whether both directions of a flow have the same hash.</param>
    public static uint Ipv4(ReadOnlySpan<byte> frame, bool withPorts, bool isSymmetric)
    {
        ulong addresses = Pair(
            BinaryPrimitives.ReadUInt32LittleEndian(frame[(Ethernet + 12)..]), BinaryPrimitives.ReadUInt32LittleEndian(frame[(Ethernet + 16)..]), isSymmetric);
        bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(frame[(Ethernet + 6)..]) & 0x3fff) != 0;
        return Mix(addresses, withPorts && !isFragment ? Ports(frame, Ethernet + Ipv4Header.SizeMin, frame[Ethernet + 9], isSymmetric) : 0);
    }

    /// <summary>Hashes an IPv6 packet.</summary>
    /// <param name="frame">Its frame.</param>
    /// <param name="withPorts">Whether ports count, where they follow the header; else the flow label does.</param>
    /// <param name="isSymmetric">Whether both directions of a flow have the same hash; the flow label does not count then, since each has its own.</param>
    public static uint Ipv6(ReadOnlySpan<byte> frame, bool withPorts, bool isSymmetric)
    {
        ReadOnlySpan<byte> header = frame[Ethernet..];
        uint label = isSymmetric ? 0 : BinaryPrimitives.ReadUInt32BigEndian(header) & 0xf_ffff;
        ulong more = withPorts ? Ports(frame, Ethernet + Ipv6Header.Size, header[6], isSymmetric) : label | ((ulong)header[6] << 32);
        uint source = Mix(BinaryPrimitives.ReadUInt64LittleEndian(header[8..]), BinaryPrimitives.ReadUInt64LittleEndian(header[16..]));
        uint destination = Mix(BinaryPrimitives.ReadUInt64LittleEndian(header[24..]), BinaryPrimitives.ReadUInt64LittleEndian(header[32..]));
        return Mix(Pair(source, destination, isSymmetric), more);
    }

    private static ulong Pair(uint first, uint second, bool isSymmetric)
        => isSymmetric && first > second ? second | ((ulong)first << 32) : first | ((ulong)second << 32);

    private static ulong Ports(ReadOnlySpan<byte> frame, int offset, byte protocol, bool isSymmetric)
    {
        bool hasPorts = (IpProtocol)protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.UdpLite or IpProtocol.Sctp or IpProtocol.Dccp;
        if (!hasPorts || frame.Length < offset + sizeof(uint))
        {
            return (ulong)protocol << 32;
        }

        uint source = BinaryPrimitives.ReadUInt16LittleEndian(frame[offset..]);
        uint destination = BinaryPrimitives.ReadUInt16LittleEndian(frame[(offset + 2)..]);
        return (isSymmetric ? Math.Min(source, destination) | (Math.Max(source, destination) << 16) : source | (destination << 16)) | ((ulong)protocol << 32);
    }

    private static uint Mix(ulong first, ulong second)
    {
        ulong hash = (first ^ (second * Second)) * Multiplier;
        hash = (hash ^ (hash >> 32)) * Second;
        return (uint)((hash ^ (hash >> 29)) >> 16);
    }
}

using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>An IPv6 header (RFC 8200, 3).</summary>
public readonly record struct Ipv6Header
{
    /// <summary>Bytes.</summary>
    public const int Size = 40;

    /// <summary>Traffic class: DSCP and ECN.</summary>
    public byte TrafficClass { get; init; }

    /// <summary>Flow label, 20 bits.</summary>
    public uint FlowLabel { get; init; }

    /// <summary>Bytes behind the header.</summary>
    public ushort PayloadLength { get; init; }

    /// <summary>The header or protocol that follows.</summary>
    public IpProtocol NextHeader { get; init; }

    /// <summary>Hops left.</summary>
    public byte HopLimit { get; init; }

    /// <summary>Source address.</summary>
    public Ipv6Address Source { get; init; }

    /// <summary>Destination address.</summary>
    public Ipv6Address Destination { get; init; }

    /// <summary>Reads and checks the header at the start of <paramref name="bytes"/>; what follows the packet is padding.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, out Ipv6Header header)
    {
        header = default;
        if (bytes.Length < Size)
        {
            return MalformedReason.Ipv6Truncated;
        }

        uint start = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        if (start >> 28 != 6)
        {
            return MalformedReason.Ipv6Version;
        }

        ushort payloadLength = BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]);
        if (payloadLength > bytes.Length - Size)
        {
            return MalformedReason.Ipv6PayloadLength;
        }

        header = new Ipv6Header
        {
            TrafficClass = (byte)(start >> 20),
            FlowLabel = start & 0xf_ffff,
            PayloadLength = payloadLength,
            NextHeader = (IpProtocol)bytes[6],
            HopLimit = bytes[7],
            Source = Ipv6Address.Read(bytes[8..]),
            Destination = Ipv6Address.Read(bytes[24..]),
        };
        return MalformedReason.None;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32BigEndian(bytes, 6U << 28 | (uint)TrafficClass << 20 | (FlowLabel & 0xf_ffff));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], PayloadLength);
        bytes[6] = (byte)NextHeader;
        bytes[7] = HopLimit;
        Source.Write(bytes[8..]);
        Destination.Write(bytes[24..]);
    }
}

using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>A UDP header (RFC 768). The checksum is verified apart.</summary>
public readonly record struct UdpHeader
{
    /// <summary>Bytes.</summary>
    public const int Size = 8;

    /// <summary>Source port, 0 if unused.</summary>
    public ushort SourcePort { get; init; }

    /// <summary>Destination port.</summary>
    public ushort DestinationPort { get; init; }

    /// <summary>Bytes of the datagram with its header.</summary>
    public ushort Length { get; init; }

    /// <summary>Checksum as it stands in the datagram; 0: none.</summary>
    public ushort Checksum { get; init; }

    /// <summary>Reads the header at the start of a whole datagram.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, out UdpHeader header)
    {
        MalformedReason reason = ParseFirstFragment(bytes, out header);
        return reason == MalformedReason.None && header.Length > bytes.Length ? MalformedReason.UdpLength : reason;
    }

    /// <summary>Reads the header of a datagram that goes on in other fragments, so that its length may go beyond this one.</summary>
    public static MalformedReason ParseFirstFragment(ReadOnlySpan<byte> bytes, out UdpHeader header)
    {
        header = default;
        if (bytes.Length < Size)
        {
            return MalformedReason.UdpTruncated;
        }

        header = new UdpHeader
        {
            SourcePort = BinaryPrimitives.ReadUInt16BigEndian(bytes),
            DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            Length = BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]),
            Checksum = BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]),
        };
        return header.Length < Size ? MalformedReason.UdpLength : MalformedReason.None;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], DestinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], Length);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[6..], Checksum);
    }
}

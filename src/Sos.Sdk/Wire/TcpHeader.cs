using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>A TCP header (RFC 9293, 3.1). Options are counted, not read; the checksum is verified apart.</summary>
public readonly record struct TcpHeader
{
    /// <summary>Bytes without options.</summary>
    public const int SizeMin = 20;

    /// <summary>Source port.</summary>
    public ushort SourcePort { get; init; }

    /// <summary>Destination port.</summary>
    public ushort DestinationPort { get; init; }

    /// <summary>Sequence number.</summary>
    public uint Sequence { get; init; }

    /// <summary>Acknowledgment number.</summary>
    public uint Acknowledgment { get; init; }

    /// <summary>Bytes of the header with its options, 20 to 60.</summary>
    public byte HeaderLength { get; init; }

    /// <summary>Control bits.</summary>
    public TcpFlags Flags { get; init; }

    /// <summary>Window.</summary>
    public ushort Window { get; init; }

    /// <summary>Checksum as it stands in the segment.</summary>
    public ushort Checksum { get; init; }

    /// <summary>Urgent pointer.</summary>
    public ushort Urgent { get; init; }

    /// <summary>Reads the header at the start of a segment.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, out TcpHeader header)
    {
        header = default;
        if (bytes.Length < SizeMin)
        {
            return MalformedReason.TcpTruncated;
        }

        int headerLength = (bytes[12] >> 4) * 4;
        if (headerLength < SizeMin || headerLength > bytes.Length)
        {
            return MalformedReason.TcpDataOffset;
        }

        header = new TcpHeader
        {
            SourcePort = BinaryPrimitives.ReadUInt16BigEndian(bytes),
            DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            Sequence = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]),
            Acknowledgment = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]),
            HeaderLength = (byte)headerLength,
            Flags = (TcpFlags)bytes[13],
            Window = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]),
            Checksum = BinaryPrimitives.ReadUInt16BigEndian(bytes[16..]),
            Urgent = BinaryPrimitives.ReadUInt16BigEndian(bytes[18..]),
        };
        return MalformedReason.None;
    }

    /// <summary>Writes the header without its options.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[8..], Acknowledgment);
        bytes[12] = (byte)(HeaderLength / 4 << 4);
        bytes[13] = (byte)Flags;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[14..], Window);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[16..], Checksum);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[18..], Urgent);
    }
}

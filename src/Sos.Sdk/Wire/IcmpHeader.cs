using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>The start of an ICMP message (RFC 792). The checksum is verified apart.</summary>
public readonly record struct IcmpHeader
{
    /// <summary>Bytes; every message of RFC 792 has them.</summary>
    public const int Size = 8;

    /// <summary>Type: echo reply.</summary>
    public const byte EchoReply = 0;

    /// <summary>Type: echo request.</summary>
    public const byte EchoRequest = 8;

    /// <summary>Type.</summary>
    public byte Type { get; init; }

    /// <summary>Code.</summary>
    public byte Code { get; init; }

    /// <summary>Checksum as it stands in the message.</summary>
    public ushort Checksum { get; init; }

    /// <summary>The rest of the header: identifier and sequence number of an echo, and others by type.</summary>
    public uint Rest { get; init; }

    /// <summary>Reads the start of a message.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, out IcmpHeader header)
    {
        header = default;
        if (bytes.Length < Size)
        {
            return MalformedReason.IcmpTruncated;
        }

        header = new IcmpHeader
        {
            Type = bytes[0],
            Code = bytes[1],
            Checksum = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            Rest = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]),
        };
        return MalformedReason.None;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        bytes[0] = Type;
        bytes[1] = Code;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Checksum);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], Rest);
    }
}

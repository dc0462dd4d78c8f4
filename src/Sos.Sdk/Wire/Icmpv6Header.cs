using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>The start of an ICMPv6 message (RFC 4443, 2.1). The checksum is verified apart.</summary>
public readonly record struct Icmpv6Header
{
    /// <summary>Bytes.</summary>
    public const int Size = 4;

    /// <summary>Type: echo request.</summary>
    public const byte EchoRequest = 128;

    /// <summary>Type: echo reply.</summary>
    public const byte EchoReply = 129;

    /// <summary>Type.</summary>
    public byte Type { get; init; }

    /// <summary>Code.</summary>
    public byte Code { get; init; }

    /// <summary>Checksum as it stands in the message.</summary>
    public ushort Checksum { get; init; }

    /// <summary>Reads the start of a message.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, out Icmpv6Header header)
    {
        header = default;
        if (bytes.Length < Size)
        {
            return MalformedReason.Icmpv6Truncated;
        }

        header = new Icmpv6Header { Type = bytes[0], Code = bytes[1], Checksum = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]) };
        return MalformedReason.None;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        bytes[0] = Type;
        bytes[1] = Code;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Checksum);
    }
}

using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>An IPv6 address as two numbers: the first byte on the wire is the highest of <see cref="High"/>.</summary>
/// <param name="High">The first 64 bits.</param>
/// <param name="Low">The last 64 bits.</param>
public readonly record struct Ipv6Address(ulong High, ulong Low)
{
    /// <summary>Bytes.</summary>
    public const int Size = 16;

    /// <summary>Whether it names a group, ff00::/8 (RFC 4291, 2.7).</summary>
    public bool IsMulticast => High >> 56 == 0xff;

    /// <summary>Reads the first 16 bytes.</summary>
    public static Ipv6Address Read(ReadOnlySpan<byte> bytes)
        => new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    /// <summary>Writes 16 bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Low);
    }
}

using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>An Ethernet address: 48 bits, the first byte on the wire the highest.</summary>
public readonly record struct MacAddress
{
    /// <summary>Bytes.</summary>
    public const int Size = 6;

    /// <summary>Makes an address of the low 48 bits.</summary>
    public MacAddress(ulong value) => Value = value & 0xffff_ffff_ffff;

    /// <summary>ff:ff:ff:ff:ff:ff.</summary>
    public static MacAddress Broadcast => new(0xffff_ffff_ffff);

    /// <summary>The 48 bits.</summary>
    public ulong Value { get; }

    /// <summary>Whether it names a group (the first byte's lowest bit: IEEE 802, 8.2).</summary>
    public bool IsGroup => (Value >> 40 & 1) != 0;

    /// <summary>Reads the first 6 bytes.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> bytes)
        => new(((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]));

    /// <summary>Writes 6 bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(Value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)Value);
    }
}

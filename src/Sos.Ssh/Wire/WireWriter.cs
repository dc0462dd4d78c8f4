using System;
using System.Buffers.Binary;

namespace Sos.Ssh.Wire;

/// <summary>Writes the types of RFC 4251, 5. Its user gives it room enough: a span that is too short traps.</summary>
internal ref struct WireWriter(Span<byte> bytes)
{
    private readonly Span<byte> _bytes = bytes;

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes that were written.</summary>
    public readonly ReadOnlySpan<byte> Written => _bytes[..Length];

    /// <summary>Returns the bytes that a string takes.</summary>
    public static int StringSize(ReadOnlySpan<byte> text) => sizeof(uint) + text.Length;

    /// <summary>Writes a message's number.</summary>
    public void Write(MessageNumber number) => Write((byte)number);

    /// <summary>Writes a byte.</summary>
    public void Write(byte value) => _bytes[Length++] = value;

    /// <summary>Writes a boolean.</summary>
    public void Write(bool value) => Write(value ? (byte)1 : (byte)0);

    /// <summary>Writes a number.</summary>
    public void Write(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_bytes[Length..], value);
        Length += sizeof(uint);
    }

    /// <summary>Writes a string.</summary>
    public void WriteString(scoped ReadOnlySpan<byte> text)
    {
        Write((uint)text.Length);
        WriteBytes(text);
    }

    /// <summary>Writes bytes as they are.</summary>
    public void WriteBytes(scoped ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_bytes[Length..]);
        Length += bytes.Length;
    }
}

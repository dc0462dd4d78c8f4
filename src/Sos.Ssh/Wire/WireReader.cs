using System;
using System.Buffers.Binary;

namespace Sos.Ssh.Wire;

/// <summary>Reads the types of RFC 4251, 5, from a payload. What does not fit makes everything after it fail, so that one look at the end is enough.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Whether everything so far was there.</summary>
    public bool IsValid { get; private set; } = true;

    /// <summary>Whether everything so far was there, and nothing is left.</summary>
    public readonly bool IsComplete => IsValid && _rest.IsEmpty;

    /// <summary>Bytes that are left.</summary>
    public readonly int Left => _rest.Length;

    /// <summary>Reads one byte.</summary>
    public byte ReadByte()
    {
        ReadOnlySpan<byte> bytes = ReadBytes(1);
        return bytes.IsEmpty ? (byte)0 : bytes[0];
    }

    /// <summary>Reads a boolean: anything but 0 is true.</summary>
    public bool ReadBoolean() => ReadByte() != 0;

    /// <summary>Reads a number.</summary>
    public uint ReadUInt32()
    {
        ReadOnlySpan<byte> bytes = ReadBytes(sizeof(uint));
        return bytes.IsEmpty ? 0 : BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }

    /// <summary>Reads a string.</summary>
    public ReadOnlySpan<byte> ReadString()
    {
        uint length = ReadUInt32();
        return length <= int.MaxValue ? ReadBytes((int)length) : Refuse();
    }

    /// <summary>Reads so many bytes.</summary>
    public ReadOnlySpan<byte> ReadBytes(int count)
    {
        if (!IsValid || count > _rest.Length)
        {
            return Refuse();
        }

        ReadOnlySpan<byte> bytes = _rest[..count];
        _rest = _rest[count..];
        return bytes;
    }

    private ReadOnlySpan<byte> Refuse()
    {
        IsValid = false;
        _rest = default;
        return default;
    }
}

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Cores.Carrying;

/// <summary>An attribute of a netlink message (struct nlattr), as the kernel sent it: unknown ones are carried as they are.</summary>
/// <param name="Type">Its type with its flags.</param>
/// <param name="Value">Its value.</param>
internal readonly record struct RouteAttribute(ushort Type, byte[] Value)
{
    private const int HeaderSize = 4;
    private const ushort TypeMask = 0x3fff; // NLA_TYPE_MASK

    /// <summary>Makes one of a number.</summary>
    public RouteAttribute(ushort type, uint value)
        : this(type, BitConverter.GetBytes(value))
    {
    }

    /// <summary>Its type without flags.</summary>
    public ushort Kind => (ushort)(Type & TypeMask);

    /// <summary>Its value as a number; 0 when it has less than four bytes.</summary>
    public uint Number => Value.Length >= sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(Value) : 0;

    /// <summary>Reads attributes that stand one behind the other.</summary>
    public static List<RouteAttribute> Parse(ReadOnlySpan<byte> bytes)
    {
        List<RouteAttribute> attributes = [];
        while (bytes.Length >= HeaderSize)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            if (length < HeaderSize || length > bytes.Length)
            {
                break;
            }

            attributes.Add(new RouteAttribute(BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]), bytes[HeaderSize..length].ToArray()));
            bytes = bytes[Math.Min((length + 3) & ~3, bytes.Length)..];
        }

        return attributes;
    }

    /// <summary>Writes attributes one behind the other.</summary>
    /// <param name="start">What stands before them.</param>
    /// <param name="attributes">The attributes.</param>
    public static byte[] Join(ReadOnlySpan<byte> start, IEnumerable<RouteAttribute> attributes)
    {
        List<byte> bytes = [.. start];
        Span<byte> header = stackalloc byte[HeaderSize];
        foreach (RouteAttribute attribute in attributes)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)(HeaderSize + attribute.Value.Length));
            BinaryPrimitives.WriteUInt16LittleEndian(header[2..], attribute.Type);
            bytes.AddRange(header);
            bytes.AddRange(attribute.Value);
            bytes.AddRange(Enumerable.Repeat((byte)0, -attribute.Value.Length & 3));
        }

        return [.. bytes];
    }
}

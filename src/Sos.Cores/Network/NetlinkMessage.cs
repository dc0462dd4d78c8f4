using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace Sos.Cores.Network;

/// <summary>A message from the kernel (netlink(7)).</summary>
/// <param name="Type">Its type.</param>
/// <param name="Flags">Its flags.</param>
/// <param name="Sequence">The number of the request that it answers; 0 for news.</param>
/// <param name="Body">What follows its header.</param>
public readonly record struct NetlinkMessage(ushort Type, ushort Flags, uint Sequence, ReadOnlyMemory<byte> Body)
{
    /// <summary>Bytes of struct nlmsghdr.</summary>
    public const int HeaderSize = 16;

    /// <summary>Bytes of an attribute's header.</summary>
    public const int AttributeHeaderSize = 4;

    /// <summary>Reads attributes, by type; of several of a type the last.</summary>
    /// <param name="attributes">Attributes, one behind the other.</param>
    public static Dictionary<int, ReadOnlyMemory<byte>> ReadAttributes(ReadOnlyMemory<byte> attributes)
    {
        Dictionary<int, ReadOnlyMemory<byte>> read = [];
        while (attributes.Length >= AttributeHeaderSize)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(attributes.Span);
            if (length < AttributeHeaderSize || length > attributes.Length)
            {
                break;
            }

            read[BinaryPrimitives.ReadUInt16LittleEndian(attributes.Span[2..]) & 0x3fff] = attributes[AttributeHeaderSize..length];
            attributes = attributes[Math.Min((length + 3) & ~3, attributes.Length)..];
        }

        return read;
    }

    /// <summary>Cuts a datagram into its messages.</summary>
    public static IEnumerable<NetlinkMessage> ReadAll(ReadOnlyMemory<byte> datagram)
    {
        while (datagram.Length >= HeaderSize)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(datagram.Span);
            if (length < HeaderSize || length > datagram.Length)
            {
                yield break;
            }

            yield return new NetlinkMessage(
                BinaryPrimitives.ReadUInt16LittleEndian(datagram.Span[4..]),
                BinaryPrimitives.ReadUInt16LittleEndian(datagram.Span[6..]),
                BinaryPrimitives.ReadUInt32LittleEndian(datagram.Span[8..]),
                datagram[HeaderSize..length]);
            datagram = datagram[Math.Min((length + 3) & ~3, datagram.Length)..];
        }
    }
}

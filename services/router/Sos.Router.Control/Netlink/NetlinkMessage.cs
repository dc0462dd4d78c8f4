using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace Sos.Router.Control.Netlink;

/// <summary>A message from the kernel (netlink(7)).</summary>
/// <param name="Type">Its type.</param>
/// <param name="Flags">Its flags.</param>
/// <param name="Sequence">The number of the request that it answers; 0 for news.</param>
/// <param name="Body">What follows its header.</param>
internal readonly record struct NetlinkMessage(ushort Type, ushort Flags, uint Sequence, ReadOnlyMemory<byte> Body)
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

/// <summary>A message to the kernel.</summary>
internal sealed class NetlinkRequest
{
    /// <summary>NLM_F_REQUEST.</summary>
    public const ushort Request = 1;

    /// <summary>NLM_F_REQUEST | NLM_F_DUMP.</summary>
    public const ushort Dump = 0x301;

    private readonly List<byte> _bytes = [];

    /// <summary>Begins a message.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="flags">Its flags.</param>
    /// <param name="fixedPart">Its fixed part, whose length is a multiple of 4.</param>
    public NetlinkRequest(ushort type, ushort flags, ReadOnlySpan<byte> fixedPart)
    {
        _bytes.AddRange(new byte[NetlinkMessage.HeaderSize]);
        Span<byte> header = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], flags);
        _bytes.AddRange(fixedPart);
    }

    /// <summary>Adds an attribute.</summary>
    public NetlinkRequest Add(ushort type, ReadOnlySpan<byte> value)
    {
        Span<byte> header = stackalloc byte[NetlinkMessage.AttributeHeaderSize];
        BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)(NetlinkMessage.AttributeHeaderSize + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], type);
        _bytes.AddRange(header);
        _bytes.AddRange(value);
        while (_bytes.Count % 4 != 0)
        {
            _bytes.Add(0);
        }

        return this;
    }

    /// <summary>Ends the message.</summary>
    /// <param name="sequence">Its number.</param>
    public byte[] ToArray(uint sequence)
    {
        byte[] bytes = [.. _bytes];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), sequence);
        return bytes;
    }
}

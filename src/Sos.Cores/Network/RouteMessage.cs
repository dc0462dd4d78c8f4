using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Sos.Cores.Network;

/// <summary>A message to Linux's routing socket (rtnetlink(7)): a header, a fixed part, and attributes, which may be nested.</summary>
internal sealed class RouteMessage
{
    /// <summary>Bytes of struct nlmsghdr.</summary>
    public const int HeaderSize = 16;

    private const int AttributeHeaderSize = 4;
    private const ushort Nested = 0x8000; // NLA_F_NESTED

    private readonly List<byte> _bytes = [];

    private RouteMessage(ushort type, ushort flags)
    {
        _bytes.AddRange(new byte[HeaderSize]);
        Span<byte> header = CollectionsMarshal.AsSpan(_bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], flags);
    }

    /// <summary>Begins a message about a network device: struct ifinfomsg.</summary>
    public static RouteMessage Link(ushort type, ushort flags, uint index, uint deviceFlags = 0, uint change = 0)
        => new RouteMessage(type, flags).Word(0).Word(index).Word(deviceFlags).Word(change);

    /// <summary>Begins a message about a queue or a filter: struct tcmsg.</summary>
    public static RouteMessage Traffic(ushort type, ushort flags, uint index, uint handle, uint parent, uint info)
        => new RouteMessage(type, flags).Word(0).Word(index).Word(handle).Word(parent).Word(info);

    /// <summary>Begins a message whose fixed part, and perhaps attributes, are at hand.</summary>
    public static RouteMessage Of(ushort type, ushort flags, ReadOnlySpan<byte> body)
    {
        RouteMessage message = new(type, flags);
        message._bytes.AddRange(body);
        return message;
    }

    /// <summary>Adds four bytes of a fixed part.</summary>
    public RouteMessage Word(uint value)
    {
        _bytes.AddRange(BitConverter.GetBytes(value));
        return this;
    }

    /// <summary>Adds a number.</summary>
    public RouteMessage Add(ushort type, uint value) => Add(type, BitConverter.GetBytes(value));

    /// <summary>Adds a string, ended by a zero.</summary>
    public RouteMessage Add(ushort type, string text) => Add(type, [.. Encoding.UTF8.GetBytes(text), 0]);

    /// <summary>Adds bytes.</summary>
    public RouteMessage Add(ushort type, byte[] value)
    {
        int start = _bytes.Count;
        _bytes.AddRange(new byte[AttributeHeaderSize]);
        _bytes.AddRange(value);
        PutHeader(start, type);
        while (_bytes.Count % 4 != 0)
        {
            _bytes.Add(0);
        }

        return this;
    }

    /// <summary>Adds an attribute that has others.</summary>
    public RouteMessage Add(ushort type, Action<RouteMessage> fill)
    {
        int start = _bytes.Count;
        _bytes.AddRange(new byte[AttributeHeaderSize]);
        fill(this);
        PutHeader(start, (ushort)(type | Nested));
        return this;
    }

    /// <summary>Adds attributes that stand one behind the other already.</summary>
    public RouteMessage AddAll(ReadOnlySpan<byte> attributes)
    {
        _bytes.AddRange(attributes);
        return this;
    }

    /// <summary>Ends the message.</summary>
    public byte[] ToArray()
    {
        BinaryPrimitives.WriteInt32LittleEndian(CollectionsMarshal.AsSpan(_bytes), _bytes.Count);
        return [.. _bytes];
    }

    private void PutHeader(int start, ushort type)
    {
        Span<byte> header = CollectionsMarshal.AsSpan(_bytes)[start..];
        BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)(_bytes.Count - start));
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], type);
    }
}

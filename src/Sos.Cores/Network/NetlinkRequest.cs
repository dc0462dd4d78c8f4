using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Sos.Cores.Network;

/// <summary>A message to the kernel.</summary>
public sealed class NetlinkRequest
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
        Span<byte> header = CollectionsMarshal.AsSpan(_bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], flags);
        _bytes.AddRange(fixedPart);
    }

    /// <summary>Adds an attribute.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="value">Its value.</param>
    /// <returns>The message.</returns>
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

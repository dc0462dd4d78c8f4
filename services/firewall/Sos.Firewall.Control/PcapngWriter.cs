using System;
using System.Buffers.Binary;
using System.IO;
using System.Text;

namespace Sos.Firewall.Control;

/// <summary>Writes Ethernet frames with a comment each as pcapng (draft-ietf-opsawg-pcapng, 4).</summary>
internal sealed class PcapngWriter : IDisposable
{
    private const uint SectionHeader = 0x0a0d0d0a;
    private const uint InterfaceDescription = 1;
    private const uint EnhancedPacket = 6;
    private const uint ByteOrder = 0x1a2b3c4d;
    private const ushort EthernetLink = 1;
    private const ushort Comment = 1; // opt_comment
    private const ushort Name = 2; // if_name
    private const ushort Resolution = 9; // if_tsresol
    private const byte Nanoseconds = 9;
    private const ulong LengthUnknown = ulong.MaxValue;

    private readonly Stream _stream;

    /// <summary>Begins a capture.</summary>
    /// <param name="stream">Where it goes; closed with this.</param>
    /// <param name="device">The device's name.</param>
    /// <param name="keptMax">Bytes of a frame that are kept at most.</param>
    public PcapngWriter(Stream stream, string device, uint keptMax)
    {
        _stream = stream;
        MemoryStream section = new();
        Write(section, ByteOrder);
        Write(section, 1u); // version 1.0
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, LengthUnknown);
        section.Write(length);
        WriteBlock(SectionHeader, section);

        MemoryStream description = new();
        Write(description, (uint)EthernetLink);
        Write(description, keptMax);
        WriteOption(description, Name, Encoding.UTF8.GetBytes(device));
        WriteOption(description, Resolution, [Nanoseconds]);
        Write(description, 0u); // opt_endofopt
        WriteBlock(InterfaceDescription, description);
    }

    /// <summary>Adds a frame.</summary>
    /// <param name="bytes">Its first bytes.</param>
    /// <param name="length">Bytes that it had.</param>
    /// <param name="nanoseconds">Its time, since 1970.</param>
    /// <param name="comment">What became of it.</param>
    public void Add(ReadOnlySpan<byte> bytes, uint length, ulong nanoseconds, string comment)
    {
        MemoryStream packet = new();
        Write(packet, 0u); // the interface
        Write(packet, (uint)(nanoseconds >> 32));
        Write(packet, (uint)nanoseconds);
        Write(packet, (uint)bytes.Length);
        Write(packet, length);
        WritePadded(packet, bytes);
        WriteOption(packet, Comment, Encoding.UTF8.GetBytes(comment));
        Write(packet, 0u);
        WriteBlock(EnhancedPacket, packet);
    }

    /// <summary>Hands what was added so far on.</summary>
    public void Flush() => _stream.Flush();

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private void WriteBlock(uint kind, MemoryStream body)
    {
        uint length = (uint)body.Length + 12;
        Write(_stream, kind);
        Write(_stream, length);
        body.WriteTo(_stream);
        Write(_stream, length);
    }

    private static void WriteOption(MemoryStream to, ushort code, ReadOnlySpan<byte> value)
    {
        Write(to, code | ((uint)value.Length << 16));
        WritePadded(to, value);
    }

    private static void WritePadded(MemoryStream to, ReadOnlySpan<byte> bytes)
    {
        to.Write(bytes);
        to.Write(stackalloc byte[(4 - (bytes.Length & 3)) & 3]);
    }

    private static void Write(Stream to, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        to.Write(bytes);
    }
}

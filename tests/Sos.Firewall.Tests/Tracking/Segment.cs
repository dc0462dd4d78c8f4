using System;
using System.Buffers.Binary;
using Sos.Firewall.Tracking;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>Builds TCP segments for tests, byte by byte.</summary>
internal sealed record Segment(byte Flags, uint Sequence = 0, uint Acknowledged = 0, ushort Window = 1000, int Data = 0)
{
    public const byte Fin = 1;
    public const byte Syn = 2;
    public const byte Rst = 4;
    public const byte Ack = 16;
    public const byte Urg = 32;

    /// <summary>TCP options, padded here to whole words.</summary>
    public byte[] Options { get; init; } = [];

    public byte[] ToBytes(ushort source = 40_000, ushort destination = 80)
    {
        int padding = (4 - (Options.Length % 4)) % 4;
        byte[] bytes = [.. Packet.Tcp(source, destination, Flags), .. Options, .. new byte[padding + Data]];
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), Acknowledged);
        bytes[12] = (byte)((20 + Options.Length + padding) / 4 << 4);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(14), Window);
        return bytes;
    }

    public TcpSegment ToSegment() => new(ToBytes());
}

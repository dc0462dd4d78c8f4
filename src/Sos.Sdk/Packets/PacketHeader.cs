using System.Runtime.InteropServices;

namespace Sos.Sdk.Packets;

/// <summary>The record at the start of each packet buffer. One cache line.</summary>
[StructLayout(LayoutKind.Sequential, Size = PacketBuffer.HeaderSize)]
public struct PacketHeader
{
    /// <summary>Number of the buffer in its pool.</summary>
    public uint Index;

    /// <summary>Bytes from the start of the buffer (of this record) to the frame.</summary>
    public ushort Offset;

    /// <summary>Bytes of the frame.</summary>
    public ushort Length;

    /// <summary>The port's knowledge of the frame's checksums.</summary>
    public PacketFlags Flags;
}

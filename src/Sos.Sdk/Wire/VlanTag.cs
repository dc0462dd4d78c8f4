using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>A VLAN tag (IEEE 802.1Q, 9.3).</summary>
/// <param name="Protocol"><see cref="EtherType.Vlan"/> or <see cref="EtherType.ServiceVlan"/>.</param>
/// <param name="Control">The tag control information: priority 3 bits, drop eligible 1, identifier 12.</param>
public readonly record struct VlanTag(EtherType Protocol, ushort Control)
{
    /// <summary>The VLAN's identifier, 0 to 4095; 0 tells a priority alone.</summary>
    public ushort Identifier => (ushort)(Control & 0xfff);

    /// <summary>The priority, 0 to 7.</summary>
    public byte Priority => (byte)(Control >> 13);

    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)Protocol);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Control);
    }
}

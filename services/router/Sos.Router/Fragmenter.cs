using System;
using System.Buffers.Binary;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Router;

/// <summary>Cuts IPv4 packets that the next link cannot take whole (RFC 791, 3.2).</summary>
public static class Fragmenter
{
    private const int Ethernet = EthernetHeader.UntaggedSize;
    private const int Headers = Ethernet + Ipv4Header.SizeMin;
    private const ushort MoreBit = 0x2000;
    private const ushort OffsetBits = 0x1fff;

    /// <summary>Fragments that a packet makes.</summary>
    /// <param name="length">Its bytes.</param>
    /// <param name="mtu">What the link takes; at least 28.</param>
    public static int CountFor(int length, int mtu)
    {
        int payload = DataFor(mtu);
        return (length - Ipv4Header.SizeMin + payload - 1) / payload;
    }

    /// <summary>Makes one fragment.</summary>
    /// <param name="frame">The whole packet without options, behind its Ethernet header, already as it is to be sent.</param>
    /// <param name="fragment">Where to; empty.</param>
    /// <param name="index">Which.</param>
    /// <param name="mtu">What the link takes.</param>
    public static void Write(ReadOnlySpan<byte> frame, PacketBuffer fragment, int index, int mtu)
    {
        int start = index * DataFor(mtu);
        ReadOnlySpan<byte> data = frame[Headers..][start..];
        bool isLast = data.Length <= DataFor(mtu);
        data = data[..Math.Min(data.Length, DataFor(mtu))];
        Span<byte> made = fragment.Reset(Headers + data.Length);
        frame[..Headers].CopyTo(made);
        data.CopyTo(made[Headers..]);
        Span<byte> header = made.Slice(Ethernet, Ipv4Header.SizeMin);
        ushort place = BinaryPrimitives.ReadUInt16BigEndian(header[6..]);
        int offset = (place & OffsetBits) + (start / 8);
        bool more = !isLast || (place & MoreBit) != 0;
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(Ipv4Header.SizeMin + data.Length));
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], (ushort)(offset | (more ? MoreBit : 0)));
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], InternetChecksum.Compute(header));
    }

    // All but the last carry a multiple of 8 bytes.
    private static int DataFor(int mtu) => (mtu - Ipv4Header.SizeMin) & ~7;
}

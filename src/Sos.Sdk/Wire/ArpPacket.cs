using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>An ARP packet for IPv4 on Ethernet (RFC 826).</summary>
public readonly record struct ArpPacket
{
    /// <summary>Bytes.</summary>
    public const int Size = 28;

    /// <summary>Operation: who has?</summary>
    public const ushort Request = 1;

    /// <summary>Operation: it is here.</summary>
    public const ushort Reply = 2;

    // Hardware type 1 (Ethernet), protocol type 0x0800 (IPv4), address lengths 6 and 4, as they lie on the wire.
    private const ulong Format = 0x0001_0800_0604_0000;

    /// <summary>Operation.</summary>
    public ushort Operation { get; init; }

    /// <summary>Hardware address of the sender.</summary>
    public MacAddress SenderMac { get; init; }

    /// <summary>IPv4 address of the sender.</summary>
    public uint SenderAddress { get; init; }

    /// <summary>Hardware address of the target.</summary>
    public MacAddress TargetMac { get; init; }

    /// <summary>IPv4 address of the target.</summary>
    public uint TargetAddress { get; init; }

    /// <summary>Reads a packet; what follows it is padding.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, out ArpPacket packet)
    {
        packet = default;
        if (bytes.Length < Size)
        {
            return MalformedReason.ArpTruncated;
        }

        ulong start = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        if ((start & ~0xffffUL) != Format)
        {
            return MalformedReason.ArpFormat;
        }

        packet = new ArpPacket
        {
            Operation = (ushort)start,
            SenderMac = MacAddress.Read(bytes[8..]),
            SenderAddress = BinaryPrimitives.ReadUInt32BigEndian(bytes[14..]),
            TargetMac = MacAddress.Read(bytes[18..]),
            TargetAddress = BinaryPrimitives.ReadUInt32BigEndian(bytes[24..]),
        };
        return MalformedReason.None;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Format | Operation);
        SenderMac.Write(bytes[8..]);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[14..], SenderAddress);
        TargetMac.Write(bytes[18..]);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[24..], TargetAddress);
    }
}

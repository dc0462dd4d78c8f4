using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>An Ethernet header with up to two VLAN tags (IEEE 802.3, 3.1.1; IEEE 802.1Q, 9.3).</summary>
public readonly record struct EthernetHeader
{
    /// <summary>Bytes without tags.</summary>
    public const int UntaggedSize = 14;

    /// <summary>Bytes of a tag.</summary>
    public const int TagSize = 4;

    /// <summary>Tags at most.</summary>
    public const int TagsMax = 2;

    /// <summary>Where the frame goes.</summary>
    public MacAddress Destination { get; init; }

    /// <summary>Where it comes from.</summary>
    public MacAddress Source { get; init; }

    /// <summary>The tags; the outer is the first.</summary>
    public byte TagCount { get; init; }

    /// <summary>The outer tag, if there is one.</summary>
    public VlanTag Outer { get; init; }

    /// <summary>The inner tag, if there are two.</summary>
    public VlanTag Inner { get; init; }

    /// <summary>The protocol that follows the header; below 0x600 a length.</summary>
    public EtherType Type { get; init; }

    /// <summary>Bytes of the header.</summary>
    public int Length => UntaggedSize + (TagCount * TagSize);

    /// <summary>Reads the header at the start of <paramref name="frame"/>.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> frame, out EthernetHeader header)
    {
        header = default;
        if (frame.Length < UntaggedSize)
        {
            return MalformedReason.EthernetTruncated;
        }

        EtherType type = (EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        byte tags = 0;
        VlanTag outer = default;
        VlanTag inner = default;
        ReadOnlySpan<byte> rest = frame[UntaggedSize..];
        while (type is EtherType.Vlan or EtherType.ServiceVlan)
        {
            if (tags == TagsMax)
            {
                return MalformedReason.VlanTagsExceeded;
            }

            if (rest.Length < TagSize)
            {
                return MalformedReason.VlanTruncated;
            }

            VlanTag tag = new(type, BinaryPrimitives.ReadUInt16BigEndian(rest));
            outer = tags == 0 ? tag : outer;
            inner = tags == 0 ? inner : tag;
            tags++;
            type = (EtherType)BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            rest = rest[TagSize..];
        }

        header = new EthernetHeader
        {
            Destination = MacAddress.Read(frame),
            Source = MacAddress.Read(frame[6..]),
            TagCount = tags,
            Outer = outer,
            Inner = inner,
            Type = type,
        };
        return MalformedReason.None;
    }

    /// <summary>Writes the header's <see cref="Length"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        Destination.Write(bytes);
        Source.Write(bytes[6..]);
        Span<byte> rest = bytes[12..];
        if (TagCount > 0)
        {
            Outer.Write(rest);
            rest = rest[TagSize..];
        }

        if (TagCount > 1)
        {
            Inner.Write(rest);
            rest = rest[TagSize..];
        }

        BinaryPrimitives.WriteUInt16BigEndian(rest, (ushort)Type);
    }
}

using System;
using System.Buffers.Binary;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Router;

/// <summary>Takes a frame's outer VLAN tag off, so that all that follows sees an untagged frame, and puts it on again (IEEE 802.1Q, 9.3).</summary>
public static class FrameTag
{
    private const int TypePlace = 2 * MacAddress.Size;

    /// <summary>Reads the word at a tag's place.</summary>
    /// <returns>Protocol and control information of the outer tag; 0 for an untagged frame.</returns>
    public static uint Read(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < EthernetHeader.UntaggedSize + EthernetHeader.TagSize)
        {
            return 0;
        }

        uint tag = BinaryPrimitives.ReadUInt32BigEndian(frame[TypePlace..]);
        return (EtherType)(tag >> 16) is EtherType.Vlan or EtherType.ServiceVlan ? tag : 0;
    }

    /// <summary>Takes the tag off a tagged frame. It is kept right before the frame, for <see cref="PutBack"/>.</summary>
    public static void TakeOff(PacketBuffer buffer)
    {
        Span<byte> frame = buffer.Frame;
        uint tag = BinaryPrimitives.ReadUInt32BigEndian(frame[TypePlace..]);
        MoveAddresses(frame, frame[EthernetHeader.TagSize..]);
        BinaryPrimitives.WriteUInt32BigEndian(frame, tag);
        buffer.Pull(EthernetHeader.TagSize);
    }

    /// <summary>Puts the tag back that was taken off, priority and all. Nothing may have been put before the frame since.</summary>
    public static void PutBack(PacketBuffer buffer) => PutOn(buffer, BinaryPrimitives.ReadUInt32BigEndian(buffer.Push(EthernetHeader.TagSize)));

    /// <summary>Puts a tag on a frame.</summary>
    /// <returns>Whether there was room before it.</returns>
    public static bool TryPutOn(PacketBuffer buffer, uint tag)
    {
        bool hasRoom = buffer.HeadroomFree >= EthernetHeader.TagSize;
        if (hasRoom)
        {
            buffer.Push(EthernetHeader.TagSize);
            PutOn(buffer, tag);
        }

        return hasRoom;
    }

    private static void PutOn(PacketBuffer buffer, uint tag)
    {
        Span<byte> frame = buffer.Frame;
        MoveAddresses(frame[EthernetHeader.TagSize..], frame);
        BinaryPrimitives.WriteUInt32BigEndian(frame[TypePlace..], tag);
    }

    // Both are read before either is written: the two places overlap.
    private static void MoveAddresses(ReadOnlySpan<byte> from, Span<byte> to)
    {
        MacAddress destination = MacAddress.Read(from);
        MacAddress source = MacAddress.Read(from[MacAddress.Size..]);
        destination.Write(to);
        source.Write(to[MacAddress.Size..]);
    }
}

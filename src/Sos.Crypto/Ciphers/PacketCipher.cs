using System;
using System.Buffers.Binary;

namespace Sos.Crypto.Ciphers;

/// <summary>
/// chacha20-poly1305@openssh.com: one key for the four bytes of a packet's length, one for the rest, whose first block is the key of the tag over both.
/// The nonce is the packet's sequence number.
/// </summary>
public static class PacketCipher
{
    /// <summary>Bytes of both keys: the first 32 for the packet, the others for its length.</summary>
    public const int KeySize = 2 * ChaCha20.KeySize;

    /// <summary>Bytes of the length.</summary>
    public const int LengthSize = sizeof(uint);

    /// <summary>Bytes of the tag behind a packet.</summary>
    public const int TagSize = Poly1305.TagSize;

    /// <summary>Returns a packet's length from its first four bytes, which stay as they are. It is not authenticated yet.</summary>
    public static uint ReadLength(ReadOnlySpan<byte> keys, uint sequence, ReadOnlySpan<byte> packet)
    {
        Span<byte> length = stackalloc byte[LengthSize];
        packet[..LengthSize].CopyTo(length);
        ChaCha20.Apply(keys[ChaCha20.KeySize..], 0, Nonce(sequence), length);
        return BinaryPrimitives.ReadUInt32BigEndian(length);
    }

    /// <summary>Encrypts length and packet in place and writes the tag into the last 16 bytes.</summary>
    public static void Seal(ReadOnlySpan<byte> keys, uint sequence, Span<byte> packet)
    {
        Span<byte> body = packet[LengthSize..^TagSize];
        ChaCha20.Apply(keys[ChaCha20.KeySize..], 0, Nonce(sequence), packet[..LengthSize]);
        ChaCha20.Apply(keys[..ChaCha20.KeySize], 1, Nonce(sequence), body);
        WriteTag(keys, sequence, packet[..^TagSize], packet[^TagSize..]);
    }

    /// <summary>Checks the tag and decrypts what lies between length and tag, in place. A packet whose tag is wrong stays as it is.</summary>
    public static bool TryOpen(ReadOnlySpan<byte> keys, uint sequence, Span<byte> packet)
    {
        Span<byte> tag = stackalloc byte[TagSize];
        WriteTag(keys, sequence, packet[..^TagSize], tag);
        if (!FixedTime.AreEqual(tag, packet[^TagSize..]))
        {
            return false;
        }

        ChaCha20.Apply(keys[..ChaCha20.KeySize], 1, Nonce(sequence), packet[LengthSize..^TagSize]);
        return true;
    }

    private static void WriteTag(ReadOnlySpan<byte> keys, uint sequence, ReadOnlySpan<byte> sealedBytes, Span<byte> tag)
    {
        Span<byte> oneTime = stackalloc byte[Poly1305.KeySize];
        oneTime.Clear();
        ChaCha20.Apply(keys[..ChaCha20.KeySize], 0, Nonce(sequence), oneTime);
        Poly1305.Compute(oneTime, sealedBytes, tag);
        FixedTime.Erase(oneTime);
    }

    // The sequence number as eight bytes, big endian, read as ChaCha20 reads its nonce.
    private static ulong Nonce(uint sequence) => BinaryPrimitives.ReverseEndianness((ulong)sequence);
}

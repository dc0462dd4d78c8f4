using System;
using System.Buffers.Binary;

namespace Sos.Crypto.Ciphers;

/// <summary>The one-time authenticator Poly1305 (RFC 8439, 2.5), on three limbs of 44, 44 and 42 bits. A key authenticates one message.</summary>
public static class Poly1305
{
    /// <summary>Bytes of a tag.</summary>
    public const int TagSize = 16;

    /// <summary>Bytes of a one-time key.</summary>
    public const int KeySize = 32;

    private const ulong Mask44 = (1UL << 44) - 1;
    private const ulong Mask42 = (1UL << 42) - 1;

    /// <summary>Writes the tag of a message.</summary>
    public static void Compute(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, Span<byte> tag)
    {
        Span<byte> last = stackalloc byte[TagSize];
        ulong low = BinaryPrimitives.ReadUInt64LittleEndian(key);
        ulong high = BinaryPrimitives.ReadUInt64LittleEndian(key[8..]);
        Limbs r = new(low & 0xffc0fffffff, ((low >> 44) | (high << 20)) & 0xfffffc0ffff, (high >> 24) & 0x00ffffffc0f);
        Limbs sum = default;
        for (; message.Length >= TagSize; message = message[TagSize..])
        {
            Absorb(ref sum, r, message, 1UL << 40);
        }

        if (message.Length > 0)
        {
            last.Clear();
            message.CopyTo(last);
            last[message.Length] = 1;
            Absorb(ref sum, r, last, 0);
        }

        Finish(sum, key[16..], tag);
    }

    // Adds a block and multiplies by r, modulo 2^130 - 5. The product's upper limbs come back 20 times: 5, and 4 for the places above 2^130.
    private static void Absorb(ref Limbs sum, Limbs r, ReadOnlySpan<byte> block, ulong top)
    {
        ulong low = BinaryPrimitives.ReadUInt64LittleEndian(block);
        ulong high = BinaryPrimitives.ReadUInt64LittleEndian(block[8..]);
        ulong h0 = sum.A + (low & Mask44);
        ulong h1 = sum.B + (((low >> 44) | (high << 20)) & Mask44);
        ulong h2 = sum.C + (((high >> 24) & Mask42) | top);
        (ulong s1, ulong s2) = (r.B * 20, r.C * 20);

        WideSum d0 = WideSum.Of(h0, r.A);
        d0.Add(h1, s2);
        d0.Add(h2, s1);
        WideSum d1 = WideSum.Of(h0, r.B);
        d1.Add(h1, r.A);
        d1.Add(h2, s2);
        WideSum d2 = WideSum.Of(h0, r.C);
        d2.Add(h1, r.B);
        d2.Add(h2, r.A);

        d1.Add(d0.ShiftRight(44));
        d2.Add(d1.ShiftRight(44));
        h0 = (d0.Low & Mask44) + (d2.ShiftRight(42) * 5);
        h1 = (d1.Low & Mask44) + (h0 >> 44);
        sum = new(h0 & Mask44, h1, d2.Low & Mask42);
    }

    private static void Finish(Limbs sum, ReadOnlySpan<byte> pad, Span<byte> tag)
    {
        (ulong h0, ulong h1, ulong h2) = (sum.A, sum.B, sum.C);
        for (int i = 0; i < 2; i++)
        {
            h2 += h1 >> 44;
            h1 &= Mask44;
            h0 += (h2 >> 42) * 5;
            h2 &= Mask42;
            h1 += h0 >> 44;
            h0 &= Mask44;
        }

        h2 += h1 >> 44;
        h1 &= Mask44;

        // The sum less 2^130 - 5, and that if it is not negative.
        ulong g0 = h0 + 5;
        ulong g1 = h1 + (g0 >> 44);
        ulong g2 = h2 + (g1 >> 44) - (1UL << 42);
        ulong keep = 0 - (g2 >> 63);
        h0 = (h0 & keep) | (g0 & Mask44 & ~keep);
        h1 = (h1 & keep) | (g1 & Mask44 & ~keep);
        h2 = (h2 & keep) | (g2 & ~keep);

        ulong low = h0 | (h1 << 44);
        ulong high = (h1 >> 20) | (h2 << 24);
        ulong first = low + BinaryPrimitives.ReadUInt64LittleEndian(pad);
        BinaryPrimitives.WriteUInt64LittleEndian(tag, first);
        BinaryPrimitives.WriteUInt64LittleEndian(tag[8..], high + BinaryPrimitives.ReadUInt64LittleEndian(pad[8..]) + FixedTime.Bit(first < low));
    }

    private readonly struct Limbs(ulong a, ulong b, ulong c)
    {
        public readonly ulong A = a;
        public readonly ulong B = b;
        public readonly ulong C = c;
    }
}

using System;
using System.Buffers.Binary;

namespace Sos.Crypto.Curves;

/// <summary>
/// Arithmetic modulo L = 2^252 + 27742317777372353535851937790883648493, the order of edwards25519's base point. Reduction takes one bit at a time, 512 steps
/// of a subtraction that is kept or not by a mask: some microseconds, without a constant that would have to be believed.
/// </summary>
internal static class Scalar
{
    /// <summary>Bytes of a scalar.</summary>
    public const int Size = 32;

    private const int Words = 4;

    private static ReadOnlySpan<ulong> Order => [0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000];

    /// <summary>Returns whether 32 bytes, little endian, are a number below L.</summary>
    public static bool IsCanonical(ReadOnlySpan<byte> bytes)
    {
        ulong borrow = 0;
        for (int i = 0; i < Words; i++)
        {
            Subtract(BinaryPrimitives.ReadUInt64LittleEndian(bytes[(i * 8)..]), Order[i], ref borrow);
        }

        return borrow != 0;
    }

    /// <summary>Writes a number of 64 bytes modulo L.</summary>
    public static void Reduce(ReadOnlySpan<byte> wide, Span<byte> scalar)
    {
        Span<ulong> words = stackalloc ulong[2 * Words];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = BinaryPrimitives.ReadUInt64LittleEndian(wide[(i * 8)..]);
        }

        Reduce(words, scalar);
    }

    /// <summary>Writes a·b + c modulo L. The three are any numbers of 32 bytes whose sum with the product stays below 2^512.</summary>
    public static void MultiplyAdd(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> scalar)
    {
        Span<ulong> words = stackalloc ulong[2 * Words];
        words.Clear();
        for (int i = 0; i < Words; i++)
        {
            words[i] = BinaryPrimitives.ReadUInt64LittleEndian(c[(i * 8)..]);
        }

        for (int i = 0; i < Words; i++)
        {
            ulong left = BinaryPrimitives.ReadUInt64LittleEndian(a[(i * 8)..]);
            ulong carry = 0;
            for (int j = 0; j < Words; j++)
            {
                WideSum sum = WideSum.Of(left, BinaryPrimitives.ReadUInt64LittleEndian(b[(j * 8)..]));
                sum.Add(words[i + j]);
                sum.Add(carry);
                words[i + j] = sum.Low;
                carry = sum.High;
            }

            for (int j = i + Words; j < words.Length; j++)
            {
                words[j] += carry;
                carry = FixedTime.Bit(words[j] < carry);
            }
        }

        Reduce(words, scalar);
        words.Clear();
    }

    private static void Reduce(ReadOnlySpan<ulong> words, Span<byte> scalar)
    {
        Span<ulong> rest = stackalloc ulong[Words];
        Span<ulong> less = stackalloc ulong[Words];
        rest.Clear();
        for (int i = (words.Length * 64) - 1; i >= 0; i--)
        {
            // The rest is below L, which has 253 bits: doubled it fits.
            ulong carry = (words[i / 64] >> (i % 64)) & 1;
            for (int j = 0; j < Words; j++)
            {
                (rest[j], carry) = ((rest[j] << 1) | carry, rest[j] >> 63);
            }

            ulong borrow = 0;
            for (int j = 0; j < Words; j++)
            {
                less[j] = Subtract(rest[j], Order[j], ref borrow);
            }

            ulong keep = 0 - borrow;
            for (int j = 0; j < Words; j++)
            {
                rest[j] = (rest[j] & keep) | (less[j] & ~keep);
            }
        }

        for (int j = 0; j < Words; j++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(scalar[(j * 8)..], rest[j]);
        }

        rest.Clear();
        less.Clear();
    }

    private static ulong Subtract(ulong left, ulong right, ref ulong borrow)
    {
        ulong difference = left - right;
        ulong result = difference - borrow;
        borrow = FixedTime.Bit(left < right) | FixedTime.Bit(difference < borrow);
        return result;
    }
}

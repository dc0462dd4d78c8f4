using System;
using System.Runtime.CompilerServices;
using Sos.Crypto.Hashing;

namespace Sos.Crypto.MlKem;

/// <summary>
/// Polynomials of FIPS 203: 256 coefficients modulo 3329, each a signed 16-bit number. Products are taken in Montgomery's form (times 2^16), and nothing
/// divides: a division's time would depend on what is secret.
/// </summary>
internal static class Polynomial
{
    /// <summary>The modulus q.</summary>
    public const int Modulus = 3329;

    /// <summary>Coefficients.</summary>
    public const int Length = 256;

    /// <summary>Bytes of a polynomial whose coefficients have 12 bits.</summary>
    public const int EncodedSize = 384;

    private const int InverseOfModulus = -3327; // modulo 2^16, signed
    private const short InverseScale = 1441; // 2^32 / 128
    private const short MontgomerySquare = 1353; // 2^32

    // 17 to the powers of the bit-reversed numbers below 128, times 2^16 (FIPS 203, appendix A).
    private static ReadOnlySpan<short> Zetas =>
    [
        -1044, -758, -359, -1517, 1493, 1422, 287, 202, -171, 622, 1577, 182, 962, -1202, -1474, 1468,
        573, -1325, 264, 383, -829, 1458, -1602, -130, -681, 1017, 732, 608, -1542, 411, -205, -1571,
        1223, 652, -552, 1015, -1293, 1491, -282, -1544, 516, -8, -320, -666, -1618, -1162, 126, 1469,
        -853, -90, -271, 830, 107, -1421, -247, -951, -398, 961, -1508, -725, 448, -1065, 677, -1275,
        -1103, 430, 555, 843, -1251, 871, 1550, 105, 422, 587, 177, -235, -291, -460, 1574, 1653,
        -246, 778, 1159, -147, -777, 1483, -602, 1119, -1590, 644, -872, 349, 418, 329, -156, -75,
        817, 1097, 603, 610, 1322, -1285, -1465, 384, -1215, -136, 1218, -1335, -874, 220, -1187, -1659,
        -1185, -1530, -1278, 794, -1510, -854, -870, 478, -108, -308, 996, 991, 958, -1460, 1522, 1628,
    ];

    /// <summary>Replaces a polynomial by its transform (algorithm 9).</summary>
    public static void Transform(Span<short> p)
    {
        int next = 1;
        for (int half = 128; half >= 2; half >>= 1)
        {
            for (int start = 0; start < Length; start += 2 * half)
            {
                short zeta = Zetas[next++];
                for (int i = start; i < start + half; i++)
                {
                    short product = Multiply(zeta, p[i + half]);
                    (p[i], p[i + half]) = ((short)(p[i] + product), (short)(p[i] - product));
                }
            }
        }

        Reduce(p);
    }

    /// <summary>Replaces a transform by its polynomial, times 2^16 (algorithm 10): what <see cref="AddProduct"/> took away.</summary>
    public static void Restore(Span<short> p)
    {
        int next = 127;
        for (int half = 2; half <= 128; half <<= 1)
        {
            for (int start = 0; start < Length; start += 2 * half)
            {
                short zeta = Zetas[next--];
                for (int i = start; i < start + half; i++)
                {
                    (short low, short high) = (p[i], p[i + half]);
                    p[i] = Reduce(low + high);
                    p[i + half] = Multiply(zeta, (short)(high - low));
                }
            }
        }

        for (int i = 0; i < Length; i++)
        {
            p[i] = Multiply(p[i], InverseScale);
        }
    }

    /// <summary>Adds the product of two transforms, divided by 2^16 (algorithms 11 and 12). Up to three products may be added up.</summary>
    public static void AddProduct(Span<short> sum, ReadOnlySpan<short> x, ReadOnlySpan<short> y)
    {
        for (int i = 0; i < Length / 4; i++)
        {
            short zeta = Zetas[64 + i];
            AddPair(sum[(4 * i)..], x[(4 * i)..], y[(4 * i)..], zeta);
            AddPair(sum[((4 * i) + 2)..], x[((4 * i) + 2)..], y[((4 * i) + 2)..], (short)-zeta);
        }

        Reduce(sum);
    }

    /// <summary>Multiplies by 2^16.</summary>
    public static void Scale(Span<short> p)
    {
        for (int i = 0; i < Length; i++)
        {
            p[i] = Multiply(p[i], MontgomerySquare);
        }
    }

    /// <summary>Adds a polynomial.</summary>
    public static void Add(Span<short> sum, ReadOnlySpan<short> p)
    {
        for (int i = 0; i < Length; i++)
        {
            sum[i] = Reduce(sum[i] + p[i]);
        }
    }

    /// <summary>Subtracts a polynomial from another, into the second.</summary>
    public static void SubtractFrom(ReadOnlySpan<short> from, Span<short> p)
    {
        for (int i = 0; i < Length; i++)
        {
            p[i] = Reduce(from[i] - p[i]);
        }
    }

    /// <summary>Samples a transform from a seed and an index (algorithm 7). The seed is public, and so is the time.</summary>
    public static void SampleUniform(ReadOnlySpan<byte> seed, byte first, byte second, Span<short> p)
    {
        Span<byte> bytes = stackalloc byte[168];
        Keccak sponge = default;
        sponge.StartShake128();
        sponge.Absorb(seed);
        sponge.Absorb([first, second]);
        sponge.FinishInput();
        for (int count = 0; count < Length;)
        {
            sponge.Squeeze(bytes);
            for (int i = 0; i < bytes.Length && count < Length; i += 3)
            {
                int low = bytes[i] | ((bytes[i + 1] & 0xf) << 8);
                int high = (bytes[i + 1] >> 4) | (bytes[i + 2] << 4);
                if (low < Modulus)
                {
                    p[count++] = (short)low;
                }

                if (high < Modulus && count < Length)
                {
                    p[count++] = (short)high;
                }
            }
        }
    }

    /// <summary>Samples small coefficients, -2 to 2, from a secret seed (algorithm 8 with SHAKE256).</summary>
    public static void SampleNoise(ReadOnlySpan<byte> seed, byte number, Span<short> p)
    {
        Span<byte> bytes = stackalloc byte[Length / 2];
        Keccak.Shake256(seed, [number], bytes);
        for (int i = 0; i < Length; i++)
        {
            int bits = bytes[i / 2] >> (i % 2 * 4);
            p[i] = (short)((bits & 1) + ((bits >> 1) & 1) - ((bits >> 2) & 1) - ((bits >> 3) & 1));
        }

        FixedTime.Erase(bytes);
    }

    /// <summary>Writes coefficients of so many bits each, lowest bits first (algorithm 5). They are at least 0 and fit.</summary>
    public static void Encode(ReadOnlySpan<short> p, int bits, Span<byte> output)
    {
        (uint buffer, int held, int next) = (0, 0, 0);
        for (int i = 0; i < Length; i++)
        {
            buffer |= (uint)p[i] << held;
            for (held += bits; held >= 8; held -= 8)
            {
                output[next++] = (byte)buffer;
                buffer >>= 8;
            }
        }
    }

    /// <summary>Reads coefficients of so many bits each (algorithm 6).</summary>
    public static void Decode(ReadOnlySpan<byte> input, int bits, Span<short> p)
    {
        (uint buffer, int held, int next) = (0, 0, 0);
        for (int i = 0; i < Length; i++)
        {
            for (; held < bits; held += 8)
            {
                buffer |= (uint)input[next++] << held;
            }

            p[i] = (short)(buffer & ((1u << bits) - 1));
            buffer >>= bits;
            held -= bits;
        }
    }

    /// <summary>Makes every coefficient at least 0 and below the modulus.</summary>
    public static void Normalize(Span<short> p)
    {
        for (int i = 0; i < Length; i++)
        {
            p[i] = Normalize(p[i]);
        }
    }

    /// <summary>Rounds every coefficient to so many bits, 1, 4 or 10: 2^bits times x over q, nearest, modulo 2^bits (4.2.1).</summary>
    public static void Compress(Span<short> p, int bits)
    {
        for (int i = 0; i < Length; i++)
        {
            p[i] = Compress(p[i], bits);
        }
    }

    /// <summary>Rounds one coefficient. The quotient comes from a product with 2^36/q, rounded up, which is exact for all 3329 numbers.</summary>
    internal static short Compress(short coefficient, int bits)
    {
        ulong doubled = ((ulong)(ushort)Normalize(coefficient) << bits) + (Modulus / 2);
        return (short)(((doubled * 20642679) >> 36) & ((1u << bits) - 1));
    }

    /// <summary>Undoes <see cref="Compress(Span{short}, int)"/> but for what rounding lost.</summary>
    public static void Decompress(Span<short> p, int bits)
    {
        for (int i = 0; i < Length; i++)
        {
            p[i] = (short)(((p[i] * Modulus) + (1 << (bits - 1))) >> bits);
        }
    }

    private static void AddPair(Span<short> sum, ReadOnlySpan<short> x, ReadOnlySpan<short> y, short zeta)
    {
        sum[0] += (short)(Multiply(Multiply(x[1], y[1]), zeta) + Multiply(x[0], y[0]));
        sum[1] += (short)(Multiply(x[0], y[1]) + Multiply(x[1], y[0]));
    }

    private static void Reduce(Span<short> p)
    {
        for (int i = 0; i < Length; i++)
        {
            p[i] = Reduce(p[i]);
        }
    }

    // Barrett: 20159 is 2^26/q, rounded. The result lies between -q/2 and q/2.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static short Reduce(int value) => (short)(value - ((((20159 * value) + (1 << 25)) >> 26) * Modulus));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static short Normalize(short value)
    {
        int reduced = Reduce(value);
        return (short)(reduced + ((reduced >> 31) & Modulus));
    }

    // Montgomery: the product over 2^16, between -q and q.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static short Multiply(short x, short y)
    {
        int product = x * y;
        short quotient = (short)(product * InverseOfModulus);
        return (short)((product - (quotient * Modulus)) >> 16);
    }
}

using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sos.Crypto.Ciphers;

/// <summary>
/// ChaCha20 with a block counter and a nonce of 64 bits each, as its author defined it. RFC 8439's form is the same with a counter whose upper half is
/// the nonce's first word.
/// </summary>
public static class ChaCha20
{
    /// <summary>Bytes of a key.</summary>
    public const int KeySize = 32;

    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 64;

    private const int Words = 16;
    private const int WideBlocks = 4;

    // A row turned by one, two and three words (vpshufd).
    private const byte Turn1 = 0x39;
    private const byte Turn2 = 0x4e;
    private const byte Turn3 = 0x93;

    private static Vector128<byte> TurnBy16 => Vector128.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);

    private static Vector128<byte> TurnBy8 => Vector128.Create((byte)3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);

    /// <summary>Combines bytes with the key stream, in place. No two calls with one key may use the same nonce and counter.</summary>
    /// <param name="key">32 bytes.</param>
    /// <param name="counter">The first block's number.</param>
    /// <param name="nonce">The nonce, read as a little-endian number.</param>
    public static void Apply(ReadOnlySpan<byte> key, ulong counter, ulong nonce, Span<byte> data)
    {
        Span<uint> state = stackalloc uint[Words];
        Span<uint> block = stackalloc uint[Words];
        Fill(state, key, counter, nonce);
        for (; data.Length >= WideBlocks * BlockSize; data = data[(WideBlocks * BlockSize)..])
        {
            ApplyWide(state, counter, data[..(WideBlocks * BlockSize)]);
            counter += WideBlocks;
        }

        while (data.Length > 0)
        {
            (state[12], state[13]) = ((uint)counter, (uint)(counter >> 32));
            counter++;
            Compute(state, block);
            ReadOnlySpan<byte> stream = MemoryMarshal.AsBytes(block);
            int count = Math.Min(data.Length, BlockSize);
            for (int i = 0; i < count; i++)
            {
                data[i] ^= stream[i];
            }

            data = data[count..];
        }

        FixedTime.Erase(MemoryMarshal.AsBytes(state));
        FixedTime.Erase(MemoryMarshal.AsBytes(block));
    }

    private static void Fill(Span<uint> state, ReadOnlySpan<byte> key, ulong counter, ulong nonce)
    {
        (state[0], state[1], state[2], state[3]) = (0x61707865, 0x3320646e, 0x79622d32, 0x6b206574); // "expand 32-byte k"
        for (int i = 0; i < KeySize / sizeof(uint); i++)
        {
            state[4 + i] = BinaryPrimitives.ReadUInt32LittleEndian(key[(i * sizeof(uint))..]);
        }

        (state[12], state[13]) = ((uint)counter, (uint)(counter >> 32));
        (state[14], state[15]) = ((uint)nonce, (uint)(nonce >> 32));
    }

    private static void Compute(ReadOnlySpan<uint> state, Span<uint> block)
    {
        state.CopyTo(block);
        for (int i = 0; i < 10; i++)
        {
            Quarter(ref block[0], ref block[4], ref block[8], ref block[12]);
            Quarter(ref block[1], ref block[5], ref block[9], ref block[13]);
            Quarter(ref block[2], ref block[6], ref block[10], ref block[14]);
            Quarter(ref block[3], ref block[7], ref block[11], ref block[15]);
            Quarter(ref block[0], ref block[5], ref block[10], ref block[15]);
            Quarter(ref block[1], ref block[6], ref block[11], ref block[12]);
            Quarter(ref block[2], ref block[7], ref block[8], ref block[13]);
            Quarter(ref block[3], ref block[4], ref block[9], ref block[14]);
        }

        for (int i = 0; i < Words; i++)
        {
            block[i] += state[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarter(ref uint a, ref uint b, ref uint c, ref uint d)
    {
        a += b;
        d = BitOperations.RotateLeft(d ^ a, 16);
        c += d;
        b = BitOperations.RotateLeft(b ^ c, 12);
        a += b;
        d = BitOperations.RotateLeft(d ^ a, 8);
        c += d;
        b = BitOperations.RotateLeft(b ^ c, 7);
    }

    // Four blocks side by side: a vector holds the same row of two of them, and diagonals become columns by turning rows.
    private static void ApplyWide(ReadOnlySpan<uint> state, ulong counter, Span<byte> data)
    {
        (Vector256<uint> a, Vector256<uint> b, Vector256<uint> c) = (Row(state), Row(state[4..]), Row(state[8..]));
        Vector256<uint> d = Counted(state, counter);
        Vector256<uint> e = Counted(state, counter + 2);
        (Vector256<uint> a0, Vector256<uint> b0, Vector256<uint> c0, Vector256<uint> d0) = (a, b, c, d);
        (Vector256<uint> a1, Vector256<uint> b1, Vector256<uint> c1, Vector256<uint> d1) = (a, b, c, e);
        Vector256<byte> by16 = Vector256.Create(TurnBy16, TurnBy16);
        Vector256<byte> by8 = Vector256.Create(TurnBy8, TurnBy8);
        for (int i = 0; i < 20; i++)
        {
            a0 += b0;
            a1 += b1;
            d0 = Avx2.Shuffle((d0 ^ a0).AsByte(), by16).AsUInt32();
            d1 = Avx2.Shuffle((d1 ^ a1).AsByte(), by16).AsUInt32();
            c0 += d0;
            c1 += d1;
            b0 ^= c0;
            b1 ^= c1;
            b0 = (b0 << 12) | (b0 >> 20);
            b1 = (b1 << 12) | (b1 >> 20);
            a0 += b0;
            a1 += b1;
            d0 = Avx2.Shuffle((d0 ^ a0).AsByte(), by8).AsUInt32();
            d1 = Avx2.Shuffle((d1 ^ a1).AsByte(), by8).AsUInt32();
            c0 += d0;
            c1 += d1;
            b0 ^= c0;
            b1 ^= c1;
            b0 = (b0 << 7) | (b0 >> 25);
            b1 = (b1 << 7) | (b1 >> 25);

            // From columns to diagonals after the even rounds, and back after the odd ones.
            bool isEven = i % 2 == 0;
            (b0, b1) = isEven ? (Avx2.Shuffle(b0, Turn1), Avx2.Shuffle(b1, Turn1)) : (Avx2.Shuffle(b0, Turn3), Avx2.Shuffle(b1, Turn3));
            (c0, c1) = (Avx2.Shuffle(c0, Turn2), Avx2.Shuffle(c1, Turn2));
            (d0, d1) = isEven ? (Avx2.Shuffle(d0, Turn3), Avx2.Shuffle(d1, Turn3)) : (Avx2.Shuffle(d0, Turn1), Avx2.Shuffle(d1, Turn1));
        }

        Combine(data, a0 + a, b0 + b, c0 + c, d0 + d);
        Combine(data[(2 * BlockSize)..], a1 + a, b1 + b, c1 + c, d1 + e);
    }

    private static Vector256<uint> Row(ReadOnlySpan<uint> words)
    {
        Vector128<uint> row = Vector128.Create(words[0], words[1], words[2], words[3]);
        return Vector256.Create(row, row);
    }

    private static Vector256<uint> Counted(ReadOnlySpan<uint> state, ulong counter)
    {
        ulong next = counter + 1;
        return Vector256.Create((uint)counter, (uint)(counter >> 32), state[14], state[15], (uint)next, (uint)(next >> 32), state[14], state[15]);
    }

    private static void Combine(Span<byte> data, Vector256<uint> a, Vector256<uint> b, Vector256<uint> c, Vector256<uint> d)
    {
        Combine(data, a.GetLower(), b.GetLower(), c.GetLower(), d.GetLower());
        Combine(data[BlockSize..], a.GetUpper(), b.GetUpper(), c.GetUpper(), d.GetUpper());
    }

    private static void Combine(Span<byte> data, Vector128<uint> a, Vector128<uint> b, Vector128<uint> c, Vector128<uint> d)
    {
        (Vector128.Create<byte>(data) ^ a.AsByte()).CopyTo(data);
        (Vector128.Create<byte>(data[16..]) ^ b.AsByte()).CopyTo(data[16..]);
        (Vector128.Create<byte>(data[32..]) ^ c.AsByte()).CopyTo(data[32..]);
        (Vector128.Create<byte>(data[48..]) ^ d.AsByte()).CopyTo(data[48..]);
    }
}

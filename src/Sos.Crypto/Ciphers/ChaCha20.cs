using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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
    private const int WideBlocks = 8;

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

    // Eight blocks side by side: a vector holds one word of each.
    private static void ApplyWide(ReadOnlySpan<uint> state, ulong counter, Span<byte> data)
    {
        Span<Vector256<uint>> rows = stackalloc Vector256<uint>[Words];
        Span<Vector256<uint>> start = stackalloc Vector256<uint>[Words];
        for (int i = 0; i < Words; i++)
        {
            start[i] = Vector256.Create(state[i]);
        }

        for (int i = 0; i < WideBlocks; i++)
        {
            start[12] = start[12].WithElement(i, (uint)(counter + (uint)i));
            start[13] = start[13].WithElement(i, (uint)((counter + (uint)i) >> 32));
        }

        start.CopyTo(rows);
        for (int i = 0; i < 10; i++)
        {
            QuarterWide(ref rows[0], ref rows[4], ref rows[8], ref rows[12]);
            QuarterWide(ref rows[1], ref rows[5], ref rows[9], ref rows[13]);
            QuarterWide(ref rows[2], ref rows[6], ref rows[10], ref rows[14]);
            QuarterWide(ref rows[3], ref rows[7], ref rows[11], ref rows[15]);
            QuarterWide(ref rows[0], ref rows[5], ref rows[10], ref rows[15]);
            QuarterWide(ref rows[1], ref rows[6], ref rows[11], ref rows[12]);
            QuarterWide(ref rows[2], ref rows[7], ref rows[8], ref rows[13]);
            QuarterWide(ref rows[3], ref rows[4], ref rows[9], ref rows[14]);
        }

        for (int i = 0; i < Words; i++)
        {
            rows[i] += start[i];
        }

        ReadOnlySpan<uint> words = MemoryMarshal.Cast<Vector256<uint>, uint>(rows);
        Span<uint> output = MemoryMarshal.Cast<byte, uint>(data);
        for (int block = 0; block < WideBlocks; block++)
        {
            for (int i = 0; i < Words; i++)
            {
                output[(block * Words) + i] ^= words[(i * WideBlocks) + block];
            }
        }

        FixedTime.Erase(MemoryMarshal.AsBytes(rows));
        FixedTime.Erase(MemoryMarshal.AsBytes(start));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void QuarterWide(ref Vector256<uint> first, ref Vector256<uint> second, ref Vector256<uint> third, ref Vector256<uint> fourth)
    {
        (Vector256<uint> a, Vector256<uint> b, Vector256<uint> c, Vector256<uint> d) = (first, second, third, fourth);
        a += b;
        d ^= a;
        d = (d << 16) | (d >> 16);
        c += d;
        b ^= c;
        b = (b << 12) | (b >> 20);
        a += b;
        d ^= a;
        d = (d << 8) | (d >> 24);
        c += d;
        b ^= c;
        b = (b << 7) | (b >> 25);
        (first, second, third, fourth) = (a, b, c, d);
    }
}

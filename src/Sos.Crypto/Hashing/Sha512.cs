using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Sos.Crypto.Hashing;

/// <summary>SHA-512 (FIPS 180-4) of bytes that come in pieces, of 2^61 bytes at most.</summary>
public struct Sha512
{
    /// <summary>Bytes of a digest.</summary>
    public const int DigestSize = 64;

    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 128;

    private State _state;
    private Block _block;
    private ulong _length;

    private static ReadOnlySpan<ulong> RoundConstants =>
    [
        0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
        0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
        0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
        0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
        0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
        0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
        0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
        0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
        0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
        0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
        0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
        0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
        0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
        0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
        0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
        0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
        0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
        0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
        0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
        0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
    ];

    private static ReadOnlySpan<ulong> InitialState =>
    [
        0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
        0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    ];

    /// <summary>Returns the digest of one byte string.</summary>
    public static void Hash(ReadOnlySpan<byte> data, Span<byte> digest)
    {
        Sha512 hash = default;
        hash.Start();
        hash.Update(data);
        hash.Finish(digest);
    }

    /// <summary>Begins anew.</summary>
    public void Start()
    {
        InitialState.CopyTo(_state);
        _length = 0;
    }

    /// <summary>Takes the next bytes.</summary>
    public void Update(ReadOnlySpan<byte> data)
    {
        Span<byte> block = _block;
        int used = (int)(_length % BlockSize);
        _length += (ulong)data.Length;
        if (used + data.Length < BlockSize)
        {
            data.CopyTo(block[used..]);
            return;
        }

        if (used > 0)
        {
            data[..(BlockSize - used)].CopyTo(block[used..]);
            data = data[(BlockSize - used)..];
            Compress(_state, block);
        }

        for (; data.Length >= BlockSize; data = data[BlockSize..])
        {
            Compress(_state, data);
        }

        data.CopyTo(block);
    }

    /// <summary>Writes the digest and erases the state. <see cref="Start"/> begins the next.</summary>
    public void Finish(Span<byte> digest)
    {
        Span<byte> block = _block;
        int used = (int)(_length % BlockSize);
        block[used++] = 0x80;
        block[used..].Clear();
        if (used > BlockSize - (2 * sizeof(ulong)))
        {
            Compress(_state, block);
            block.Clear();
        }

        BinaryPrimitives.WriteUInt64BigEndian(block[(BlockSize - sizeof(ulong))..], _length * 8);
        Compress(_state, block);
        for (int i = 0; i < DigestSize / sizeof(ulong); i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(digest[(i * sizeof(ulong))..], _state[i]);
        }

        FixedTime.Erase(ref this);
    }

    // FIPS 180-4, 6.4.2.
    private static void Compress(Span<ulong> state, ReadOnlySpan<byte> block)
    {
        Span<ulong> schedule = stackalloc ulong[80];
        for (int i = 0; i < 16; i++)
        {
            schedule[i] = BinaryPrimitives.ReadUInt64BigEndian(block[(i * sizeof(ulong))..]);
        }

        for (int i = 16; i < 80; i++)
        {
            ulong early = schedule[i - 15];
            ulong late = schedule[i - 2];
            schedule[i] = (BitOperations.RotateRight(late, 19) ^ BitOperations.RotateRight(late, 61) ^ (late >> 6)) + schedule[i - 7]
                + (BitOperations.RotateRight(early, 1) ^ BitOperations.RotateRight(early, 8) ^ (early >> 7)) + schedule[i - 16];
        }

        (ulong a, ulong b, ulong c, ulong d) = (state[0], state[1], state[2], state[3]);
        (ulong e, ulong f, ulong g, ulong h) = (state[4], state[5], state[6], state[7]);
        ReadOnlySpan<ulong> constants = RoundConstants;
        for (int i = 0; i < 80; i++)
        {
            ulong first = h + (BitOperations.RotateRight(e, 14) ^ BitOperations.RotateRight(e, 18) ^ BitOperations.RotateRight(e, 41))
                + ((e & f) ^ (~e & g)) + constants[i] + schedule[i];
            ulong second = (BitOperations.RotateRight(a, 28) ^ BitOperations.RotateRight(a, 34) ^ BitOperations.RotateRight(a, 39))
                + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e) = (g, f, e, d + first);
            (d, c, b, a) = (c, b, a, first + second);
        }

        (state[0], state[1], state[2], state[3]) = (state[0] + a, state[1] + b, state[2] + c, state[3] + d);
        (state[4], state[5], state[6], state[7]) = (state[4] + e, state[5] + f, state[6] + g, state[7] + h);
    }

    [InlineArray(DigestSize / sizeof(ulong))]
    private struct State
    {
        private ulong _element;
    }

    [InlineArray(BlockSize)]
    private struct Block
    {
        private byte _element;
    }
}

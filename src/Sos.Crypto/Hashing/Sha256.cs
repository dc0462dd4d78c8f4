using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Sos.Crypto.Hashing;

/// <summary>SHA-256 (FIPS 180-4) of bytes that come in pieces.</summary>
public struct Sha256
{
    /// <summary>Bytes of a digest.</summary>
    public const int DigestSize = 32;

    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 64;

    private State _state;
    private Block _block;
    private ulong _length;

    private static ReadOnlySpan<uint> RoundConstants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    private static ReadOnlySpan<uint> InitialState =>
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    /// <summary>Returns the digest of one byte string.</summary>
    public static void Hash(ReadOnlySpan<byte> data, Span<byte> digest)
    {
        Sha256 hash = default;
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

    /// <summary>Takes one byte.</summary>
    public void Update(byte value) => Update(new ReadOnlySpan<byte>(in value));

    /// <summary>Writes the digest and erases the state. <see cref="Start"/> begins the next.</summary>
    public void Finish(Span<byte> digest)
    {
        Span<byte> block = _block;
        int used = (int)(_length % BlockSize);
        block[used++] = 0x80;
        block[used..].Clear();
        if (used > BlockSize - sizeof(ulong))
        {
            Compress(_state, block);
            block.Clear();
        }

        BinaryPrimitives.WriteUInt64BigEndian(block[(BlockSize - sizeof(ulong))..], _length * 8);
        Compress(_state, block);
        for (int i = 0; i < DigestSize / sizeof(uint); i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(digest[(i * sizeof(uint))..], _state[i]);
        }

        FixedTime.Erase(ref this);
    }

    // FIPS 180-4, 6.2.2.
    private static void Compress(Span<uint> state, ReadOnlySpan<byte> block)
    {
        Span<uint> schedule = stackalloc uint[64];
        for (int i = 0; i < 16; i++)
        {
            schedule[i] = BinaryPrimitives.ReadUInt32BigEndian(block[(i * sizeof(uint))..]);
        }

        for (int i = 16; i < 64; i++)
        {
            uint early = schedule[i - 15];
            uint late = schedule[i - 2];
            schedule[i] = (BitOperations.RotateRight(late, 17) ^ BitOperations.RotateRight(late, 19) ^ (late >> 10)) + schedule[i - 7]
                + (BitOperations.RotateRight(early, 7) ^ BitOperations.RotateRight(early, 18) ^ (early >> 3)) + schedule[i - 16];
        }

        (uint a, uint b, uint c, uint d) = (state[0], state[1], state[2], state[3]);
        (uint e, uint f, uint g, uint h) = (state[4], state[5], state[6], state[7]);
        ReadOnlySpan<uint> constants = RoundConstants;
        for (int i = 0; i < 64; i++)
        {
            uint first = h + (BitOperations.RotateRight(e, 6) ^ BitOperations.RotateRight(e, 11) ^ BitOperations.RotateRight(e, 25))
                + ((e & f) ^ (~e & g)) + constants[i] + schedule[i];
            uint second = (BitOperations.RotateRight(a, 2) ^ BitOperations.RotateRight(a, 13) ^ BitOperations.RotateRight(a, 22))
                + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e) = (g, f, e, d + first);
            (d, c, b, a) = (c, b, a, first + second);
        }

        (state[0], state[1], state[2], state[3]) = (state[0] + a, state[1] + b, state[2] + c, state[3] + d);
        (state[4], state[5], state[6], state[7]) = (state[4] + e, state[5] + f, state[6] + g, state[7] + h);
    }

    [InlineArray(DigestSize / sizeof(uint))]
    private struct State
    {
        private uint _element;
    }

    [InlineArray(BlockSize)]
    private struct Block
    {
        private byte _element;
    }
}

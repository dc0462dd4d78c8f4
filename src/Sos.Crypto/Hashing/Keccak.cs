using System;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Sos.Crypto.Hashing;

/// <summary>The sponge of FIPS 202: SHA3-256, SHA3-512, SHAKE128 and SHAKE256.</summary>
public struct Keccak
{
    private const int Lanes = 25;
    private const byte HashSuffix = 0x06;
    private const byte ExtendableSuffix = 0x1f;

    private State _state;
    private int _rate;
    private int _position;
    private byte _suffix;

    private static ReadOnlySpan<ulong> RoundConstants =>
    [
        0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
        0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
        0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
        0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
        0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
        0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
    ];

    // The rho offsets and the pi permutation, along the one path of 24 lanes that pi makes (FIPS 202, 3.2.2 and 3.2.3).
    private static ReadOnlySpan<byte> Rotations => [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];

    private static ReadOnlySpan<byte> Path => [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];

    /// <summary>Writes SHA3-256 of two byte strings, one behind the other.</summary>
    public static void Sha3x256(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Span<byte> digest) => Hash(136, HashSuffix, first, second, digest[..32]);

    /// <summary>Writes SHA3-512 of two byte strings, one behind the other.</summary>
    public static void Sha3x512(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Span<byte> digest) => Hash(72, HashSuffix, first, second, digest[..64]);

    /// <summary>Writes as many bytes of SHAKE256 of two byte strings as there is room.</summary>
    public static void Shake256(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Span<byte> output) => Hash(136, ExtendableSuffix, first, second, output);

    /// <summary>Begins SHAKE128.</summary>
    public void StartShake128() => Start(168, ExtendableSuffix);

    /// <summary>Takes the next bytes. Not after <see cref="FinishInput"/>.</summary>
    public void Absorb(ReadOnlySpan<byte> data)
    {
        foreach (byte each in data)
        {
            _state[_position / 8] ^= (ulong)each << (_position % 8 * 8);
            if (++_position == _rate)
            {
                Permute(_state);
                _position = 0;
            }
        }
    }

    /// <summary>Ends the input; <see cref="Squeeze"/> may follow.</summary>
    public void FinishInput()
    {
        _state[_position / 8] ^= (ulong)_suffix << (_position % 8 * 8);
        _state[(_rate - 1) / 8] ^= 1UL << 63;
        _position = _rate;
    }

    /// <summary>Writes the next bytes of the output.</summary>
    public void Squeeze(Span<byte> output)
    {
        for (int i = 0; i < output.Length; i++)
        {
            if (_position == _rate)
            {
                Permute(_state);
                _position = 0;
            }

            output[i] = (byte)(_state[_position / 8] >> (_position % 8 * 8));
            _position++;
        }
    }

    private static void Hash(int rate, byte suffix, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Span<byte> output)
    {
        Keccak sponge = default;
        sponge.Start(rate, suffix);
        sponge.Absorb(first);
        sponge.Absorb(second);
        sponge.FinishInput();
        sponge.Squeeze(output);
        FixedTime.Erase(ref sponge);
    }

    private void Start(int rate, byte suffix)
    {
        ((Span<ulong>)_state).Clear();
        (_rate, _position, _suffix) = (rate, 0, suffix);
    }

    private static void Permute(Span<ulong> state)
    {
        Span<ulong> columns = stackalloc ulong[5];
        foreach (ulong constant in RoundConstants)
        {
            for (int x = 0; x < 5; x++)
            {
                columns[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
            }

            for (int x = 0; x < 5; x++)
            {
                ulong theta = columns[(x + 4) % 5] ^ BitOperations.RotateLeft(columns[(x + 1) % 5], 1);
                for (int y = 0; y < Lanes; y += 5)
                {
                    state[x + y] ^= theta;
                }
            }

            ulong moved = state[1];
            for (int i = 0; i < 24; i++)
            {
                int lane = Path[i];
                (state[lane], moved) = (BitOperations.RotateLeft(moved, Rotations[i]), state[lane]);
            }

            for (int y = 0; y < Lanes; y += 5)
            {
                state.Slice(y, 5).CopyTo(columns);
                for (int x = 0; x < 5; x++)
                {
                    state[x + y] = columns[x] ^ (~columns[(x + 1) % 5] & columns[(x + 2) % 5]);
                }
            }

            state[0] ^= constant;
        }
    }

    [InlineArray(Lanes)]
    private struct State
    {
        private ulong _element;
    }
}

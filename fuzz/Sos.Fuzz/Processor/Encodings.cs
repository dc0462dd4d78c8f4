using System;
using System.Collections.Generic;

namespace Sos.Fuzz.Processor;

/// <summary>Enumerates encodings: prefixes, opcodes of every map, and every ModRM byte. What follows is for the caller to draw.</summary>
internal static class Encodings
{
    private const int Longest = 15;

    private static readonly byte[][] LegacyPrefixes =
    [
        [], [0x66], [0xf2], [0xf3], [0xf0], [0x67], [0x2e], [0x3e], [0x26], [0x36], [0x64], [0x65], [0x66, 0xf2], [0x66, 0xf3], [0x66, 0xf0],
        [0xf2, 0x66], [0xf3, 0x66], [0xf3, 0xf2], [0x66, 0x66], [0xf0, 0xf2], [0xf0, 0xf3], [0x66, 0x67], [0xf3, 0x67], [0xf3, 0x64],
    ];

    private static readonly byte[][] Maps = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

    /// <summary>The beginnings of all encodings: how many there are is told by <see cref="Heads"/>, each has 256 opcodes and 256 ModRM.</summary>
    public static IReadOnlyList<byte[]> Heads { get; } = MakeHeads();

    /// <summary>Writes an encoding, and random bytes behind it.</summary>
    /// <param name="head">One of the heads.</param>
    /// <param name="opcode">The opcode.</param>
    /// <param name="modRm">The byte behind it.</param>
    /// <param name="random">Draws the rest.</param>
    /// <param name="bytes">15 bytes.</param>
    public static void Write(byte[] head, byte opcode, byte modRm, Random random, Span<byte> bytes)
    {
        random.NextBytes(bytes[..Longest]);
        head.CopyTo(bytes);
        bytes[head.Length] = opcode;
        bytes[head.Length + 1] = modRm;
    }

    private static List<byte[]> MakeHeads()
    {
        List<byte[]> heads = [];
        foreach (byte[] map in Maps)
        {
            foreach (byte[] prefix in LegacyPrefixes)
            {
                heads.Add([.. prefix, .. map]);
                for (int rex = 0x40; rex <= 0x4f; rex++)
                {
                    heads.Add([.. prefix, (byte)rex, .. map]);
                }
            }
        }

        foreach (byte[] prefix in (byte[][])[[], [0x66], [0xf3], [0x48]])
        {
            for (int second = 0; second < 256; second++)
            {
                heads.Add([.. prefix, 0xc5, (byte)second]);
            }
        }

        // Three-byte VEX: each map, each of R, X and B, W, L and pp, and the first, the last and RSP as the register in vvvv.
        for (int map = 1; map <= 3; map++)
        {
            for (int extensions = 0; extensions < 8; extensions++)
            {
                foreach (int register in (ReadOnlySpan<int>)[0, 4, 8, 15])
                {
                    for (int rest = 0; rest < 16; rest++)
                    {
                        int third = ((rest & 8) << 4) | ((~register & 15) << 3) | (rest & 7);
                        heads.Add([0xc4, (byte)((extensions << 5) | map), (byte)third]);
                    }
                }
            }
        }

        // EVEX and XOP: nothing of them is allowed, in whatever way they are written.
        foreach (byte second in (ReadOnlySpan<byte>)[0xf1, 0xf2, 0xf3, 0x71, 0x61, 0xe1])
        {
            foreach (byte third in (ReadOnlySpan<byte>)[0x7c, 0x7d, 0x7e, 0x7f, 0xfd, 0x75])
            {
                heads.Add([0x62, second, third, 0x48]);
                heads.Add([0x62, second, third, 0x28]);
                heads.Add([0x62, second, third, 0x08]);
            }
        }

        foreach (byte map in (ReadOnlySpan<byte>)[0xe8, 0xe9, 0xea])
        {
            heads.Add([0x8f, map, 0x78]);
            heads.Add([0x8f, map, 0xf8]);
        }

        return heads;
    }
}

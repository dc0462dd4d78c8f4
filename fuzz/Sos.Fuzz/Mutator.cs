using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace Sos.Fuzz;

/// <summary>
/// Makes inputs from seeds. Input number n depends on the seeds, the run's seed and n alone, so that any one can be made again.
/// </summary>
public sealed class Mutator
{
    private const int ChangesMax = 6;

    private static readonly ulong[] Interesting =
    [
        0, 1, 2, 3, 4, 7, 8, 15, 16, 32, 63, 64, 65, 127, 128, 255, 256, 1023, 4095, 4096, 4097, 32767, 32768, 65535, 65536,
        0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, ulong.MaxValue,
    ];

    private readonly IReadOnlyList<byte[]> _seeds;
    private readonly List<byte[]> _words = [];
    private readonly ulong _runSeed;
    private readonly int _lengthMax;

    /// <summary>Makes a mutator.</summary>
    /// <param name="seeds">One seed at least.</param>
    /// <param name="runSeed">What tells this run from others.</param>
    /// <param name="lengthMax">Inputs are at most that many bytes.</param>
    public Mutator(IReadOnlyList<byte[]> seeds, ulong runSeed, int lengthMax)
    {
        ArgumentOutOfRangeException.ThrowIfZero(seeds.Count);
        _seeds = seeds;
        _runSeed = runSeed;
        _lengthMax = lengthMax;
        foreach (byte[] seed in seeds)
        {
            CollectWords(seed);
        }
    }

    /// <summary>Makes input number <paramref name="number"/>; the first ones are the seeds themselves.</summary>
    public byte[] Make(long number)
    {
        if (number < _seeds.Count)
        {
            return [.. _seeds[(int)number]];
        }

        Random random = new((int)Mix(_runSeed + ((ulong)number * 0x9e37_79b9_7f4a_7c15)));
        List<byte> input = [.. _seeds[random.Next(_seeds.Count)]];
        if (random.Next(4) != 0 && !input.Exists(b => b is < 9 or > 126))
        {
            // Text that stays well-formed gets past its first reader.
            for (int words = random.Next(1, 4); words > 0; words--)
            {
                ReplaceWord(input, random.Next(input.Count), random);
            }

            return [.. input.GetRange(0, Math.Min(input.Count, _lengthMax))];
        }

        for (int changes = random.Next(1, ChangesMax + 1); changes > 0; changes--)
        {
            Change(input, random);
        }

        return [.. input.Count > _lengthMax ? input.GetRange(0, _lengthMax) : input];
    }

    private void Change(List<byte> input, Random random)
    {
        if (input.Count == 0)
        {
            input.Add((byte)random.Next(256));
            return;
        }

        int at = random.Next(input.Count);
        switch (random.Next(10))
        {
            case 0:
                input[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                input[at] = (byte)random.Next(256);
                break;
            case 2:
                input[at] = (byte)(input[at] + random.Next(-4, 5));
                break;
            case 3 or 4:
                WriteNumber(input, at, random);
                break;
            case 5:
                input.RemoveRange(at, random.Next(1, Math.Min(input.Count - at, 64) + 1));
                break;
            case 6:
                input.InsertRange(at, input.GetRange(at, random.Next(1, Math.Min(input.Count - at, 64) + 1)));
                break;
            case 7:
                Splice(input, at, random);
                break;
            case 8:
                ReplaceWord(input, at, random);
                break;
            default:
                input.RemoveRange(at, input.Count - at);
                break;
        }
    }

    private static void WriteNumber(List<byte> input, int at, Random random)
    {
        ulong value = Interesting[random.Next(Interesting.Length)];
        if (random.Next(3) == 0)
        {
            // As the length of something that is there.
            value = (ulong)(input.Count - random.Next(input.Count + 1));
        }

        int size = Math.Min(1 << random.Next(4), input.Count - at);
        Span<byte> bytes = stackalloc byte[8];
        if (random.Next(2) == 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        }
        else
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes, value << (64 - (8 * size)));
        }

        for (int i = 0; i < size; i++)
        {
            input[at + i] = bytes[i];
        }
    }

    private void Splice(List<byte> input, int at, Random random)
    {
        byte[] other = _seeds[random.Next(_seeds.Count)];
        if (other.Length != 0)
        {
            int from = random.Next(other.Length);
            int length = random.Next(1, Math.Min(other.Length - from, 256) + 1);
            input.RemoveRange(at, Math.Min(random.Next(length + 1), input.Count - at));
            input.InsertRange(at, other[from..(from + length)]);
        }
    }

    /// <summary>Puts a word of a seed in the place of the word at <paramref name="at"/>: what keeps texts well-formed.</summary>
    private void ReplaceWord(List<byte> input, int at, Random random)
    {
        if (_words.Count == 0 || at == input.Count || !IsWord(input[at]))
        {
            return;
        }

        int end = at;
        while (end < input.Count && IsWord(input[end]))
        {
            end++;
        }

        while (at > 0 && at < end && IsWord(input[at - 1]))
        {
            at--;
        }

        input.RemoveRange(at, end - at);
        input.InsertRange(at, _words[random.Next(_words.Count)]);
    }

    private void CollectWords(byte[] seed)
    {
        int start = 0;
        for (int i = 0; i <= seed.Length; i++)
        {
            if (i < seed.Length && IsWord(seed[i]))
            {
                continue;
            }

            if (i - start is > 0 and <= 40)
            {
                _words.Add(seed[start..i]);
            }

            start = i + 1;
        }
    }

    private static bool IsWord(byte character) => char.IsAsciiLetterOrDigit((char)character) || character is (byte)'.' or (byte)'_' or (byte)'\\';

    // The finaliser of SplitMix64 (Steele, Lea, Flood, 2014): neighbouring numbers give unrelated seeds.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58_476d_1ce4_e5b9;
        value = (value ^ (value >> 27)) * 0x94d0_49bb_1331_11eb;
        return value ^ (value >> 31);
    }
}

using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Firewall.Connections;

/// <summary>
/// A set of connections that may hold more than was put in, and never less (a Bloom filter whose bits of one key share a word). It is never full:
/// the more it holds, the more it seems to hold.
/// </summary>
public static class ConnectionFilter
{
    /// <summary>Words of a filter at least.</summary>
    public const int WordsMin = 64;

    private const int KeysPerWord = 4;
    private const int WordsMax = 1 << 24;

    /// <summary>Makes a filter of keys; one in some hundred other keys seems to be in it.</summary>
    public static ulong[] Of(ReadOnlySpan<ulong> keys)
    {
        long wanted = Math.Clamp(keys.Length / KeysPerWord, WordsMin, WordsMax);
        ulong[] words = new ulong[BitOperations.RoundUpToPowerOf2((ulong)wanted)];
        foreach (ulong key in keys)
        {
            words[key & ((ulong)words.Length - 1)] |= BitsOf(key);
        }

        return words;
    }

    /// <summary>Puts a key in.</summary>
    /// <param name="words">The filter; a power of two words.</param>
    /// <param name="key">The key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(MemoryBlock<ulong> words, ulong key) => words[(uint)(key & ((ulong)words.Length - 1))] |= BitsOf(key);

    /// <summary>Whether a key may be in it.</summary>
    /// <inheritdoc cref="Add"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MayHold(MemoryBlock<ulong> words, ulong key)
    {
        ulong bits = BitsOf(key);
        return (words[(uint)(key & ((ulong)words.Length - 1))] & bits) == bits;
    }

    // Four of a word's bits, of the key's upper part: its lower part chooses the word.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong BitsOf(ulong key)
        => (1UL << (int)((key >> 40) & 63)) | (1UL << (int)((key >> 46) & 63)) | (1UL << (int)((key >> 52) & 63)) | (1UL << (int)(key >> 58));
}

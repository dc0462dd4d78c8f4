using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>
/// A set of IPv4 addresses as a trie of three levels (16, 8 and 8 bits) whose lower levels are compressed with bitmaps, after
/// Poptrie (Asai and Ohara, SIGCOMM 2015). A lookup touches at most three cache lines, however many elements there are.
/// </summary>
/// <remarks>
/// Root: 65,536 words, one for each /16: the number of a node. Nodes <see cref="None"/> and <see cref="All"/> are those of every
/// /16 that holds no element, or lies in the set as a whole, so that a lookup has no case to tell apart.
/// Node: four <see cref="Ipv4Chunk"/>s, each for 64 of its /24s. Leaf: 256 bits, one for each address of a /24.
/// There is at least one leaf. Positions that the parts give are clamped to them: checking all of a large set when
/// it is swapped in would stall the core, and so even a set with wrong positions reads only its own memory.
/// </remarks>
public readonly ref struct Ipv4Set
{
    /// <summary>Words of the root.</summary>
    public const int RootLength = 65_536;

    /// <summary>The node of a /16 that holds no element.</summary>
    public const uint None = 0;

    /// <summary>The node of a /16 that lies in the set as a whole.</summary>
    public const uint All = 1;

    /// <summary>Nodes that every set has.</summary>
    public const uint NodesMin = 2;

    /// <summary>Most keys that are looked up together.</summary>
    public const int BatchMax = 64;

    /// <summary>Chunks of a node.</summary>
    public const int ChunksPerNode = 4;

    /// <summary>64-bit words of a leaf.</summary>
    public const int WordsPerLeaf = 4;

    private readonly ReadOnlySpan<uint> _root;
    private readonly ReadOnlySpan<Ipv4Chunk> _chunks;
    private readonly ReadOnlySpan<ulong> _leaves;

    /// <summary>Makes a set of its parts.</summary>
    public Ipv4Set(ReadOnlySpan<uint> root, ReadOnlySpan<Ipv4Chunk> chunks, ReadOnlySpan<ulong> leaves)
    {
        _root = root;
        _chunks = chunks;
        _leaves = leaves;
    }

    /// <summary>Whether the set holds <paramref name="address"/> (host byte order).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(uint address)
    {
        ref readonly Ipv4Chunk chunk = ref Chunk(ChunkIndex(address));
        int bit = (int)(address >> 8) & 63;
        uint word = (uint)(chunk.Mixed >> bit) & 1;
        return ((uint)(chunk.Full >> bit) & 1) != 0 || (word != 0 && ((Leaf(LeafWord(in chunk, address)) >> (int)(address & 63)) & 1) != 0);
    }

    /// <summary>
    /// Looks many addresses up, one level for all before the next, so that the reads of memory overlap; and without a branch that
    /// depends on an address, since half of those would be mispredicted.
    /// </summary>
    /// <param name="keys">Keys, at most <see cref="BatchMax"/>.</param>
    /// <param name="word">The word of the keys that is the address.</param>
    /// <param name="found">1 for each address that the set holds, else 0.</param>
    /// <param name="leafWords">Room for a word for each key.</param>
    public void Contains(ReadOnlySpan<FlowKey> keys, uint word, Span<uint> found, Span<uint> leafWords)
    {
        leafWords = leafWords[..keys.Length];
        found = found[..keys.Length];
        for (int i = 0; i < found.Length; i++)
        {
            Prefetch.Read(in Root(keys[i].Word(word)));
        }

        for (int i = 0; i < found.Length; i++)
        {
            uint index = ChunkIndex(keys[i].Word(word));
            found[i] = index;
            Prefetch.Read(in Chunk(index));
        }

        for (int i = 0; i < found.Length; i++)
        {
            uint address = keys[i].Word(word);
            ref readonly Ipv4Chunk chunk = ref Chunk(found[i]);
            int bit = (int)(address >> 8) & 63;
            uint isMixed = (uint)(chunk.Mixed >> bit) & 1;
            uint leafWord = LeafWord(in chunk, address) & (0 - isMixed);
            leafWords[i] = leafWord;
            found[i] = ((uint)(chunk.Full >> bit) & 1) | (isMixed << 1);
            Prefetch.Read(in Leaf(leafWord));
        }

        for (int i = 0; i < found.Length; i++)
        {
            uint inLeaf = (uint)(Leaf(leafWords[i]) >> (int)(keys[i].Word(word) & 63));
            found[i] = (found[i] | ((found[i] >> 1) & inLeaf)) & 1;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref readonly uint Root(uint address) => ref Unsafe.Add(ref MemoryMarshal.GetReference(_root), address >> 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref readonly Ipv4Chunk Chunk(uint index) => ref Unsafe.Add(ref MemoryMarshal.GetReference(_chunks), index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref readonly ulong Leaf(uint word) => ref Unsafe.Add(ref MemoryMarshal.GetReference(_leaves), word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint ChunkIndex(uint address)
        => Math.Min((Root(address) * ChunksPerNode) + ((address >> 14) & 3), (uint)_chunks.Length - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint LeafWord(in Ipv4Chunk chunk, uint address)
    {
        ulong below = chunk.Mixed & ((1UL << (int)((address >> 8) & 63)) - 1);
        uint leaf = chunk.FirstLeaf + (uint)BitOperations.PopCount(below);
        return Math.Min((leaf * WordsPerLeaf) + ((address >> 6) & 3), (uint)_leaves.Length - 1);
    }
}

/// <summary>The knowledge of a node of an <see cref="Ipv4Set"/> of 64 neighbouring /24s.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Ipv4Chunk
{
    /// <summary>Bytes of a chunk: two to a cache line, none across two.</summary>
    public const int Size = 32;

    /// <summary>Bit n: only a part of /24 number n lies in the set, and there is a leaf that says which.</summary>
    public ulong Mixed;

    /// <summary>Bit n: /24 number n lies in the set as a whole.</summary>
    public ulong Full;

    /// <summary>Number of the leaf of the first bit in <see cref="Mixed"/>; the others follow.</summary>
    public uint FirstLeaf;
}

using System;
using System.Runtime.CompilerServices;

namespace Sos.Firewall.Tables;

/// <summary>
/// A set of numbers of 128 bits, that is of IPv6 addresses or of a few numbers of 32 bits, as the sorted boundaries of its
/// intervals: a number is in the set if an odd number of boundaries is at most as large. Boundary 0 is the first interval's
/// start, boundary 1 the first number behind it, and so on.
/// </summary>
/// <remarks>
/// The boundaries are found through an index like a B+ tree's: level by level, the first key of every block of
/// <see cref="BlockLength"/> keys of the level below; each level and the boundaries are padded to whole blocks with the
/// highest number.
/// A million single addresses take eight steps of two cache lines. Every position is bounded by construction, so that
/// even an index with wrong keys reads only its own memory.
/// </remarks>
public readonly ref struct IntervalSet
{
    /// <summary>Keys of a block: two cache lines.</summary>
    public const int BlockLength = 8;

    private readonly ReadOnlySpan<Address128> _boundaries;
    private readonly ReadOnlySpan<Address128> _index;
    private readonly int _count;

    /// <summary>Makes a set of its parts.</summary>
    /// <param name="boundaries">The boundaries, padded to whole blocks.</param>
    /// <param name="count">How many of them are boundaries and not padding.</param>
    /// <param name="index">The levels, the topmost (of one block) first; empty if the boundaries are one block.</param>
    public IntervalSet(ReadOnlySpan<Address128> boundaries, int count, ReadOnlySpan<Address128> index)
    {
        _boundaries = boundaries;
        _count = count;
        _index = index;
    }

    /// <summary>Keys in the index over <paramref name="boundaryCount"/> boundaries, all levels with their padding.</summary>
    public static int IndexLength(int boundaryCount)
    {
        int total = 0;
        for (int blocks = Blocks(boundaryCount); blocks > 1;)
        {
            blocks = Blocks(blocks);
            total += blocks * BlockLength;
        }

        return total;
    }

    /// <summary>Blocks that <paramref name="keys"/> keys fill, the last one perhaps not wholly.</summary>
    public static int Blocks(int keys) => (keys + BlockLength - 1) / BlockLength;

    /// <summary>Whether the set holds <paramref name="number"/>.</summary>
    public bool Contains(Address128 number)
    {
        if (_count == 0)
        {
            return false;
        }

        int block = 0;
        int levelStart = 0;
        int levelBlocks = 1;
        while (levelStart < _index.Length)
        {
            int rank = Rank(_index.Slice(levelStart + (block * BlockLength), BlockLength), number);
            if (rank == 0)
            {
                return false; // before the first boundary: only ever on the leftmost way down
            }

            levelStart += levelBlocks * BlockLength;
            levelBlocks = BlocksBelow(levelStart);
            block = Math.Min((block * BlockLength) + rank - 1, levelBlocks - 1);
        }

        int below = (block * BlockLength) + Rank(_boundaries.Slice(block * BlockLength, BlockLength), number);
        return (Math.Min(below, _count) & 1) != 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Rank(ReadOnlySpan<Address128> block, Address128 number)
    {
        int rank = 0;
        for (int i = 0; i < block.Length; i++)
        {
            rank += block[i].IsAtMost(number) ? 1 : 0;
        }

        return rank;
    }

    /// <summary>Blocks of the level that starts at a position of the index, which follows from the sizes alone.</summary>
    private int BlocksBelow(int levelStart)
    {
        int blocks = Blocks(_count);
        int end = _index.Length;
        while (end > levelStart)
        {
            blocks = Blocks(blocks);
            end -= blocks * BlockLength;
        }

        return blocks;
    }
}

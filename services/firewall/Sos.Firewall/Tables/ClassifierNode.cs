using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>A node of a classifier: some bits of the key choose among its children, or it is a leaf and names blocks of rules.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct ClassifierNode
{
    /// <summary>Bytes of a node.</summary>
    public const int Size = 8;

    /// <summary>Most bits that choose.</summary>
    public const int WidthMax = 12;

    private const uint LeafBit = 1u << 31;

    /// <summary>
    /// Of an inner node: bits 0 to 7 the lowest bit that chooses, 8 to 15 how many do (as BEXTR takes them), 16 and 17 the word of
    /// the key. Of a leaf: bit 31, and below it the number of its blocks.
    /// </summary>
    public uint Control;

    /// <summary>Of an inner node the number of its first child, of a leaf that of its first block.</summary>
    public uint First;

    /// <summary>Whether it is a leaf.</summary>
    public readonly bool IsLeaf
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Control & LeafBit) != 0;
    }

    /// <summary>Blocks of a leaf.</summary>
    public readonly uint BlockCount => Control & ~LeafBit;

    /// <summary>The word of the key that an inner node looks at.</summary>
    public readonly uint Word => (Control >> 16) & 3;

    /// <summary>Makes an inner node.</summary>
    public static ClassifierNode Inner(uint word, int shift, int width, uint firstChild)
        => new() { Control = (word << 16) | ((uint)width << 8) | (uint)shift, First = firstChild };

    /// <summary>Makes a leaf.</summary>
    public static ClassifierNode Leaf(uint firstBlock, int blockCount)
        => new() { Control = LeafBit | (uint)blockCount, First = firstBlock };
}

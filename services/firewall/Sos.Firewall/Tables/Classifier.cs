using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sos.Firewall.Tables;

/// <summary>
/// Finds the first of many rules that matches a key: a tree that cuts the space of keys by bits, in the manner of HiCuts (Gupta and
/// McKeown, Hot Interconnects 1999), down to a few rules, which are compared eight at a time.
/// </summary>
/// <remarks>
/// A leaf holds every rule that can match a key that comes to it, and each comparison is complete: which bits were cut decides
/// speed, never the answer. Positions that the parts give are clamped to them, as in <see cref="Ipv4Set"/>: a wrong
/// classifier gives wrong answers but reads only its own memory.
/// </remarks>
public readonly ref struct Classifier
{
    /// <summary>Answer when no rule matches.</summary>
    public const uint None = 0xffff_ffff;

    /// <summary>Most nodes from the root to a leaf.</summary>
    public const int DepthMax = 16;

    /// <summary>Most blocks of a leaf.</summary>
    public const int LeafBlocksMax = 64;

    /// <summary>Most trees: the second is for rules that would stand in too many leaves of the first.</summary>
    public const int TreesMax = 2;

    /// <summary>Instructions that a classification counts for in <see cref="ChainRecord.Steps"/>.</summary>
    public const uint Steps = TreesMax * (DepthMax + LeafBlocksMax);

    private const uint HasSecondTree = 1 << 16;
    private const uint LeafOfOneBlock = (1u << 31) | 1;
    private const uint OpenLeaf = 1u << 31;

    // What the second-level cache holds for sure: below, asking for it ahead costs more than it saves.
    private const int SmallBytes = 192 << 10;

    private readonly ReadOnlySpan<ClassifierNode> _nodes;
    private readonly ReadOnlySpan<ClassifierBlock> _blocks;
    private readonly ReadOnlySpan<uint> _entries;
    private readonly uint _depths;

    /// <summary>Makes a classifier of its parts.</summary>
    /// <param name="nodes">The tree, the root first.</param>
    /// <param name="blocks">The rules of the leaves.</param>
    /// <param name="entries">For each rule the instruction that it goes on at, ascending.</param>
    /// <param name="depths">Nodes above the deepest leaf of each tree, as <see cref="Depths"/> makes it.</param>
    public Classifier(ReadOnlySpan<ClassifierNode> nodes, ReadOnlySpan<ClassifierBlock> blocks, ReadOnlySpan<uint> entries, uint depths)
    {
        _nodes = nodes;
        _blocks = blocks;
        _entries = entries;
        _depths = depths;
    }

    /// <summary>For each rule the instruction that it goes on at.</summary>
    public ReadOnlySpan<uint> Entries => _entries;

    private bool IsSmall => ((long)_nodes.Length * ClassifierNode.Size) + ((long)_blocks.Length * ClassifierBlock.Size) <= SmallBytes;

    /// <summary>The depths of one or two trees in one number. The root of the first is node 0, that of the second node 1.</summary>
    /// <param name="first">Depth of the first.</param>
    /// <param name="second">Depth of the second, or -1 if there is none.</param>
    public static uint Depths(int first, int second) => (uint)first | (second < 0 ? 0 : ((uint)second << 8) | HasSecondTree);

    /// <summary>The first rule that matches, from number <paramref name="from"/> on, or <see cref="None"/>.</summary>
    public uint Find(in FlowKey key, uint from)
    {
        uint found = None;
        for (uint tree = 0; tree < TreesMax && DepthOf(tree) is int depth && depth >= 0; tree++)
        {
            ref readonly ClassifierNode nodes = ref MemoryMarshal.GetReference(_nodes);
            uint node = Math.Min(tree, (uint)_nodes.Length - 1);
            for (int level = 0; level < depth; level++)
            {
                node = Step(in nodes, (uint)_nodes.Length - 1, in key, node);
            }

            found = Math.Min(found, SearchLeaf(in Unsafe.Add(ref Unsafe.AsRef(in nodes), node), in key, from));
        }

        return found;
    }

    /// <summary>Finds the first rule for each key; level by level, so that the reads of all keys overlap.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="found">Number of the rule for each of them, or <see cref="None"/>.</param>
    /// <param name="second">Room for a word for each key.</param>
    public void Find(ReadOnlySpan<FlowKey> keys, Span<uint> found, Span<uint> second)
    {
        found = found[..keys.Length];
        FindInTree(keys, found, 0);
        if (DepthOf(1) < 0)
        {
            return;
        }

        second = second[..keys.Length];
        FindInTree(keys, second, 1);
        for (int i = 0; i < found.Length; i++)
        {
            found[i] = Math.Min(found[i], second[i]);
        }
    }

    private int DepthOf(uint tree)
        => tree == 0 ? (int)Math.Min(_depths & 0xff, DepthMax)
            : (_depths & HasSecondTree) != 0 ? (int)Math.Min((_depths >> 8) & 0xff, DepthMax)
            : -1;

    private void FindInTree(ReadOnlySpan<FlowKey> keys, Span<uint> found, uint tree)
    {
        uint root = Math.Min(tree, (uint)_nodes.Length - 1);
        if (IsSmall)
        {
            FindAtOnce(keys, found, root, DepthOf(tree));
            return;
        }

        found.Fill(root);
        Descend(keys, found, DepthOf(tree));
        ref readonly ClassifierNode nodes = ref MemoryMarshal.GetReference(_nodes);
        ref readonly ClassifierBlock blocks = ref MemoryMarshal.GetReference(_blocks);
        uint lastBlock = (uint)_blocks.Length - 1;
        for (int i = 0; i < found.Length; i++)
        {
            uint first = Math.Min(Unsafe.Add(ref Unsafe.AsRef(in nodes), found[i]).First, lastBlock);
            Prefetch.Lines(in Unsafe.Add(ref Unsafe.AsRef(in blocks), first), ClassifierBlock.Size);
        }

        uint open = 0;
        for (int i = 0; i < found.Length; i++)
        {
            found[i] = MatchFirstBlock(in nodes, found[i], in blocks, lastBlock, in keys[i], ref open);
        }

        if (open != 0)
        {
            SearchOpenLeaves(keys, found);
        }
    }

    private void Descend(ReadOnlySpan<FlowKey> keys, Span<uint> found, int depth)
    {
        ref readonly ClassifierNode nodes = ref MemoryMarshal.GetReference(_nodes);
        uint last = (uint)_nodes.Length - 1;
        for (int level = 0; level < depth; level++)
        {
            for (int i = 0; i < found.Length; i++)
            {
                uint next = Step(in nodes, last, in keys[i], found[i]);
                found[i] = next;
                Prefetch.Read(in Unsafe.Add(ref Unsafe.AsRef(in nodes), next));
            }
        }
    }

    /// <summary>Each key from the root to its rule: the CPU itself overlaps what lies in its caches.</summary>
    private void FindAtOnce(ReadOnlySpan<FlowKey> keys, Span<uint> found, uint root, int depth)
    {
        ref readonly ClassifierNode nodes = ref MemoryMarshal.GetReference(_nodes);
        ref readonly ClassifierBlock blocks = ref MemoryMarshal.GetReference(_blocks);
        uint last = (uint)_nodes.Length - 1;
        uint lastBlock = (uint)_blocks.Length - 1;
        uint open = 0;
        for (int i = 0; i < found.Length; i++)
        {
            ref readonly FlowKey key = ref keys[i];
            uint node = root;
            for (int level = 0; level < depth; level++)
            {
                node = Step(in nodes, last, in key, node);
            }

            found[i] = MatchFirstBlock(in nodes, node, in blocks, lastBlock, in key, ref open);
        }

        if (open != 0)
        {
            SearchOpenLeaves(keys, found);
        }
    }

    /// <summary>
    /// Compares the first block of a leaf, which nearly always is the only one. Without a branch on what was found in it, and without
    /// a call in the loops that this is inlined into: either costs them more than the comparison.
    /// </summary>
    /// <returns>The rule, <see cref="None"/>, or the node with <see cref="OpenLeaf"/> set if its further blocks must be searched.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint MatchFirstBlock(
        ref readonly ClassifierNode nodes, uint node, ref readonly ClassifierBlock blocks, uint lastBlock, in FlowKey key, ref uint open)
    {
        ref readonly ClassifierNode leaf = ref Unsafe.Add(ref Unsafe.AsRef(in nodes), node);
        uint first = Math.Min(leaf.First, lastBlock);
        uint hits = Compare(in Unsafe.Add(ref Unsafe.AsRef(in blocks), first), in key, out uint number);
        uint missed = (uint)((int)(hits - 1) >> 31);
        number |= missed;
        uint more = (leaf.Control - LeafOfOneBlock) & missed;
        if (more != 0)
        {
            open = OpenLeaf;
            return OpenLeaf | node;
        }

        // None for all that is not below the number of rules, without a branch: how many packets match nothing is the traffic's choice.
        return number | (uint)~((long)((ulong)number - (uint)_entries.Length) >> 63);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SearchOpenLeaves(ReadOnlySpan<FlowKey> keys, Span<uint> found)
    {
        for (int i = 0; i < found.Length; i++)
        {
            if (found[i] >= OpenLeaf && found[i] != None)
            {
                found[i] = SearchLeaf(in _nodes[(int)Math.Min(found[i] & ~OpenLeaf, (uint)_nodes.Length - 1)], in keys[i], 0);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private uint SearchLeaf(ref readonly ClassifierNode leaf, in FlowKey key, uint from)
        => Search(in key, leaf.First, leaf.IsLeaf ? Math.Min(leaf.BlockCount, LeafBlocksMax) : 0, from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Step(ref readonly ClassifierNode nodes, uint last, ref readonly FlowKey key, uint at)
    {
        ref readonly ClassifierNode node = ref Unsafe.Add(ref Unsafe.AsRef(in nodes), at);
        uint control = node.Control;
        uint word = Unsafe.Add(ref Unsafe.As<FlowKey, uint>(ref Unsafe.AsRef(in key)), (control >> 16) & 3);
        uint child = Math.Min(node.First + Bmi1.BitFieldExtract(word, (ushort)control), last);
        return (int)control < 0 ? at : child;
    }

    private uint Search(in FlowKey key, uint first, uint count, uint from)
    {
        for (uint i = 0; i < count; i++)
        {
            ref readonly ClassifierBlock block = ref _blocks[(int)Math.Min(first + i, (uint)_blocks.Length - 1)];
            uint hits = Compare(in block, in key, out uint number);
            while (hits != 0)
            {
                number = block.Numbers[BitOperations.TrailingZeroCount(hits)];
                if (number >= from)
                {
                    return number < (uint)_entries.Length ? number : None;
                }

                hits &= hits - 1;
            }
        }

        return None;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Compare(in ClassifierBlock block, in FlowKey key, out uint number)
    {
        Vector256<uint> source = Vector256.Create(key.Source) - Load(in block.SourceFirst);
        Vector256<uint> destination = Vector256.Create(key.Destination) - Load(in block.DestinationFirst);
        Vector256<ushort> ports = Vector256.Create(key.Ports).AsUInt16() - Load(in block.PortsFirst).AsUInt16();
        Vector256<uint> meta = Load(in block.Meta);
        Vector256<uint> match = Vector256.Equals(Vector256.Min(source, Load(in block.SourceSpan)), source)
            & Vector256.Equals(Vector256.Min(destination, Load(in block.DestinationSpan)), destination)
            & Vector256.Equals(Vector256.Min(ports, Load(in block.PortsSpan).AsUInt16()).AsUInt32(), ports.AsUInt32())
            & Vector256.Equals((meta >> 16) & Vector256.Create(key.Meta), meta & Vector256.Create(0xffffu));
        uint hits = match.ExtractMostSignificantBits();
        ref uint numbers = ref Unsafe.As<ClassifierBlock.Lanes, uint>(ref Unsafe.AsRef(in block.Numbers));
        number = Unsafe.Add(ref numbers, BitOperations.TrailingZeroCount(hits) & (ClassifierBlock.Rules - 1));
        return hits;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Load(in ClassifierBlock.Lanes lanes)
        => Vector256.LoadUnsafe(in Unsafe.As<ClassifierBlock.Lanes, uint>(ref Unsafe.AsRef(in lanes)));
}

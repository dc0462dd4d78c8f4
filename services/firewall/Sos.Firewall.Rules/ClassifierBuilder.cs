using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Builds the tree of a <see cref="Classifier"/>.</summary>
internal sealed class ClassifierBuilder
{
    /// <summary>How often all rules together may stand in leaves, beside a constant: what bounds the memory of a table.</summary>
    private const int CopiesMax = 24;

    private const int CopiesFree = 1 << 12;

    // What the search of a packet costs, in cycles: a level of the tree, a block of a leaf, and twice the memory beyond what the
    // second-level cache holds beside other things. Only the ratios count, and they were measured with "make bench".
    private const double LevelCost = 6;
    private const double BlockCost = 12;
    private const double SecondTreeCost = 4;
    private const double MemoryCost = 5;
    private const double MemoryFree = 256 << 10;

    private const int DepthTried = 5;

    // From here on a single tree takes long to build and is never the better one.
    private const int SingleTreeMax = 2048;

    // How many copies a cut may make of a node's rules: below, a cut that makes none is never far behind one that makes many.
    private const double GrowthMax = 5;

    // What the logarithm of a cut's copies costs against that of the rules that it leaves to each key.
    private const double GrowthCost = 0.4;

    private readonly IReadOnlyList<FlowRule> _rules;
    private readonly List<ClassifierNode> _nodes = [default];
    private readonly List<ClassifierBlock> _blocks = [];
    private readonly Dictionary<LeafKey, uint> _leaves = [];
    private readonly Queue<Work> _waiting = new();
    private readonly IReadOnlyList<bool> _ends;
    private readonly int _depthMax;
    private long _copies;
    private int _depth;
    private double _leafRules;
    private double _leafBlocks;

    private ClassifierBuilder(IReadOnlyList<FlowRule> rules, IReadOnlyList<bool> ends, int depthMax)
    {
        _rules = rules;
        _ends = ends;
        _depthMax = depthMax;
    }

    private readonly record struct Work(int Node, int[] Rules, ClassifierCell Cell, int Depth);

    /// <summary>Builds what promises the quickest search: one tree or two, more or less deep.</summary>
    /// <param name="rules">The rules in the order in which they are tried.</param>
    /// <param name="ends">For each whether nothing behind it counts once it matches.</param>
    /// <returns>Null if a leaf would have to hold too many rules.</returns>
    public static ClassifierTree? Build(IReadOnlyList<FlowRule> rules, IReadOnlyList<bool> ends)
    {
        int[] all = [.. Enumerable.Range(0, rules.Count)];
        ClassifierBuilder? single = rules.Count <= SingleTreeMax ? BuildBest(rules, ends, all) : null;

        // Rules for all sources, or all destinations, would be copied with every cut of these: they get a tree of their own.
        int dimension = all.Count(rule => rules[rule].IsWide(0)) < all.Count(rule => rules[rule].IsWide(1)) ? 0 : 1;
        ILookup<bool, int> byWidth = all.ToLookup(rule => rules[rule].IsWide(dimension));
        if (byWidth[true].Any() && byWidth[false].Any()
            && BuildBest(rules, ends, [.. byWidth[false]]) is { } narrow
            && BuildBest(rules, ends, [.. byWidth[true]]) is { } wide
            && (single is null || narrow.Cost() + wide.Cost() + SecondTreeCost < single.Cost()))
        {
            return Join(narrow, wide);
        }

        single ??= BuildBest(rules, ends, all);
        return single is null ? null : new ClassifierTree([.. single._nodes], [.. single._blocks], Classifier.Depths(single._depth, -1));
    }

    private static ClassifierBuilder? BuildBest(IReadOnlyList<FlowRule> rules, IReadOnlyList<bool> ends, int[] chosen)
    {
        ClassifierBuilder? best = null;
        for (int depthMax = 1; depthMax <= DepthTried; depthMax++)
        {
            ClassifierBuilder builder = new(rules, ends, depthMax);
            if (!builder.TryBuild(chosen))
            {
                continue;
            }

            best = best is null || builder.Cost() < best.Cost() ? builder : best;
            if (builder._depth < depthMax)
            {
                break; // more room for depth changes nothing
            }
        }

        return best;
    }

    /// <summary>Puts a second tree behind the first; its root becomes node 1.</summary>
    private static ClassifierTree Join(ClassifierBuilder first, ClassifierBuilder second)
    {
        List<ClassifierNode> nodes = [Move(first._nodes[0], 1, 0)];
        nodes.Add(Move(second._nodes[0], (uint)first._nodes.Count, (uint)first._blocks.Count));
        nodes.AddRange(first._nodes.Skip(1).Select(node => Move(node, 1, 0)));
        nodes.AddRange(second._nodes.Skip(1).Select(node => Move(node, (uint)first._nodes.Count, (uint)first._blocks.Count)));
        return new ClassifierTree([.. nodes], [.. first._blocks, .. second._blocks], Classifier.Depths(first._depth, second._depth));
    }

    private static ClassifierNode Move(ClassifierNode node, uint nodes, uint blocks)
        => node with { First = node.First + (node.IsLeaf ? blocks : nodes) };

    private bool TryBuild(int[] chosen)
    {
        ClassifierCell all = default;
        _waiting.Enqueue(new Work(0, Reachable(chosen, all), all, 0));
        while (_waiting.TryDequeue(out Work work))
        {
            if (!Place(work))
            {
                return false;
            }
        }

        return true;
    }

    private double Cost()
    {
        double memory = ((double)_nodes.Count * ClassifierNode.Size) + ((double)_blocks.Count * ClassifierBlock.Size);
        return (_depth * LevelCost) + (_leafBlocks / Math.Max(_leafRules, 1) * BlockCost) + (Math.Max(0, Math.Log2(memory / MemoryFree)) * MemoryCost);
    }

    private bool Place(Work work)
    {
        ClassifierCut? cut = null;
        if (work.Rules.Length > ClassifierBlock.Rules && work.Depth < _depthMax)
        {
            cut = FindCut(work.Rules, work.Cell);
        }

        if (cut is not { } found)
        {
            return PlaceLeaf(work);
        }

        (uint word, int offset) = found.Dimension switch
        {
            0 => (0u, 0),
            1 => (1u, 0),
            2 => (2u, 16),
            3 => (2u, 0),
            _ => (3u, 0),
        };
        _nodes[work.Node] = ClassifierNode.Inner(word, found.Shift + offset, found.Width, (uint)_nodes.Count);
        List<int>[] children = Distribute(work.Rules, found);
        int firstChild = _nodes.Count;
        for (uint child = 0; child < children.Length; child++)
        {
            _nodes.Add(default);
        }

        for (int child = 0; child < children.Length; child++)
        {
            ClassifierCell cell = work.Cell.Child(found, (uint)child);
            int[] rules = Reachable(children[child], cell);
            _copies += rules.Length;
            _waiting.Enqueue(new Work(firstChild + child, rules, cell, work.Depth + 1));
        }

        _copies -= work.Rules.Length;
        return true;
    }

    private List<int>[] Distribute(int[] rules, ClassifierCut cut)
    {
        List<int>[] children = new List<int>[cut.Children];
        for (int child = 0; child < children.Length; child++)
        {
            children[child] = [];
        }

        foreach (int rule in rules)
        {
            if (cut.Dimension == FlowRule.Meta)
            {
                for (uint child = 0; child < children.Length; child++)
                {
                    if (cut.Admits(_rules[rule], child))
                    {
                        children[child].Add(rule);
                    }
                }

                continue;
            }

            (uint first, uint count) = cut.Project(_rules[rule]);
            for (uint i = 0; i < count; i++)
            {
                children[(first + i) & (uint)(children.Length - 1)].Add(rule);
            }
        }

        return children;
    }

    /// <summary>The rules of a list that can be the first to match a key of a cell, or can let the next one try.</summary>
    private int[] Reachable(IEnumerable<int> rules, ClassifierCell cell)
    {
        List<int> reachable = [];
        foreach (int rule in rules)
        {
            if (_rules[rule].IsEmpty || !cell.Overlaps(_rules[rule]))
            {
                continue;
            }

            reachable.Add(rule);
            if (_ends[rule] && cell.IsWithin(_rules[rule]))
            {
                break;
            }
        }

        return [.. reachable];
    }

    private ClassifierCut? FindCut(int[] rules, ClassifierCell cell)
    {
        if (_copies > ((long)_rules.Count * CopiesMax) + CopiesFree)
        {
            return null;
        }

        ClassifierCut? best = null;
        double bestGain = 0.15;
        int[] counts = new int[1 << ClassifierNode.WidthMax];
        foreach (ClassifierCut cut in ClassifierCut.Candidates(rules.Length))
        {
            if (cell.Knows(cut))
            {
                continue;
            }

            (double left, double growth) = Measure(rules, cut, counts);
            double gain = Math.Log2(rules.Length / Math.Max(left, ClassifierBlock.Rules / 2.0)) - (GrowthCost * Math.Log2(Math.Max(growth, 1)));
            if (growth <= GrowthMax && gain > bestGain)
            {
                (best, bestGain) = (cut, gain);
            }
        }

        return best;
    }

    /// <summary>How many rules a cut leaves on average to a key that one of the rules matches, and how many copies it makes.</summary>
    private (double Left, double Growth) Measure(int[] rules, ClassifierCut cut, int[] counts)
    {
        Span<int> children = counts.AsSpan(0, cut.Children);
        children.Clear();
        int everywhere = 0;
        foreach (int rule in rules)
        {
            if (cut.Dimension == FlowRule.Meta)
            {
                for (uint child = 0; child < children.Length; child++)
                {
                    children[(int)child] += cut.Admits(_rules[rule], child) ? 1 : 0;
                }

                continue;
            }

            (uint first, uint count) = cut.Project(_rules[rule]);
            if (count == children.Length)
            {
                everywhere++;
                continue;
            }

            for (uint i = 0; i < count; i++)
            {
                children[(int)(first + i) & (children.Length - 1)]++;
            }
        }

        double sum = 0;
        double squares = 0;
        foreach (int count in children)
        {
            double all = count + everywhere;
            sum += all;
            squares += all * all;
        }

        return sum == 0 ? (0, 0) : (squares / sum, sum / rules.Length);
    }

    private bool PlaceLeaf(Work work)
    {
        int count = (work.Rules.Length + ClassifierBlock.Rules - 1) / ClassifierBlock.Rules;
        if (count > Classifier.LeafBlocksMax)
        {
            return false;
        }

        _depth = Math.Max(_depth, work.Depth);
        _leafRules += work.Rules.Length;
        _leafBlocks += (double)work.Rules.Length * count;
        LeafKey key = new(work.Rules);
        if (!_leaves.TryGetValue(key, out uint first))
        {
            first = (uint)_blocks.Count;
            for (int i = 0; i < Math.Max(count, 1); i++)
            {
                _blocks.Add(MakeBlock(work.Rules.AsSpan()[Math.Min(i * ClassifierBlock.Rules, work.Rules.Length)..]));
            }

            _leaves.Add(key, first);
        }

        _nodes[work.Node] = ClassifierNode.Leaf(first, Math.Max(count, 1));
        return true;
    }

    private ClassifierBlock MakeBlock(ReadOnlySpan<int> rules)
    {
        ClassifierBlock block = default;
        for (int lane = 0; lane < ClassifierBlock.Rules; lane++)
        {
            if (lane >= rules.Length)
            {
                block.Meta[lane] = (FlowKey.Never << 16) | FlowKey.Never;
                block.Numbers[lane] = Classifier.None;
                continue;
            }

            FlowRule rule = _rules[rules[lane]];
            block.SourceFirst[lane] = rule.First(0);
            block.SourceSpan[lane] = rule.Last(0) - rule.First(0);
            block.DestinationFirst[lane] = rule.First(1);
            block.DestinationSpan[lane] = rule.Last(1) - rule.First(1);
            block.PortsFirst[lane] = (rule.First(2) << 16) | rule.First(3);
            block.PortsSpan[lane] = ((rule.Last(2) - rule.First(2)) << 16) | (rule.Last(3) - rule.First(3));
            block.Meta[lane] = (rule.MetaMask << 16) | rule.MetaValue;
            block.Numbers[lane] = (uint)rules[lane];
        }

        return block;
    }

    /// <summary>A list of rules, compared by what is in it.</summary>
    private readonly struct LeafKey(int[] rules) : IEquatable<LeafKey>
    {
        private readonly int[] _rules = rules;

        public bool Equals(LeafKey other) => _rules.AsSpan().SequenceEqual(other._rules);

        public override bool Equals(object? obj) => obj is LeafKey other && Equals(other);

        public override int GetHashCode()
        {
            HashCode hash = default;
            hash.AddBytes(MemoryMarshal.AsBytes(_rules.AsSpan()));
            return hash.ToHashCode();
        }
    }
}

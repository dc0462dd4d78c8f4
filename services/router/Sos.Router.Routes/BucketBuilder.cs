using System;
using System.Collections.Generic;
using Sos.Router.Tables;

namespace Sos.Router.Routes;

/// <summary>Builds a bucket of IPv6 prefixes, and those below it, in free lines of the table.</summary>
/// <param name="table">The table.</param>
/// <param name="lines">Its lines.</param>
/// <param name="blocks">Takes the blocks of lines that were taken; on failure too.</param>
internal sealed unsafe class BucketBuilder(RouterTable table, BlockAllocator lines, List<uint> blocks)
{
    private const int Keys = Ipv6Routes.LineKeys;

    /// <summary>Builds a bucket.</summary>
    /// <param name="prefixes">Its prefixes, sorted, all within the bucket and longer than its place.</param>
    /// <param name="bucket">Its place on an address's way.</param>
    /// <param name="inherited">The value of what no prefix covers.</param>
    /// <returns>The entry that names it.</returns>
    public uint Build(ReadOnlySpan<LongPrefix> prefixes, int bucket, uint inherited) => Write(FindRanges(prefixes, bucket, inherited));

    /// <inheritdoc cref="Build(ReadOnlySpan{LongPrefix}, int, uint)"/>
    public uint Build(List<LongPrefix> prefixes, int bucket, uint inherited)
        => Build(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(prefixes), bucket, inherited);

    private List<(int Start, uint Value)> FindRanges(ReadOnlySpan<LongPrefix> prefixes, int bucket, uint inherited)
    {
        int endBits = RouterTable.Ipv6RootBits + ((bucket + 1) * Ipv6Routes.SliceBits);
        List<(int Start, uint Value)> ranges = [];
        Stack<(long End, uint Value)> covering = new();
        Put(ranges, 0, inherited);
        for (int i = 0; i < prefixes.Length;)
        {
            int start = SliceOf(prefixes[i].Prefix, bucket);
            Leave(ranges, covering, start, inherited);
            uint value = covering.TryPeek(out (long End, uint Value) cover) ? cover.Value : inherited;
            if (prefixes[i].Length <= endBits)
            {
                covering.Push((start + (1L << (endBits - prefixes[i].Length)), prefixes[i].NextHop));
                Put(ranges, start, prefixes[i].NextHop);
                i++;
                continue;
            }

            // All that are longer than this bucket can tell apart go into one below it.
            int end = i + 1;
            while (end < prefixes.Length && SliceOf(prefixes[end].Prefix, bucket) == start)
            {
                end++;
            }

            Put(ranges, start, Build(prefixes[i..end], bucket + 1, value));
            covering.Push((start + 1L, value));
            Leave(ranges, covering, start + 1L, inherited);
            i = end;
        }

        Leave(ranges, covering, 1L << Ipv6Routes.SliceBits, inherited);
        return ranges;
    }

    // Where a prefix ends, the one around it goes on.
    private static void Leave(List<(int Start, uint Value)> ranges, Stack<(long End, uint Value)> covering, long start, uint inherited)
    {
        while (covering.TryPeek(out (long End, uint Value) inner) && inner.End <= start)
        {
            covering.Pop();
            if (inner.End < 1L << Ipv6Routes.SliceBits)
            {
                Put(ranges, (int)inner.End, covering.TryPeek(out (long End, uint Value) outer) ? outer.Value : inherited);
            }
        }
    }

    private static void Put(List<(int Start, uint Value)> ranges, int start, uint value)
    {
        if (ranges.Count > 0 && ranges[^1].Start == start)
        {
            ranges.RemoveAt(ranges.Count - 1);
        }

        if (ranges.Count == 0 || ranges[^1].Value != value)
        {
            ranges.Add((start, value));
        }
    }

    private uint Write(List<(int Start, uint Value)> ranges)
    {
        int leaves = (ranges.Count + Keys - 1) / Keys;
        int depth = 0;
        while (1L << (4 * depth) < leaves)
        {
            depth++;
        }

        uint above = Ipv6Routes.LinesAbove(depth);
        uint wanted = above + (2 * (uint)leaves);
        if (depth > Ipv6Routes.DepthMax || !lines.TryTake(wanted, out uint first))
        {
            throw new TableFullException("ipv6-lines", table.LineCount, $"{ranges.Count} ranges of IPv6 prefixes");
        }

        blocks.Add(first);
        for (int leaf = 0; leaf < leaves; leaf++)
        {
            Span<int> keys = Line<int>(first + above + (2 * (uint)leaf));
            Span<uint> values = Line<uint>(first + above + (2 * (uint)leaf) + 1);
            keys.Fill(Ipv6Routes.Padding);
            values.Clear();
            for (int i = 0; i < Keys && (leaf * Keys) + i < ranges.Count; i++)
            {
                (keys[i], values[i]) = ranges[(leaf * Keys) + i];
            }
        }

        // Of a line above: where the ranges below each of its entries begin.
        for (int level = 0; level < depth; level++)
        {
            int rangesBelow = 1 << (4 * (depth - level));
            for (int line = 0; line < 1 << (4 * level); line++)
            {
                Span<int> keys = Line<int>(first + Ipv6Routes.LinesAbove(level) + (uint)line);
                for (int i = 0; i < Keys; i++)
                {
                    long range = ((long)line * Keys + i) * rangesBelow;
                    keys[i] = range < ranges.Count ? ranges[(int)range].Start : Ipv6Routes.Padding;
                }
            }
        }

        return Ipv6Routes.ToBucket(first, depth);
    }

    private Span<T> Line<T>(uint line)
        where T : unmanaged
        => new(table.Ipv6Lines + ((ulong)line * RouterCapacity.LineSize), Keys);

    private static int SliceOf(UInt128 prefix, int bucket) => Ipv6Routes.Slice(new((ulong)(prefix >> 64), (ulong)prefix), bucket);
}

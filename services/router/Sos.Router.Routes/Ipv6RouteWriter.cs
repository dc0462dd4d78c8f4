using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Tables;
using Sos.Sdk.Memory;

namespace Sos.Router.Routes;

/// <summary>
/// Writes IPv6 prefixes. Those of at most 22 bits are written at once; a bucket of longer ones is built anew beside the old and put in its place by one
/// store. What several changes do to one bucket is built once, at <see cref="Commit"/>, or before a prefix of at most 22 bits around it changes: what
/// went by one that is gone is then on its new way already.
/// </summary>
internal sealed unsafe class Ipv6RouteWriter
{
    private const int RootBits = RouterTable.Ipv6RootBits;

    /// <summary>Buckets that are moved together: for so many there are lines twice.</summary>
    private const int MovedMax = 256;

    private readonly Dictionary<UInt128, ushort>[] _short = new Dictionary<UInt128, ushort>[RootBits + 1];
    private readonly Dictionary<uint, List<LongPrefix>> _long = [];
    private readonly Dictionary<uint, List<uint>> _blocks = [];
    private readonly HashSet<uint> _changed = [];
    private readonly Dictionary<uint, ulong> _lately = []; // by slot: the mark of a bucket that a pass may not have seen yet
    private readonly StrideTable _root;
    private readonly RouterTable _table;
    private readonly Retirement _retirement;
    private readonly BlockAllocator _lines;
    private uint* _buckets;
    private bool _isLive;

    /// <summary>Begins with no prefix in tables of its own.</summary>
    /// <param name="table">The table.</param>
    /// <param name="buckets">Where buckets are found, for now.</param>
    /// <param name="entries">Where prefixes of at most 22 bits are found, for now.</param>
    /// <param name="retirement">What is freed later.</param>
    public Ipv6RouteWriter(in RouterTable table, uint* buckets, ushort* entries, Retirement retirement)
    {
        _table = table;
        _buckets = buckets;
        _retirement = retirement;
        _root = new StrideTable(entries, RootBits);
        _lines = new BlockAllocator(table.LineOrders, table.LineCount);
        FormerBlocks = _lines.Taken();
        for (int i = 0; i < _short.Length; i++)
        {
            _short[i] = [];
        }
    }

    /// <summary>Blocks of lines that were taken when this began.</summary>
    public IReadOnlyList<uint> FormerBlocks { get; }

    /// <summary>Lines that are free.</summary>
    public ulong FreeLines => _lines.FreeUnits;

    /// <summary>Frees a block of lines.</summary>
    public void FreeBlock(uint line) => _lines.Free(line);

    /// <summary>Goes on in the core's tables, and moves each address there from its old next hop to its new one.</summary>
    /// <param name="buckets">Where the core finds buckets.</param>
    /// <param name="entries">Where the core finds prefixes of at most 22 bits.</param>
    public void Publish(uint* buckets, ushort* entries)
    {
        List<uint> moved = [];
        for (uint slot = 0; slot < 1u << RootBits; slot++)
        {
            if (_root.Entries[slot] == entries[slot])
            {
                MemoryOrdering.StoreRelease(ref buckets[slot], _buckets[slot]);
            }
            else if (_buckets[slot] == 0 && buckets[slot] == 0)
            {
                entries[slot] = _root.Entries[slot];
            }
            else
            {
                moved.Add(slot);
                if (moved.Count == MovedMax)
                {
                    Move(moved, buckets, entries);
                    moved.Clear();
                }
            }
        }

        Move(moved, buckets, entries);
        _buckets = buckets;
        _root.MoveTo(entries);
        _isLive = true;
    }

    /// <summary>Adds a prefix, or gives it another next hop.</summary>
    public void Set(UInt128 prefix, int length, ushort nextHop)
    {
        uint slot = (uint)(prefix >> (128 - RootBits));
        if (length <= RootBits)
        {
            SettleBelow(slot, length);
            _short[length][prefix] = nextHop;
            _root.Cover(slot, length, nextHop, null);
            return;
        }

        if (!_long.TryGetValue(slot, out List<LongPrefix>? prefixes))
        {
            _long.Add(slot, prefixes = []);
        }

        LongPrefix added = new(prefix, (byte)length, nextHop);
        int place = prefixes.BinarySearch(added);
        if (place >= 0)
        {
            prefixes[place] = added;
        }
        else
        {
            prefixes.Insert(~place, added);
        }

        _changed.Add(slot);
    }

    /// <summary>Removes a prefix.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(UInt128 prefix, int length)
    {
        uint slot = (uint)(prefix >> (128 - RootBits));
        if (length <= RootBits)
        {
            if (!_short[length].Remove(prefix))
            {
                return false;
            }

            SettleBelow(slot, length);
            (byte heir, ushort value) = FindShorter(prefix, length);
            _root.Uncover(slot, length, heir, value, null);
            return true;
        }

        if (!_long.TryGetValue(slot, out List<LongPrefix>? prefixes))
        {
            return false;
        }

        int place = prefixes.BinarySearch(new LongPrefix(prefix, (byte)length, 0));
        if (place < 0)
        {
            return false;
        }

        prefixes.RemoveAt(place);
        _changed.Add(slot);
        return true;
    }

    /// <summary>Builds the buckets that have changed.</summary>
    /// <exception cref="TableFullException">There are no lines left; buckets that are not built yet are as they were.</exception>
    public void Commit()
    {
        foreach (uint slot in new List<uint>(_changed))
        {
            Build(slot);
            _changed.Remove(slot);
        }
    }

    /// <summary>
    /// Both tables of some slots change, and the core reads one after the other. So a bucket that says all by itself stands in between: the core goes by it
    /// before the second table changes, and by the final one after.
    /// </summary>
    private void Move(List<uint> slots, uint* buckets, ushort* entries)
    {
        if (slots.Count == 0)
        {
            return;
        }

        List<uint> blocks = [];
        try
        {
            foreach (uint slot in slots)
            {
                List<LongPrefix> prefixes = _long.GetValueOrDefault(slot) ?? [];
                MemoryOrdering.StoreRelease(ref buckets[slot], new BucketBuilder(_table, _lines, blocks).Build(prefixes, 0, _root.Entries[slot]));
            }
        }
        catch (TableFullException)
        {
            // Until there is a whole table again, Linux forwards.
            MemoryOrdering.StoreRelease(ref *(uint*)&_table.Header->State, (uint)(_table.Header->State & ~RouterState.Ipv6));
        }

        _retirement.TryAwait(_retirement.Mark());

        foreach (uint slot in slots)
        {
            MemoryOrdering.StoreRelease(ref entries[slot], _root.Entries[slot]);
            MemoryOrdering.StoreRelease(ref buckets[slot], _buckets[slot]);
        }

        _retirement.Add(() => blocks.ForEach(_lines.Free));
    }

    // An address that a longer prefix has taken over is not touched by what becomes of a shorter one afterwards: neither in the table, nor in a pass
    // that looked for the longer one too early.
    private void SettleBelow(uint start, int length)
    {
        if (!_isLive)
        {
            return;
        }

        uint count = 1u << (RootBits - length);
        foreach (uint slot in _changed.Where(slot => slot - start < count).ToArray())
        {
            try
            {
                Build(slot);
                _changed.Remove(slot);
            }
            catch (TableFullException)
            {
                // It stays with what has changed, and the next Commit says so.
            }
        }

        foreach (uint slot in _lately.Keys.Where(slot => slot - start < count).ToArray())
        {
            _retirement.TryAwait(_lately[slot]);
            _lately.Remove(slot);
        }
    }

    private void Build(uint slot)
    {
        List<uint> blocks = [];
        uint entry = 0;
        if (_long.TryGetValue(slot, out List<LongPrefix>? prefixes) && prefixes.Count > 0)
        {
            try
            {
                entry = new BucketBuilder(_table, _lines, blocks).Build(prefixes, 0, Ipv6Routes.Inherit);
            }
            catch (TableFullException)
            {
                blocks.ForEach(_lines.Free);
                throw;
            }
        }
        else
        {
            _long.Remove(slot);
        }

        MemoryOrdering.StoreRelease(ref _buckets[slot], entry);
        if (_isLive)
        {
            _lately[slot] = _retirement.Mark();
        }

        if (_blocks.Remove(slot, out List<uint>? former))
        {
            _retirement.Add(() => former.ForEach(_lines.Free));
        }

        if (blocks.Count > 0)
        {
            _blocks.Add(slot, blocks);
        }
    }

    private (byte Owner, ushort NextHop) FindShorter(UInt128 prefix, int length)
    {
        for (int shorter = length - 1; shorter >= 0; shorter--)
        {
            UInt128 mask = shorter == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - shorter);
            if (_short[shorter].TryGetValue(prefix & mask, out ushort nextHop))
            {
                return ((byte)(shorter + 1), nextHop);
            }
        }

        return (0, 0);
    }
}

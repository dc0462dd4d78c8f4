using System;
using System.Collections.Generic;
using System.Numerics;

namespace Sos.Router.Routes;

/// <summary>
/// Blocks of 2^n units (buddies). The map of what is taken lies in the shared memory, so that the one who comes after a control side that died knows it:
/// at a taken block's first unit its order and one.
/// </summary>
internal sealed unsafe class BlockAllocator
{
    private readonly byte* _map;
    private readonly SortedSet<uint>[] _free;

    /// <summary>Begins with what the map says.</summary>
    /// <param name="map">A byte for each unit.</param>
    /// <param name="units">Units, a power of two.</param>
    public BlockAllocator(byte* map, uint units)
    {
        _map = map;
        _free = new SortedSet<uint>[BitOperations.Log2(units) + 1];
        for (int order = 0; order < _free.Length; order++)
        {
            _free[order] = [];
        }

        AddFree(0, _free.Length - 1);
    }

    /// <summary>Units that are free.</summary>
    public ulong FreeUnits
    {
        get
        {
            ulong units = 0;
            for (int order = 0; order < _free.Length; order++)
            {
                units += (ulong)_free[order].Count << order;
            }

            return units;
        }
    }

    /// <summary>The first units of all blocks that are taken.</summary>
    public List<uint> Taken()
    {
        List<uint> taken = [];
        uint units = 1u << (_free.Length - 1);
        for (uint unit = 0; unit < units; unit += 1u << Math.Max(0, _map[unit] - 1))
        {
            if (_map[unit] != 0)
            {
                taken.Add(unit);
            }
        }

        return taken;
    }

    /// <summary>Takes a block.</summary>
    /// <param name="units">Units that it must have; at least 1.</param>
    /// <param name="first">Its first unit.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryTake(uint units, out uint first)
    {
        first = 0;
        int wanted = OrderOf(units);
        int order = wanted;
        while (order < _free.Length && _free[order].Count == 0)
        {
            order++;
        }

        if (order >= _free.Length)
        {
            return false;
        }

        first = _free[order].Min;
        _free[order].Remove(first);
        while (order > wanted)
        {
            order--;
            _free[order].Add(first + (1u << order));
        }

        _map[first] = (byte)(wanted + 1);
        return true;
    }

    /// <summary>Gives a block back.</summary>
    /// <param name="first">Its first unit.</param>
    public void Free(uint first)
    {
        if (_map[first] == 0)
        {
            throw new InvalidOperationException($"unit {first} begins no taken block");
        }

        int order = _map[first] - 1;
        _map[first] = 0;
        while (order < _free.Length - 1 && _free[order].Remove(first ^ (1u << order)))
        {
            first &= ~(1u << order);
            order++;
        }

        _free[order].Add(first);
    }

    private static int OrderOf(uint units) => BitOperations.Log2(BitOperations.RoundUpToPowerOf2(units));

    // Divides what has a taken block in it, and takes the rest as free.
    private void AddFree(uint first, int order)
    {
        if (_map[first] == order + 1)
        {
            return;
        }

        if (new ReadOnlySpan<byte>(_map + first, 1 << order).IndexOfAnyExcept((byte)0) < 0)
        {
            _free[order].Add(first);
            return;
        }

        if (order > 0)
        {
            AddFree(first, order - 1);
            AddFree(first + (1u << (order - 1)), order - 1);
        }
    }
}

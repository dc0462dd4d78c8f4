using System;
using System.Collections.Generic;

namespace Sos.Router.Routes;

/// <summary>Numbers that are taken and given back; which are taken lies in the shared memory.</summary>
internal sealed unsafe class NumberAllocator
{
    private readonly byte* _map;
    private readonly Stack<uint> _free = [];

    /// <summary>Begins with what the map says.</summary>
    /// <param name="map">A byte for each number.</param>
    /// <param name="count">Numbers.</param>
    /// <param name="first">The first that can be taken.</param>
    public NumberAllocator(byte* map, uint count, uint first)
    {
        _map = map;
        for (uint number = count; number-- > first;)
        {
            if (map[number] == 0)
            {
                _free.Push(number);
            }
            else
            {
                Taken.Add(number);
            }
        }
    }

    /// <summary>Those that were taken at the beginning.</summary>
    public List<uint> Taken { get; } = [];

    /// <summary>Takes a number.</summary>
    /// <returns>Whether there was one.</returns>
    public bool TryTake(out uint number)
    {
        if (!_free.TryPop(out number))
        {
            return false;
        }

        _map[number] = 1;
        return true;
    }

    /// <summary>Gives a number back.</summary>
    public void Free(uint number)
    {
        if (_map[number] == 0)
        {
            throw new InvalidOperationException($"number {number} is not taken");
        }

        _map[number] = 0;
        _free.Push(number);
    }
}

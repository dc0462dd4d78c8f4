using System.Collections.Generic;
using Sos.Router.Tables;
using Sos.Sdk.Memory;

namespace Sos.Router.Routes;

/// <summary>Writes the neighbours' addresses on their links.</summary>
internal sealed unsafe class NeighbourWriter
{
    // No interface has this number: whoever looks for a neighbour goes on behind it.
    private const ulong NoPlace = 0xff;

    private readonly Dictionary<(int Interface, RouteAddress Address), (LinkPlace Place, uint Slot)> _known = [];
    private readonly HashSet<uint> _reusable = [];
    private readonly RouterTable _table;
    private readonly Retirement _retirement;

    /// <summary>Begins with no neighbour; those of one before are taken out by <see cref="RemoveFormer"/>.</summary>
    public NeighbourWriter(in RouterTable table, Retirement retirement)
    {
        _table = table;
        _retirement = retirement;
        for (uint slot = 0; slot < table.NeighbourCount; slot++)
        {
            if (table.Neighbours[slot].Action != 0 && table.Neighbours[slot].Place != NoPlace)
            {
                Former.Add(slot);
            }
            else if (table.Neighbours[slot].Action != 0)
            {
                _reusable.Add(slot);
            }
        }
    }

    /// <summary>Places that were taken when this began.</summary>
    public HashSet<uint> Former { get; } = [];

    /// <summary>Neighbours.</summary>
    public int Count => _known.Count;

    /// <summary>A neighbour's place on its link.</summary>
    /// <returns>Null when it is not known.</returns>
    public LinkPlace? Find(int number, RouteAddress address)
        => _known.TryGetValue((number, address), out (LinkPlace Place, uint Slot) known) ? known.Place : null;

    /// <summary>Adds a neighbour, or gives it another place on its link.</summary>
    /// <returns>Whether anything changed.</returns>
    /// <exception cref="TableFullException">There is no place near enough.</exception>
    public bool Set(int number, RouteAddress address, LinkPlace link)
    {
        ulong action = NextHop.ToForward(number, link.Mac, link.IsFixed);
        if (_known.TryGetValue((number, address), out (LinkPlace Place, uint Slot) known))
        {
            if (known.Place == link)
            {
                return false;
            }

            MemoryOrdering.StoreRelease(ref _table.Neighbours[known.Slot].Action, action);
            _known[(number, address)] = (link, known.Slot);
            return true;
        }

        (ulong high, ulong low) = ((ulong)(address.Value >> 64), (ulong)address.Value);
        ulong place = Neighbour.ToPlace(number, address.IsIpv6);
        uint slot = FindPlace(high, low, place);
        Neighbour* neighbour = _table.Neighbours + slot;
        neighbour->High = high;
        neighbour->Low = low;
        _table.NeighboursUsed[slot] = 0;
        if (neighbour->Action == 0)
        {
            neighbour->Place = place;
            MemoryOrdering.StoreRelease(ref neighbour->Action, action);
        }
        else
        {
            // Others are behind it on their way: it is never seen as free.
            MemoryOrdering.StoreRelease(ref neighbour->Action, action);
            MemoryOrdering.StoreRelease(ref neighbour->Place, place);
        }

        _known.Add((number, address), (link, slot));
        return true;
    }

    /// <summary>Removes a neighbour.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(int number, RouteAddress address)
    {
        if (!_known.Remove((number, address), out (LinkPlace Place, uint Slot) known))
        {
            return false;
        }

        Clear(known.Slot);
        return true;
    }

    /// <summary>Takes out those of one before that were not set since.</summary>
    public void RemoveFormer()
    {
        foreach (uint slot in Former)
        {
            Clear(slot);
        }

        Former.Clear();
    }

    /// <summary>Neighbours that packets went to since this was asked last.</summary>
    public IEnumerable<(int Interface, RouteAddress Address)> TakeUsed()
    {
        List<(int Interface, RouteAddress Address)> used = [];
        foreach (((int Interface, RouteAddress Address) key, (LinkPlace _, uint slot)) in _known)
        {
            if (_table.NeighboursUsed[slot] != 0)
            {
                _table.NeighboursUsed[slot] = 0;
                used.Add(key);
            }
        }

        return used;
    }

    private uint FindPlace(ulong high, ulong low, ulong place)
    {
        uint mask = _table.NeighbourCount - 1;
        uint start = RouterTable.HashNeighbour(high, low, place);
        for (uint step = 0; step < RouterTable.ProbesMax; step++)
        {
            uint slot = (start + step) & mask;
            Neighbour* neighbour = _table.Neighbours + slot;
            if (neighbour->Action == 0 || _reusable.Remove(slot))
            {
                return slot;
            }

            // One before has known it: what it wrote is taken over.
            if (neighbour->Place == place && neighbour->High == high && neighbour->Low == low && Former.Remove(slot))
            {
                return slot;
            }
        }

        throw new TableFullException("neighbours", _table.NeighbourCount, "one more neighbour");
    }

    private void Clear(uint slot)
    {
        MemoryOrdering.StoreRelease(ref _table.Neighbours[slot].Place, NoPlace);
        MemoryOrdering.StoreRelease(ref _table.Neighbours[slot].Action, NextHop.ToAction(NextHopKind.Linux));
        _retirement.Add(() => _reusable.Add(slot));
    }
}

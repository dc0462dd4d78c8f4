using System;
using System.Collections.Generic;
using Sos.Router.Tables;
using Sos.Sdk.Memory;

namespace Sos.Router.Routes;

/// <summary>Writes IPv4 prefixes. At each moment each address leads to its old or to its new next hop.</summary>
internal sealed unsafe class Ipv4RouteWriter
{
    private const int RootBits = RouterTable.Ipv4RootBits;
    private const int GroupSize = 256;

    private readonly Dictionary<uint, ushort>[] _routes = new Dictionary<uint, ushort>[33];
    private readonly StrideTable _root;
    private readonly RouterTable _table;
    private readonly Retirement _retirement;
    private readonly NumberAllocator _groups;
    private readonly Dictionary<uint, Divided> _divided = [];

    /// <summary>Begins with no prefix in a table of its own.</summary>
    /// <param name="table">The table.</param>
    /// <param name="entries">Where the first 24 bits are decided, for now.</param>
    /// <param name="retirement">What is freed later.</param>
    public Ipv4RouteWriter(in RouterTable table, ushort* entries, Retirement retirement)
    {
        _table = table;
        _retirement = retirement;
        _root = new StrideTable(entries, RootBits);
        _groups = new NumberAllocator(table.GroupsTaken, table.GroupCount, 0);
        for (int i = 0; i < _routes.Length; i++)
        {
            _routes[i] = [];
        }
    }

    /// <summary>Groups that were taken when this began.</summary>
    public IReadOnlyList<uint> FormerGroups => _groups.Taken;

    /// <summary>Prefixes.</summary>
    public int Count
    {
        get
        {
            int count = 0;
            foreach (Dictionary<uint, ushort> routes in _routes)
            {
                count += routes.Count;
            }

            return count;
        }
    }

    /// <summary>Frees a group that was taken when this began.</summary>
    public void FreeGroup(uint group) => _groups.Free(group);

    /// <summary>Goes on in another table that has the same entries.</summary>
    public void MoveTo(ushort* entries) => _root.MoveTo(entries);

    /// <summary>Adds a prefix, or gives it another next hop.</summary>
    /// <exception cref="TableFullException">There is no group left; nothing was changed.</exception>
    public void Set(uint prefix, int length, ushort nextHop)
    {
        if (length <= RootBits)
        {
            _routes[length][prefix] = nextHop;
            byte owner = (byte)(length + 1);
            _root.Cover(prefix >> 8, length, nextHop, slot => Replace(_divided[slot], 0, GroupSize, 0, owner, owner, nextHop));
            return;
        }

        uint slot = prefix >> 8;
        bool isNew = !_routes[length].ContainsKey(prefix);
        if (!_divided.TryGetValue(slot, out Divided? divided))
        {
            Divide(slot, prefix, length, nextHop);
        }
        else
        {
            Replace(divided, (int)(prefix & 0xff), 1 << (32 - length), 0, (byte)(length + 1), (byte)(length + 1), nextHop);
            divided.Prefixes += isNew ? 1 : 0;
        }

        _routes[length][prefix] = nextHop;
    }

    /// <summary>Removes a prefix.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(uint prefix, int length)
    {
        if (!_routes[length].Remove(prefix))
        {
            return false;
        }

        (byte heir, ushort value) = FindShorter(prefix, length);
        byte owner = (byte)(length + 1);
        if (length <= RootBits)
        {
            _root.Uncover(prefix >> 8, length, heir, value, slot => Replace(_divided[slot], 0, GroupSize, owner, owner, heir, value));
            return true;
        }

        Divided divided = _divided[prefix >> 8];
        Replace(divided, (int)(prefix & 0xff), 1 << (32 - length), owner, owner, heir, value);
        if (--divided.Prefixes == 0)
        {
            Unite(prefix >> 8, divided);
        }

        return true;
    }

    private (byte Owner, ushort NextHop) FindShorter(uint prefix, int length)
    {
        for (int shorter = length - 1; shorter >= 0; shorter--)
        {
            uint mask = shorter == 0 ? 0 : uint.MaxValue << (32 - shorter);
            if (_routes[shorter].TryGetValue(prefix & mask, out ushort nextHop))
            {
                return ((byte)(shorter + 1), nextHop);
            }
        }

        return (0, 0);
    }

    // The group is whole before an entry leads to it.
    private void Divide(uint slot, uint prefix, int length, ushort nextHop)
    {
        if (!_groups.TryTake(out uint group))
        {
            throw new TableFullException("ipv4-groups", _table.GroupCount, $"an IPv4 prefix of {length} bits");
        }

        Divided divided = new(group, new byte[GroupSize]) { Prefixes = 1 };
        divided.Owners.AsSpan().Fill(_root.OwnerOf(slot));
        new Span<ushort>(_table.Ipv4Groups + (group * GroupSize), GroupSize).Fill(_root.Entries[slot]);
        Replace(divided, (int)(prefix & 0xff), 1 << (32 - length), 0, (byte)(length + 1), (byte)(length + 1), nextHop);
        _divided[slot] = divided;
        _root.SetDivided(slot, true);
        MemoryOrdering.StoreRelease(ref _root.Entries[slot], (ushort)(Ipv4Routes.GroupBit | group));
    }

    private void Unite(uint slot, Divided divided)
    {
        MemoryOrdering.StoreRelease(ref _root.Entries[slot], _table.Ipv4Groups[divided.Group * GroupSize]);
        _root.SetDivided(slot, false);
        _divided.Remove(slot);
        _retirement.Add(() => _groups.Free(divided.Group));
    }

    private void Replace(Divided divided, int start, int count, byte least, byte most, byte owner, ushort value)
    {
        ushort* entries = _table.Ipv4Groups + (divided.Group * GroupSize);
        for (int i = start; i < start + count; i++)
        {
            if (divided.Owners[i] >= least && divided.Owners[i] <= most)
            {
                divided.Owners[i] = owner;
                entries[i] = value;
            }
        }
    }

    private sealed class Divided(uint group, byte[] owners)
    {
        public uint Group => group;

        public byte[] Owners => owners;

        /// <summary>Prefixes longer than 24 bits.</summary>
        public int Prefixes { get; set; }
    }
}

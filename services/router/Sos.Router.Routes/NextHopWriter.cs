using System.Collections.Generic;
using System.Linq;
using Sos.Router.Tables;
using Sos.Sdk.Memory;

namespace Sos.Router.Routes;

/// <summary>Writes next hops, one for equal ways, and keeps the link addresses of their gateways in step.</summary>
internal sealed unsafe class NextHopWriter
{
    private readonly Dictionary<HopSpecification, Entry> _entries = [];
    private readonly Dictionary<ushort, Entry> _byNumber = [];
    private readonly Dictionary<(int Interface, RouteAddress Gateway), List<Entry>> _byGateway = [];
    private readonly RouterTable _table;
    private readonly NeighbourWriter _neighbours;
    private readonly Retirement _retirement;
    private readonly NumberAllocator _numbers;
    private readonly BlockAllocator _members;

    /// <summary>Begins with none but number 0, no route.</summary>
    public NextHopWriter(in RouterTable table, NeighbourWriter neighbours, Retirement retirement)
    {
        _table = table;
        _neighbours = neighbours;
        _retirement = retirement;
        _numbers = new NumberAllocator(table.NextHopsTaken, table.NextHopCount, 1);
        _members = new BlockAllocator(table.MembersTaken, table.MemberCount);
        FormerMembers = _members.Taken();
    }

    /// <summary>Numbers that were taken when this began.</summary>
    public IReadOnlyList<uint> FormerNumbers => _numbers.Taken;

    /// <summary>Blocks of members that were taken when this began.</summary>
    public IReadOnlyList<uint> FormerMembers { get; }

    /// <summary>Ways.</summary>
    public int Count => _entries.Count;

    /// <summary>Frees a number that was taken when this began.</summary>
    public void FreeNumber(uint number) => _numbers.Free(number);

    /// <summary>Frees a block of members that was taken when this began.</summary>
    public void FreeMembers(uint first) => _members.Free(first);

    /// <summary>Takes a way into use once more.</summary>
    /// <returns>Its number.</returns>
    /// <exception cref="TableFullException">There is no number, or no room for a group's members; nothing was changed.</exception>
    public ushort Take(HopSpecification hop)
    {
        if (_entries.TryGetValue(hop, out Entry? entry))
        {
            entry.Uses++;
            return entry.Number;
        }

        if (!_numbers.TryTake(out uint number))
        {
            throw new TableFullException("next-hops", _table.NextHopCount, "one more next hop");
        }

        entry = new Entry(hop, (ushort)number) { Uses = 1 };
        ulong action;
        try
        {
            action = hop.Kind == NextHopKind.Group ? WriteMembers(entry) : ActionOf(hop);
        }
        catch (TableFullException)
        {
            _numbers.Free(number);
            throw;
        }

        NextHop* place = _table.NextHops + number;
        place->Mtu = hop.Mtu;
        place->Source4 = hop.Source.IsIpv6 ? 0 : (uint)hop.Source.Value;
        place->Source6High = hop.Source.IsIpv6 ? (ulong)(hop.Source.Value >> 64) : 0;
        place->Source6Low = hop.Source.IsIpv6 ? (ulong)hop.Source.Value : 0;
        _table.Gateways[number] = new Gateway
        {
            High = (ulong)(hop.Gateway.Value >> 64),
            Low = (ulong)hop.Gateway.Value,
            Place = hop.Kind == NextHopKind.Forward ? Gateway.Known | Neighbour.ToPlace(hop.Interface, hop.Gateway.IsIpv6) : 0,
        };
        _table.NextHopPackets[number] = 0;
        _table.NextHopsUsed[number] = 0;
        MemoryOrdering.StoreRelease(ref place->Action, action);
        _entries.Add(hop, entry);
        _byNumber.Add(entry.Number, entry);
        if (hop.Kind == NextHopKind.Forward)
        {
            if (!_byGateway.TryGetValue((hop.Interface, hop.Gateway), out List<Entry>? same))
            {
                _byGateway.Add((hop.Interface, hop.Gateway), same = []);
            }

            same.Add(entry);
        }

        return entry.Number;
    }

    /// <summary>Takes a way out of use once. The core must not find its number any more, if that was the last use.</summary>
    public void Release(ushort number)
    {
        Entry entry = _byNumber[number];
        if (--entry.Uses > 0)
        {
            return;
        }

        _entries.Remove(entry.Hop);
        _byNumber.Remove(number);
        if (entry.Hop.Kind == NextHopKind.Forward && _byGateway.TryGetValue((entry.Hop.Interface, entry.Hop.Gateway), out List<Entry>? same))
        {
            same.Remove(entry);
            if (same.Count == 0)
            {
                _byGateway.Remove((entry.Hop.Interface, entry.Hop.Gateway));
            }
        }

        entry.Members.ForEach(Release);
        _retirement.Add(() =>
        {
            if (entry.Hop.Kind == NextHopKind.Group)
            {
                _members.Free(entry.FirstMember);
            }

            _numbers.Free(number);
        });
    }

    /// <summary>The way of a number.</summary>
    /// <returns>Null for one that is not taken.</returns>
    public HopSpecification? Find(ushort number) => _byNumber.GetValueOrDefault(number)?.Hop;

    /// <summary>A gateway's address on its link has changed, or is not known any more.</summary>
    public void Update(int number, RouteAddress gateway)
    {
        foreach (Entry entry in _byGateway.GetValueOrDefault((number, gateway)) ?? [])
        {
            MemoryOrdering.StoreRelease(ref _table.NextHops[entry.Number].Action, ActionOf(entry.Hop));
        }
    }

    /// <summary>Gateways that packets went to since this was asked last, or that are not known and whose packets went to Linux.</summary>
    public IEnumerable<(int Interface, RouteAddress Gateway)> TakeUsed()
    {
        List<(int Interface, RouteAddress Gateway)> used = [];
        foreach (((int Interface, RouteAddress Gateway) key, List<Entry> entries) in _byGateway)
        {
            bool any = false;
            foreach (Entry entry in entries)
            {
                any |= _table.NextHopsUsed[entry.Number] != 0;
                _table.NextHopsUsed[entry.Number] = 0;
            }

            if (any)
            {
                used.Add(key);
            }
        }

        return used;
    }

    private ulong ActionOf(HopSpecification hop) => hop.Kind switch
    {
        NextHopKind.Forward => _neighbours.Find(hop.Interface, hop.Gateway) is { } link
            ? NextHop.ToForward(hop.Interface, link.Mac, link.IsFixed)
            : NextHop.ToAction(NextHopKind.Linux, hop.Interface),
        _ => NextHop.ToAction(hop.Kind, hop.Interface),
    };

    private ulong WriteMembers(Entry entry)
    {
        IReadOnlyList<HopMember> members = entry.Hop.Members;
        if (!_members.TryTake((uint)members.Count, out uint first))
        {
            throw new TableFullException("hop-members", _table.MemberCount, $"a group of {members.Count} next hops");
        }

        entry.FirstMember = first;
        try
        {
            foreach (HopMember member in members)
            {
                entry.Members.Add(Take(member.Hop));
            }
        }
        catch (TableFullException)
        {
            entry.Members.ForEach(Release);
            _members.Free(first);
            throw;
        }

        long total = members.Sum(member => (long)member.Weight);
        long below = 0;
        for (int i = 0; i < members.Count; i++)
        {
            // RFC 2992: each member has its share of the hashes, 2^32 in all.
            below += members[i].Weight;
            _table.Members[first + (uint)i] = new GroupMember { HashMax = (uint)(((below << 32) / total) - 1), NextHop = entry.Members[i] };
        }

        return NextHop.ToGroup(first, (uint)members.Count);
    }

    private sealed class Entry(HopSpecification hop, ushort number)
    {
        public HopSpecification Hop => hop;

        public ushort Number => number;

        public int Uses { get; set; }

        public uint FirstMember { get; set; }

        public List<ushort> Members { get; } = [];
    }
}

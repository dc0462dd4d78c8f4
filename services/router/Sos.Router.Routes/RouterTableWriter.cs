using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Router.Tables;
using Sos.Sdk.Memory;

namespace Sos.Router.Routes;

/// <summary>
/// The control side's hand on the router's memory. It begins beside what the core uses, which one before may have written: nothing changes for the core until
/// <see cref="Publish"/>, which moves each address from its old next hop to its new one. From then on each change goes into the table that the core reads.
/// </summary>
public sealed unsafe class RouterTableWriter : IDisposable
{
    /// <summary>A pass takes microseconds.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private readonly RouterTable _table;
    private readonly Retirement _retirement;
    private readonly Ipv4RouteWriter _ipv4;
    private readonly Ipv6RouteWriter _ipv6;
    private readonly NextHopWriter _nextHops;
    private readonly NeighbourWriter _neighbours;
    private readonly Dictionary<(UInt128 Prefix, int Length, bool IsIpv6), ushort> _routes = [];
    private readonly List<ushort> _left = [];
    private byte* _beside;

    /// <summary>Begins with no routes, beside what is there.</summary>
    /// <param name="table">The table; its memory must outlive this.</param>
    /// <param name="patience">How long a core may take for a pass; null for 100 ms.</param>
    public RouterTableWriter(in RouterTable table, TimeSpan? patience = null)
    {
        _table = table;
        _retirement = new Retirement(table.Header, patience ?? Patience);
        _neighbours = new NeighbourWriter(in table, _retirement);
        _nextHops = new NextHopWriter(in table, _neighbours, _retirement);
        _beside = (byte*)NativeMemory.AllocZeroed(Root4Bytes + Root6Bytes + Short6Bytes);
        _ipv4 = new Ipv4RouteWriter(in table, (ushort*)_beside, _retirement);
        _ipv6 = new Ipv6RouteWriter(in table, (uint*)(_beside + Root4Bytes), (ushort*)(_beside + Root4Bytes + Root6Bytes), _retirement);
    }

    /// <summary>Prefixes.</summary>
    public int RouteCount => _routes.Count;

    /// <summary>Ways that prefixes lead to.</summary>
    public int NextHopCount => _nextHops.Count;

    /// <summary>Neighbours whose address on the link is known.</summary>
    public int NeighbourCount => _neighbours.Count;

    /// <summary>Things that are free once the core has let them go.</summary>
    public int RetiredCount => _retirement.Count;

    /// <summary>Whether the core uses what is written here.</summary>
    public bool IsPublished { get; private set; }

    private static nuint Root4Bytes => sizeof(ushort) << RouterTable.Ipv4RootBits;

    private static nuint Root6Bytes => sizeof(uint) << RouterTable.Ipv6RootBits;

    private static nuint Short6Bytes => sizeof(ushort) << RouterTable.Ipv6RootBits;

    /// <summary>Adds a route, or gives it another way: from its old to its new one without a moment between.</summary>
    /// <param name="prefix">The prefix; bits behind its length are 0.</param>
    /// <param name="length">Its length.</param>
    /// <param name="hop">The way.</param>
    /// <exception cref="TableFullException">It does not fit; nothing was changed.</exception>
    public void SetRoute(RouteAddress prefix, int length, HopSpecification hop) => WithRoom(() => SetRouteOnce(prefix, length, hop));

    /// <summary>Removes a route: its addresses go the way of the next shorter prefix.</summary>
    /// <returns>Whether it was there.</returns>
    public bool RemoveRoute(RouteAddress prefix, int length)
    {
        if (!_routes.Remove((prefix.Value, length, prefix.IsIpv6), out ushort nextHop))
        {
            return false;
        }

        _ = prefix.IsIpv6 ? _ipv6.Remove(prefix.Value, length) : _ipv4.Remove((uint)prefix.Value, length);
        _left.Add(nextHop);
        return true;
    }

    /// <summary>Sets a neighbour's address on its link.</summary>
    /// <param name="number">The interface on whose link it is.</param>
    /// <param name="address">The neighbour.</param>
    /// <param name="mac">Its address on the link; null when it is not known any more, so that its packets go to Linux.</param>
    /// <param name="isFixed">Whether somebody has fixed that address, so that no message changes it.</param>
    /// <exception cref="TableFullException">It does not fit: its packets go to Linux.</exception>
    public void SetNeighbour(int number, RouteAddress address, ulong? mac, bool isFixed = false)
    {
        if (mac is { } known ? _neighbours.Set(number, address, new LinkPlace(known, isFixed)) : _neighbours.Remove(number, address))
        {
            _nextHops.Update(number, address);
        }
    }

    /// <summary>Sets what Linux has set for an interface; the default for one that is not there.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="name">Its network device's name.</param>
    public void SetInterface(int number, InterfaceSettings settings, string name = "")
    {
        ref InterfaceSettings place = ref _table.Header->Interfaces[number];
        Span<byte> nameBytes = ((Span<byte>)_table.Header->InterfaceNames).Slice(number * RouterHeader.NameSize, RouterHeader.NameSize);
        Span<byte> wanted = stackalloc byte[RouterHeader.NameSize];
        wanted.Clear();
        _ = Encoding.UTF8.TryGetBytes(name, wanted[..^1], out _);
        bool isSame = MemoryMarshal.AsBytes(new ReadOnlySpan<InterfaceSettings>(in place)).SequenceEqual(
            MemoryMarshal.AsBytes(new ReadOnlySpan<InterfaceSettings>(in settings)));
        if (isSame && nameBytes.SequenceEqual(wanted))
        {
            return;
        }

        bool moves = place.Tag != settings.Tag || place.Port != settings.Port;
        if (place.Tag != 0 && moves)
        {
            _table.Vlans[RouterTable.VlanIndex((int)place.Port, place.Tag)] = 0;
        }

        place = settings;
        wanted.CopyTo(nameBytes);
        if (settings.Tag != 0)
        {
            _table.Vlans[RouterTable.VlanIndex((int)settings.Port, settings.Tag)] = (byte)number;
        }

        if (moves)
        {
            _table.InterfacePackets[number] = default;
        }

        MemoryOrdering.StoreRelease(ref _table.Header->InterfaceGeneration, _table.Header->InterfaceGeneration + 1);
    }

    /// <summary>Does something once the core has let go what was taken out before, and the table has no way to it any more.</summary>
    public void WhenLetGo(Action action) => _retirement.Add(action);

    /// <summary>Shows the core that somebody follows Linux.</summary>
    public void Beat() => MemoryOrdering.StoreRelease(ref _table.Header->Beats, _table.Header->Beats + 1);

    /// <summary>Sets the addresses that Linux answers for, all at once.</summary>
    /// <param name="addresses">The addresses, in any order; those beyond <see cref="OwnAddress.CountMax"/> are left out.</param>
    /// <returns>Whether all had room.</returns>
    public bool SetOwnAddresses(IEnumerable<OwnAddress> addresses)
    {
        List<OwnAddress> sorted = [.. addresses];
        sorted.Sort((one, other) => OwnAddress.Compare(in one, in other));
        int count = Math.Min(sorted.Count, OwnAddress.CountMax);
        ulong generation = _table.Header->OwnGeneration;
        ReadOnlySpan<OwnAddress> wanted = CollectionsMarshal.AsSpan(sorted)[..count];
        ReadOnlySpan<OwnAddress> former = new(OwnAddressesAt(generation), (int)Math.Min(_table.Header->OwnCounts[(int)(generation & 1)], OwnAddress.CountMax));
        if (!MemoryMarshal.AsBytes(wanted).SequenceEqual(MemoryMarshal.AsBytes(former)))
        {
            // Beside the list that the core reads.
            generation++;
            wanted.CopyTo(new Span<OwnAddress>(OwnAddressesAt(generation), count));
            _table.Header->OwnCounts[(int)(generation & 1)] = (uint)count;
            MemoryOrdering.StoreRelease(ref _table.Header->OwnGeneration, generation);
        }

        return count == sorted.Count;
    }

    /// <summary>Sets which traffic the core forwards.</summary>
    public void SetState(RouterState state) => MemoryOrdering.StoreRelease(ref *(uint*)&_table.Header->State, (uint)state);

    /// <summary>Ends a row of changes: IPv6 is built, and what the core has let go since is free.</summary>
    /// <exception cref="TableFullException">Some IPv6 prefixes do not fit: those around them are as they were.</exception>
    public void Commit()
    {
        WithRoom(_ipv6.Commit);
        _left.ForEach(_nextHops.Release);
        _left.Clear();
        if (IsPublished)
        {
            _retirement.Turn();
        }
    }

    /// <summary>
    /// Gives the core what was written so far, entry by entry; what one before had written goes. Where there is no room to do so, IPv6 is Linux's until
    /// <see cref="SetState"/>.
    /// </summary>
    public void Publish()
    {
        Commit();
        Replace(new Span<ushort>(_beside, 1 << RouterTable.Ipv4RootBits), new(_table.Ipv4Root, 1 << RouterTable.Ipv4RootBits));
        _ipv4.MoveTo(_table.Ipv4Root);
        _ipv6.Publish(_table.Ipv6Root, _table.Ipv6Short);
        NativeMemory.Free(_beside);
        _beside = null;
        IsPublished = true;
        RetireFormer();
        _retirement.Turn();
    }

    /// <summary>Neighbours that packets went to since this was asked last: Linux is to go on asking whether they are there.</summary>
    public IReadOnlyList<(int Interface, RouteAddress Address)> TakeUsedNeighbours() => [.. _nextHops.TakeUsed().Concat(_neighbours.TakeUsed()).Distinct()];

    /// <summary>The way that an address of the table goes now.</summary>
    /// <returns>Null when there is none.</returns>
    public HopSpecification? Lookup(RouteAddress address)
    {
        uint number = address.IsIpv6
            ? Ipv6Routes.Lookup(in _table, new((ulong)(address.Value >> 64), (ulong)address.Value))
            : Ipv4Routes.Lookup(in _table, (uint)address.Value);
        return _nextHops.Find((ushort)number);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(_beside);
        _beside = null;
    }

    private OwnAddress* OwnAddressesAt(ulong generation) => _table.OwnAddresses + ((generation & 1) * OwnAddress.CountMax);

    private void SetRouteOnce(RouteAddress prefix, int length, HopSpecification hop)
    {
        ushort nextHop = _nextHops.Take(hop);
        try
        {
            if (prefix.IsIpv6)
            {
                _ipv6.Set(prefix.Value, length, nextHop);
            }
            else
            {
                _ipv4.Set((uint)prefix.Value, length, nextHop);
            }
        }
        catch (TableFullException)
        {
            _nextHops.Release(nextHop);
            throw;
        }

        ref ushort known = ref CollectionsMarshal.GetValueRefOrAddDefault(_routes, (prefix.Value, length, prefix.IsIpv6), out bool existed);
        if (existed)
        {
            _left.Add(known);
        }

        known = nextHop;
    }

    // What was taken out lately may be the room that is missing: the core lets it go with its next pass.
    private void WithRoom(Action change)
    {
        while (true)
        {
            try
            {
                change();
                return;
            }
            catch (TableFullException) when (IsPublished && _retirement.TryAwaitRoom())
            {
                // Something came free: once more.
            }
        }
    }

    private static void Replace(ReadOnlySpan<ushort> wanted, Span<ushort> live)
    {
        for (int i = 0; i < wanted.Length;)
        {
            int same = wanted[i..].CommonPrefixLength(live[i..]);
            i += same;
            if (i < wanted.Length)
            {
                live[i] = wanted[i];
                i++;
            }
        }
    }

    private void RetireFormer()
    {
        _neighbours.RemoveFormer();
        uint[] groups = [.. _ipv4.FormerGroups];
        uint[] blocks = [.. _ipv6.FormerBlocks];
        uint[] numbers = [.. _nextHops.FormerNumbers];
        uint[] members = [.. _nextHops.FormerMembers];
        _retirement.Add(() =>
        {
            Array.ForEach(groups, _ipv4.FreeGroup);
            Array.ForEach(blocks, _ipv6.FreeBlock);
            Array.ForEach(numbers, _nextHops.FreeNumber);
            Array.ForEach(members, _nextHops.FreeMembers);
        });
    }
}

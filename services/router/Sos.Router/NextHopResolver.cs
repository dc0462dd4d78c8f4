using System;
using System.Runtime.CompilerServices;
using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;

namespace Sos.Router;

/// <summary>Follows a route's next hop to an address on a link: chooses a member of a group, finds the neighbour.</summary>
public static unsafe class NextHopResolver
{
    /// <summary>Reads what becomes of packets of a next hop.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ReadAction(in RouterTable table, uint hop)
        => hop < table.NextHopCount ? MemoryOrdering.LoadAcquire(ref table.NextHops[hop].Action) : NextHop.ToAction(NextHopKind.Linux);

    /// <summary>Chooses a member of a group by a flow's hash. One whose interface is down leaves its flows to those behind it.</summary>
    /// <param name="table">The table.</param>
    /// <param name="group">The group's action.</param>
    /// <param name="hash">The flow's hash.</param>
    /// <param name="up">A bit for each interface that frames can leave by.</param>
    /// <param name="hop">The member's next hop.</param>
    /// <returns>Its action.</returns>
    public static ulong Choose(in RouterTable table, ulong group, uint hash, ulong up, out uint hop)
    {
        uint first = NextHop.FirstMemberOf(group);
        uint count = Math.Min(NextHop.MemberCountOf(group), table.MemberCount - Math.Min(first, table.MemberCount));
        uint chosen = 0;
        while (chosen + 1 < count && table.Members[first + chosen].HashMax < hash)
        {
            chosen++;
        }

        hop = 0;
        ulong action = NextHop.ToAction(NextHopKind.Linux);
        for (uint step = 0; step < count; step++)
        {
            hop = table.Members[first + chosen].NextHop;
            action = ReadAction(in table, hop);
            if ((up >> NextHop.InterfaceOf(action) & 1) != 0)
            {
                break;
            }

            chosen = chosen + 1 == count ? 0 : chosen + 1;
        }

        // A group of groups there is not.
        return NextHop.KindOf(action) == NextHopKind.Group ? NextHop.ToAction(NextHopKind.Linux) : action;
    }

    /// <summary>Finds a neighbour on an interface's network.</summary>
    /// <param name="table">The table.</param>
    /// <param name="address">Its address; an IPv4 address is in the lowest 32 bits.</param>
    /// <param name="isIpv6">Its family.</param>
    /// <param name="number">The interface.</param>
    /// <returns>Its action; of kind Linux when it is not known.</returns>
    public static ulong FindNeighbour(in RouterTable table, Ipv6Address address, bool isIpv6, int number)
    {
        ulong place = Neighbour.ToPlace(number, isIpv6);
        uint mask = table.NeighbourCount - 1;
        uint start = RouterTable.HashNeighbour(address.High, address.Low, place);
        for (uint step = 0; step < RouterTable.ProbesMax; step++)
        {
            uint slot = (start + step) & mask;
            Neighbour* neighbour = table.Neighbours + slot;
            ulong action = MemoryOrdering.LoadAcquire(ref neighbour->Action);
            if (action == 0)
            {
                break;
            }

            if (MemoryOrdering.LoadAcquire(ref neighbour->Place) == place && neighbour->Low == address.Low && neighbour->High == address.High)
            {
                table.NeighboursUsed[slot] = 1;
                return MemoryOrdering.LoadAcquire(ref neighbour->Action);
            }
        }

        return NextHop.ToAction(NextHopKind.Linux, number);
    }
}

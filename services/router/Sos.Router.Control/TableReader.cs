using System.Collections.Generic;
using Sos.Router.Routes;
using Sos.Router.Tables;

namespace Sos.Router.Control;

/// <summary>A way as the core has it.</summary>
/// <param name="Number">Number of the next hop.</param>
/// <param name="Kind">What becomes of its packets.</param>
/// <param name="Port">The port.</param>
/// <param name="Mac">The address on the link, of kind Forward.</param>
/// <param name="Mtu">Largest packet.</param>
/// <param name="Packets">Packets that went this way.</param>
internal sealed record LiveHop(uint Number, NextHopKind Kind, int Port, ulong Mac, uint Mtu, ulong Packets)
{
    /// <summary>Of a group: its members.</summary>
    public IReadOnlyList<LiveHop> Members { get; init; } = [];
}

/// <summary>Reads the table that the core uses, from outside.</summary>
/// <param name="table">The table.</param>
internal sealed unsafe class TableReader(RouterTable table)
{
    /// <summary>Which traffic the core forwards.</summary>
    public RouterState State => table.Header->State;

    /// <summary>Ports.</summary>
    public int PortCount => (int)table.Header->PortCount;

    /// <summary>Addresses that were compared with the kernel's answers in the background, and those of them that went another way.</summary>
    public (ulong Verified, ulong Differences) Verified => (table.Header->Verified, table.Header->Differences);

    /// <summary>Reads what is set for a port.</summary>
    public PortSettings PortOf(int port) => table.Header->Ports[port];

    /// <summary>The way of an address.</summary>
    public LiveHop Lookup(RouteAddress address)
        => Read(address.IsIpv6
            ? Ipv6Routes.Lookup(in table, new((ulong)(address.Value >> 64), (ulong)address.Value))
            : Ipv4Routes.Lookup(in table, (uint)address.Value));

    /// <summary>The neighbour that a packet goes to on a port's own network.</summary>
    /// <returns>Null when it is not known.</returns>
    public ulong? FindNeighbour(int port, RouteAddress address)
    {
        ulong place = Neighbour.ToPlace(port, address.IsIpv6);
        foreach ((int _, RouteAddress known, ulong mac, ulong knownPlace) in ReadNeighbours())
        {
            if (knownPlace == place && known == address)
            {
                return mac;
            }
        }

        return null;
    }

    /// <summary>All neighbours.</summary>
    public IEnumerable<(int Port, RouteAddress Address, ulong Mac, ulong Place)> ReadNeighbours()
    {
        List<(int Port, RouteAddress Address, ulong Mac, ulong Place)> neighbours = [];
        for (uint slot = 0; slot < table.NeighbourCount; slot++)
        {
            Neighbour neighbour = table.Neighbours[slot];
            if (NextHop.KindOf(neighbour.Action) == NextHopKind.Forward)
            {
                bool isIpv6 = (neighbour.Place & 0x100) != 0;
                RouteAddress address = new(((System.UInt128)neighbour.High << 64) | neighbour.Low, isIpv6);
                neighbours.Add(((int)(neighbour.Place & 0xff), address, NextHop.MacOf(neighbour.Action), neighbour.Place));
            }
        }

        return neighbours;
    }

    private LiveHop Read(uint number)
    {
        if (number >= table.NextHopCount)
        {
            return new LiveHop(number, NextHopKind.Linux, 0, 0, 0, 0);
        }

        NextHop hop = table.NextHops[number];
        NextHopKind kind = NextHop.KindOf(hop.Action);
        if (kind != NextHopKind.Group)
        {
            return new LiveHop(number, kind, NextHop.PortOf(hop.Action), NextHop.MacOf(hop.Action), hop.Mtu, table.NextHopPackets[number]);
        }

        List<LiveHop> members = [];
        for (uint i = 0; i < NextHop.MemberCountOf(hop.Action) && NextHop.FirstMemberOf(hop.Action) + i < table.MemberCount; i++)
        {
            uint member = table.Members[NextHop.FirstMemberOf(hop.Action) + i].NextHop;
            members.Add(member == number ? new LiveHop(member, NextHopKind.Linux, 0, 0, 0, 0) : Read(member));
        }

        return new LiveHop(number, kind, 0, 0, 0, table.NextHopPackets[number]) { Members = members };
    }
}

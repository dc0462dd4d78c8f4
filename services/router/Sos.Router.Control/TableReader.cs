using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Wire;

namespace Sos.Router.Control;

/// <summary>A way as the core has it.</summary>
/// <param name="Number">Number of the next hop.</param>
/// <param name="Kind">What becomes of its packets.</param>
/// <param name="Interface">The interface.</param>
/// <param name="Mac">The address on the link, of kind Forward.</param>
/// <param name="Mtu">Largest packet.</param>
/// <param name="Packets">Packets that went this way.</param>
internal sealed record LiveHop(uint Number, NextHopKind Kind, int Interface, ulong Mac, uint Mtu, ulong Packets)
{
    /// <summary>Of a group: its members.</summary>
    public IReadOnlyList<LiveHop> Members { get; init; } = [];
}

/// <summary>An interface as the core has it.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Name">Its network device in Linux; empty before anybody followed.</param>
/// <param name="Settings">What Linux has set for it.</param>
/// <param name="Packets">Of a VLAN: packets that it forwarded.</param>
internal sealed record LiveInterface(int Number, string Name, InterfaceSettings Settings, InterfacePackets Packets)
{
    /// <summary>Whether it is a VLAN; else it is a port's own.</summary>
    public bool IsVlan => Settings.Tag != 0;

    /// <summary>The port by which its frames come and go.</summary>
    public int Port => IsVlan ? (int)Settings.Port : Number;

    /// <summary>The VLAN in words, as in "802.1Q 5"; null for a port's own.</summary>
    public string? Vlan => !IsVlan ? null
        : $"{(Settings.Tag >> 16 == (uint)EtherType.ServiceVlan ? "802.1ad" : "802.1Q")} {Settings.Tag & 0xfff}";
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

    /// <summary>The interfaces that the core has, by number.</summary>
    public IEnumerable<LiveInterface> ReadInterfaces()
    {
        List<LiveInterface> interfaces = [];
        for (int number = 0; number < RouterHeader.InterfacesMax; number++)
        {
            if (number < PortCount || table.Header->Interfaces[number].Tag != 0)
            {
                interfaces.Add(ReadInterface(number));
            }
        }

        return interfaces;
    }

    /// <summary>An interface that the core may have.</summary>
    public LiveInterface ReadInterface(int number)
    {
        ReadOnlySpan<byte> name = ((ReadOnlySpan<byte>)table.Header->InterfaceNames).Slice(number * RouterHeader.NameSize, RouterHeader.NameSize);
        int length = name.IndexOf((byte)0);
        return new LiveInterface(
            number, Encoding.UTF8.GetString(length < 0 ? name : name[..length]), table.Header->Interfaces[number], table.InterfacePackets[number]);
    }

    /// <summary>The VLANs that the core has, each with its port and tag.</summary>
    public IEnumerable<(int Number, int Port, uint Tag)> ReadVlans()
        => ReadInterfaces().Where(one => one.IsVlan).Select(one => (one.Number, (int)one.Settings.Port, one.Settings.Tag));

    /// <summary>Names of the interfaces, by number.</summary>
    /// <param name="portNames">Names of the ports.</param>
    public IReadOnlyList<string> NamesOf(IReadOnlyList<string> portNames)
    {
        string[] names = [.. Enumerable.Range(0, RouterHeader.InterfacesMax).Select(number => $"interface {number}")];
        foreach (LiveInterface one in ReadInterfaces())
        {
            names[one.Number] = one.IsVlan ? one.Name : one.Number < portNames.Count ? portNames[one.Number] : names[one.Number];
        }

        return names;
    }

    /// <summary>The way of an address.</summary>
    public LiveHop Lookup(RouteAddress address)
        => ReadHop(address.IsIpv6
            ? Ipv6Routes.Lookup(in table, new((ulong)(address.Value >> 64), (ulong)address.Value))
            : Ipv4Routes.Lookup(in table, (uint)address.Value));

    /// <summary>The neighbour that a packet goes to on an interface's own network.</summary>
    /// <returns>Null when it is not known.</returns>
    public ulong? FindNeighbour(int number, RouteAddress address)
    {
        ulong place = Neighbour.ToPlace(number, address.IsIpv6);
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
    public IEnumerable<(int Interface, RouteAddress Address, ulong Mac, ulong Place)> ReadNeighbours()
    {
        List<(int Interface, RouteAddress Address, ulong Mac, ulong Place)> neighbours = [];
        for (uint slot = 0; slot < table.NeighbourCount; slot++)
        {
            Neighbour neighbour = table.Neighbours[slot];
            if (NextHop.KindOf(neighbour.Action) == NextHopKind.Forward)
            {
                bool isIpv6 = (neighbour.Place & 0x100) != 0;
                RouteAddress address = new(((UInt128)neighbour.High << 64) | neighbour.Low, isIpv6);
                neighbours.Add(((int)(neighbour.Place & 0xff), address, NextHop.MacOf(neighbour.Action), neighbour.Place));
            }
        }

        return neighbours;
    }

    /// <summary>The way of a next hop.</summary>
    public LiveHop ReadHop(uint number)
    {
        if (number >= table.NextHopCount)
        {
            return new LiveHop(number, NextHopKind.Linux, 0, 0, 0, 0);
        }

        NextHop hop = table.NextHops[number];
        NextHopKind kind = NextHop.KindOf(hop.Action);
        if (kind != NextHopKind.Group)
        {
            return new LiveHop(number, kind, NextHop.InterfaceOf(hop.Action), NextHop.MacOf(hop.Action), hop.Mtu, table.NextHopPackets[number]);
        }

        List<LiveHop> members = [];
        for (uint i = 0; i < NextHop.MemberCountOf(hop.Action) && NextHop.FirstMemberOf(hop.Action) + i < table.MemberCount; i++)
        {
            uint member = table.Members[NextHop.FirstMemberOf(hop.Action) + i].NextHop;
            members.Add(member == number ? new LiveHop(member, NextHopKind.Linux, 0, 0, 0, 0) : ReadHop(member));
        }

        return new LiveHop(number, kind, 0, 0, 0, table.NextHopPackets[number]) { Members = members };
    }
}

using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;

namespace Sos.Router.Tables;

/// <summary>
/// The router's memory: where its parts lie, for both sides. The parts follow each other in the order of the fields; each begins at a page.
/// </summary>
public readonly unsafe struct RouterTable
{
    /// <summary>Bits of an IPv4 address that the first table decides.</summary>
    public const int Ipv4RootBits = 24;

    /// <summary>Bits of an IPv6 address that the first tables decide.</summary>
    public const int Ipv6RootBits = 22;

    /// <summary>Steps that the search for a neighbour takes at most.</summary>
    public const int ProbesMax = 32;

    private const int IdentifierBits = 12; // of a VLAN
    private const ulong Page = 4096;

    private readonly byte* _memory;
    private readonly Layout _layout;

    private RouterTable(byte* memory, in RouterCapacity capacity)
    {
        _memory = memory;
        _layout = Layout.For(in capacity);
        GroupCount = capacity.Ipv4Groups;
        LineCount = capacity.Ipv6Lines;
        NextHopCount = capacity.NextHops;
        MemberCount = capacity.Members;
        NeighbourCount = capacity.Neighbours;
    }

    /// <summary>IPv4 groups there is room for.</summary>
    public uint GroupCount { get; }

    /// <summary>IPv6 lines there is room for.</summary>
    public uint LineCount { get; }

    /// <summary>Next hops there is room for.</summary>
    public uint NextHopCount { get; }

    /// <summary>Members of groups there is room for.</summary>
    public uint MemberCount { get; }

    /// <summary>Neighbours there is room for.</summary>
    public uint NeighbourCount { get; }

    /// <summary>The header.</summary>
    public RouterHeader* Header => (RouterHeader*)_memory;

    /// <summary>IPv4: an entry for each first 24 bits.</summary>
    public ushort* Ipv4Root => (ushort*)(_memory + _layout.Ipv4Root);

    /// <summary>IPv4: groups of 256 entries.</summary>
    public ushort* Ipv4Groups => (ushort*)(_memory + _layout.Ipv4Groups);

    /// <summary>IPv6: for each first 22 bits where longer prefixes are looked up, or 0.</summary>
    public uint* Ipv6Root => (uint*)(_memory + _layout.Ipv6Root);

    /// <summary>IPv6: for each first 22 bits the next hop of the longest prefix of at most as many.</summary>
    public ushort* Ipv6Short => (ushort*)(_memory + _layout.Ipv6Short);

    /// <summary>IPv6: lines of longer prefixes.</summary>
    public byte* Ipv6Lines => _memory + _layout.Ipv6Lines;

    /// <summary>Next hops.</summary>
    public NextHop* NextHops => (NextHop*)(_memory + _layout.NextHops);

    /// <summary>Members of groups.</summary>
    public GroupMember* Members => (GroupMember*)(_memory + _layout.Members);

    /// <summary>Neighbours.</summary>
    public Neighbour* Neighbours => (Neighbour*)(_memory + _layout.Neighbours);

    /// <summary>The neighbour behind each next hop. Written before the next hop.</summary>
    public Gateway* Gateways => (Gateway*)(_memory + _layout.Gateways);

    /// <summary>The two places of the list of own addresses, one behind the other.</summary>
    public OwnAddress* OwnAddresses => (OwnAddress*)(_memory + _layout.OwnAddresses);

    /// <summary>The interface of each VLAN of each port, by <see cref="VlanIndex"/>; 0 for none.</summary>
    public byte* Vlans => _memory + _layout.Vlans;

    /// <summary>Packets of each interface that is a VLAN. Written by the service.</summary>
    public InterfacePackets* InterfacePackets => (InterfacePackets*)(_memory + _layout.InterfacePackets);

    /// <summary>A mark for each next hop that was used since the control side looked last. Written by the service.</summary>
    public byte* NextHopsUsed => _memory + _layout.NextHopsUsed;

    /// <summary>The same for each neighbour.</summary>
    public byte* NeighboursUsed => _memory + _layout.NeighboursUsed;

    /// <summary>Packets that went to each next hop. Written by the service.</summary>
    public ulong* NextHopPackets => (ulong*)(_memory + _layout.NextHopPackets);

    /// <summary>The control side's own: what is taken of the lines, see <c>BlockAllocator</c>.</summary>
    public byte* LineOrders => _memory + _layout.LineOrders;

    /// <summary>The control side's own: 1 for each group that is taken.</summary>
    public byte* GroupsTaken => _memory + _layout.GroupsTaken;

    /// <summary>The control side's own: 1 for each next hop that is taken.</summary>
    public byte* NextHopsTaken => _memory + _layout.NextHopsTaken;

    /// <summary>The control side's own: 1 for each member of a group that is taken.</summary>
    public byte* MembersTaken => _memory + _layout.MembersTaken;

    /// <summary>Where <see cref="Vlans"/> has a VLAN of a port.</summary>
    /// <param name="port">The port, below <see cref="RouterHeader.PortsMax"/>.</param>
    /// <param name="tag">The tag as it is on the wire: of protocol 802.1Q or 802.1ad, with any priority.</param>
    public static int VlanIndex(int port, uint tag)
        => (((port << 1) | (tag >> 16 == (uint)EtherType.ServiceVlan ? 1 : 0)) << IdentifierBits) | (int)(tag & ((1 << IdentifierBits) - 1));

    /// <summary>Bytes that a table takes.</summary>
    public static ulong SizeFor(in RouterCapacity capacity) => Layout.For(in capacity).End;

    /// <summary>Formats zeroed memory: no routes, and all traffic Linux's.</summary>
    /// <param name="memory">Aligned to a page.</param>
    /// <param name="size">Bytes, at least <see cref="SizeFor"/>.</param>
    /// <param name="capacity">Room for what.</param>
    /// <param name="portCount">Ports of the service.</param>
    /// <param name="table">The table.</param>
    /// <returns>Whether the capacity is valid and fits.</returns>
    public static bool TryFormat(void* memory, ulong size, in RouterCapacity capacity, int portCount, out RouterTable table)
    {
        table = default;
        if (!capacity.IsValid || portCount is < 1 or > RouterHeader.PortsMax || SizeFor(in capacity) > size)
        {
            return false;
        }

        RouterHeader* header = (RouterHeader*)memory;
        header->TotalSize = SizeFor(in capacity);
        header->Capacity = capacity;
        header->PortCount = (uint)portCount;
        MemoryOrdering.StoreRelease(ref header->Magic, RouterHeader.MagicValue);
        table = new RouterTable((byte*)memory, in capacity);
        return true;
    }

    /// <summary>Opens formatted memory.</summary>
    /// <returns>Whether it is a table that lies within <paramref name="size"/> bytes.</returns>
    public static bool TryOpen(void* memory, ulong size, out RouterTable table)
    {
        table = default;
        RouterHeader* header = (RouterHeader*)memory;
        if (size < RouterHeader.Size || MemoryOrdering.LoadAcquire(ref header->Magic) != RouterHeader.MagicValue)
        {
            return false;
        }

        RouterCapacity capacity = header->Capacity;
        if (!capacity.IsValid || SizeFor(in capacity) > size || header->PortCount > RouterHeader.PortsMax)
        {
            return false;
        }

        table = new RouterTable((byte*)memory, in capacity);
        return true;
    }

    /// <summary>Where in the table of neighbours the search begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint HashNeighbour(ulong high, ulong low, ulong place)
    {
        ulong hash = (low ^ (place << 40)) * 0x9e37_79b9_7f4a_7c15;
        hash ^= (high + (hash >> 29)) * 0xbf58_476d_1ce4_e5b9;
        return (uint)(hash >> 32);
    }

    private struct Layout
    {
        public ulong Ipv4Root;
        public ulong Ipv4Groups;
        public ulong Ipv6Root;
        public ulong Ipv6Short;
        public ulong Ipv6Lines;
        public ulong NextHops;
        public ulong Members;
        public ulong Neighbours;
        public ulong Gateways;
        public ulong OwnAddresses;
        public ulong Vlans;
        public ulong InterfacePackets;
        public ulong NextHopsUsed;
        public ulong NeighboursUsed;
        public ulong NextHopPackets;
        public ulong LineOrders;
        public ulong GroupsTaken;
        public ulong NextHopsTaken;
        public ulong MembersTaken;
        public ulong End;

        public static Layout For(in RouterCapacity capacity)
        {
            Layout layout = default;
            layout.End = RouterHeader.Size;
            layout.Ipv4Root = layout.Take(sizeof(ushort) << Ipv4RootBits);
            layout.Ipv4Groups = layout.Take(capacity.Ipv4Groups * 256UL * sizeof(ushort));
            layout.Ipv6Root = layout.Take(sizeof(uint) << Ipv6RootBits);
            layout.Ipv6Short = layout.Take(sizeof(ushort) << Ipv6RootBits);
            layout.Ipv6Lines = layout.Take(capacity.Ipv6Lines * (ulong)RouterCapacity.LineSize);
            layout.NextHops = layout.Take(capacity.NextHops * (ulong)NextHop.Size);
            layout.Members = layout.Take(capacity.Members * (ulong)GroupMember.Size);
            layout.Neighbours = layout.Take(capacity.Neighbours * (ulong)Neighbour.Size);
            layout.Gateways = layout.Take(capacity.NextHops * (ulong)Gateway.Size);
            layout.OwnAddresses = layout.Take(2UL * OwnAddress.CountMax * OwnAddress.Size);
            layout.Vlans = layout.Take(2UL * RouterHeader.PortsMax << IdentifierBits);
            layout.InterfacePackets = layout.Take(RouterHeader.InterfacesMax * (ulong)Tables.InterfacePackets.Size);
            layout.NextHopsUsed = layout.Take(capacity.NextHops);
            layout.NeighboursUsed = layout.Take(capacity.Neighbours);
            layout.NextHopPackets = layout.Take(capacity.NextHops * (ulong)sizeof(ulong));
            layout.LineOrders = layout.Take(capacity.Ipv6Lines);
            layout.GroupsTaken = layout.Take(capacity.Ipv4Groups);
            layout.NextHopsTaken = layout.Take(capacity.NextHops);
            layout.MembersTaken = layout.Take(capacity.Members);
            return layout;
        }

        private ulong Take(ulong size)
        {
            ulong start = End;
            End = (start + size + Page - 1) & ~(Page - 1);
            return start;
        }
    }
}

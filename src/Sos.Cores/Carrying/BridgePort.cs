using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// A device's being the port of a bridge. A thing begins with a letter: M, the bridge's number and name; S, a setting of the port; V, a VLAN that it lets
/// through ('bridge vlan'); F, an address that somebody set behind it ('bridge fdb'); G, a group that somebody set ('bridge mdb').
/// </summary>
internal sealed class BridgePort : ICarriedKind
{
    private const ushort DeleteLink = 17; // RTM_DELLINK
    private const ushort GetLink = 18; // RTM_GETLINK
    private const ushort SetLink = 19; // RTM_SETLINK
    private const ushort NewNeighbour = 28; // RTM_NEWNEIGH
    private const ushort GetNeighbour = 30; // RTM_GETNEIGH
    private const ushort NewGroup = 84; // RTM_NEWMDB
    private const ushort GetGroup = 86; // RTM_GETMDB
    private const byte Bridge = 7; // AF_BRIDGE
    private const int LinkSize = 16; // struct ifinfomsg
    private const int NeighbourSize = 12; // struct ndmsg
    private const int GroupSize = 8; // struct br_port_msg
    private const int IndexOffset = 4; // in each of them
    private const int StateOffset = 8; // in struct ndmsg
    private const int FlagsOffset = 10;
    private const ushort ExtensionMask = 29; // IFLA_EXT_MASK
    private const uint WithVlans = 2; // RTEXT_FILTER_BRVLAN
    private const ushort ProtocolSettings = 26; // IFLA_AF_SPEC
    private const ushort VlanInformation = 2; // IFLA_BRIDGE_VLAN_INFO
    private const byte Set = 0xc0; // NUD_NOARP, NUD_PERMANENT
    private const byte Learned = 0x10; // NTF_EXT_LEARNED
    private const byte OfMaster = 4; // NTF_MASTER
    private const byte OfDevice = 2; // NTF_SELF
    private const ushort MasterAttribute = 9; // NDA_MASTER
    private const ushort LinkAddress = 2; // NDA_LLADDR
    private const ushort Permanent = 1; // MDB_PERMANENT, MDBA_MDB, MDBA_MDB_ENTRY, MDBA_MDB_ENTRY_INFO, MDBA_SET_ENTRY
    private const int GroupStateOffset = 4; // in struct br_mdb_entry
    private const int GroupEntrySize = 28;
    private const string Kind = "bridge";

    // IFLA_BRPORT_: priority, cost, hairpin, guard, protection, fast leave, learning, unicast flood, proxy ARP (both), multicast router, flood and to unicast,
    // VLAN tunnel, broadcast flood, mask of forwarded groups, neighbour suppression, isolation, backup port, limit of hosts, lock, MAC authentication.
    private static readonly ushort[] Settings = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 25, 27, 28, 29, 30, 31, 32, 33, 34, 37, 39, 40];

    private static readonly ushort[] NeighbourAttributes = [LinkAddress, 5, 15]; // NDA_LLADDR, NDA_VLAN, NDA_FLAGS_EXT

    /// <inheritdoc/>
    public string Name => "bridge port";

    /// <inheritdoc/>
    public bool IsSetting => true;

    /// <inheritdoc/>
    public string IdentityOf(byte[] thing) => thing switch
    {
        [(byte)'M', ..] => "M",
        [(byte)'S', var low, var high, ..] => $"S{low | (high << 8)}",
        [(byte)'V', _, _, var low, var high] => $"V{low | (high << 8)}",
        _ => Convert.ToHexString(thing),
    };

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        if (PortSettings.MasterOf(device, Kind) is not { } bridge)
        {
            return [];
        }

        IEnumerable<byte[]> Marked(char letter, IEnumerable<byte[]> bodies) => bodies.Select(body => (byte[])[(byte)letter, .. body]);
        return
        [
            .. Marked('M', [[.. BitConverter.GetBytes(bridge.Index), .. Encoding.UTF8.GetBytes(bridge.Name)]]),
            .. Marked('S', PortSettings.Read(device, Settings).Select(setting => (byte[])[.. BitConverter.GetBytes(setting.Type), .. setting.Value])),
            .. Marked('V', Vlans(device)),
            .. Marked('F', Neighbours(device)),
            .. Marked('G', Groups(device)),
        ];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        IEnumerable<byte[]> Of(char letter, int size) => things.Where(thing => thing.Length >= 1 + size && thing[0] == letter).Select(thing => thing[1..]);
        if (Of('M', sizeof(uint)).FirstOrDefault() is not { } joined
            || !PortSettings.Join(device, BitConverter.ToUInt32(joined), Kind, Encoding.UTF8.GetString(joined.AsSpan(sizeof(uint)))))
        {
            return;
        }

        PortSettings.Give(device, Kind, [.. Of('S', sizeof(ushort)).Select(setting => new RouteAttribute(BitConverter.ToUInt16(setting), setting[2..]))]);
        GiveVlans(device, [.. Of('V', 4)]);
        foreach (byte[] neighbour in Of('F', NeighbourSize))
        {
            byte[] body = RouteAttribute.Join(
                device.WithIndex(neighbour.AsSpan(0, NeighbourSize), IndexOffset), RouteAttribute.Parse(neighbour.AsSpan(NeighbourSize)));
            body[FlagsOffset] |= OfMaster;
            device.Give(RouteMessage.Of(NewNeighbour, RouteSocket.Replace, body), "an address that was set behind it ('bridge fdb')");
        }

        foreach (byte[] group in Of('G', GroupEntrySize))
        {
            byte[] head = new byte[GroupSize];
            head[0] = Bridge;
            BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(IndexOffset), BitConverter.ToUInt32(joined));
            device.Give(
                RouteMessage.Of(NewGroup, RouteSocket.Create, head).Add(Permanent, device.WithIndex(group, 0)), "a group that was set ('bridge mdb')",
                Errno.Exists);
        }
    }

    private static byte[] Link(uint index) => [Bridge, 0, 0, 0, .. BitConverter.GetBytes(index), .. new byte[LinkSize - IndexOffset - sizeof(uint)]];

    /// <summary>The VLANs of a port: struct bridge_vlan_info, flags and number.</summary>
    private static List<byte[]> Vlans(CarriedDevice device)
        => [.. device.List(RouteMessage.Of(GetLink, RouteSocket.Dump, Link(0)).Add(ExtensionMask, WithVlans))
            .Where(link => link.Length > LinkSize && IndexIn(link) == device.Link.Index)
            .SelectMany(link => RouteAttribute.Parse(RouteSocket.Find(link.AsSpan(LinkSize), ProtocolSettings)))
            .Where(attribute => attribute is { Kind: VlanInformation, Value.Length: 4 })
            .Select(attribute => attribute.Value)];

    private static void GiveVlans(CarriedDevice device, List<byte[]> wanted)
    {
        List<byte[]> now = Vlans(device);
        static bool IsIn(byte[] vlan, List<byte[]> list) => list.Exists(other => other.AsSpan().SequenceEqual(vlan));
        void Change(ushort type, byte[] vlan, string what)
            => device.Give(
                RouteMessage.Of(type, RouteSocket.Change, Link(device.Link.Index)).Add(ProtocolSettings, settings => settings.Add(VlanInformation, vlan)),
                $"{what} VLAN {BinaryPrimitives.ReadUInt16LittleEndian(vlan.AsSpan(2))} ('bridge vlan')");

        // A port that joins gets the bridge's default VLAN.
        now.Where(vlan => !IsIn(vlan, wanted)).ToList().ForEach(vlan => Change(DeleteLink, vlan, "that it is not in"));
        wanted.Where(vlan => !IsIn(vlan, now)).ToList().ForEach(vlan => Change(SetLink, vlan, "its place in"));
    }

    /// <summary>The addresses that somebody set behind a port, but for its own: struct ndmsg and attributes.</summary>
    private static IEnumerable<byte[]> Neighbours(CarriedDevice device)
    {
        byte[] request = new byte[NeighbourSize];
        request[0] = Bridge;
        return device.List(RouteMessage.Of(GetNeighbour, RouteSocket.Dump, request))
            .Where(thing => thing.Length > NeighbourSize && IndexIn(thing) == device.Link.Index && (thing[FlagsOffset] & OfDevice) == 0
                && !RouteSocket.Find(thing.AsSpan(NeighbourSize), MasterAttribute).IsEmpty
                && ((thing[StateOffset] & Set) != 0 || (thing[FlagsOffset] & Learned) != 0)
                && !RouteSocket.Find(thing.AsSpan(NeighbourSize), LinkAddress).SequenceEqual(device.Link.Mac))
            .Select(thing => RouteAttribute.Join(
                thing.AsSpan(0, NeighbourSize), RouteAttribute.Parse(thing.AsSpan(NeighbourSize)).Where(found => NeighbourAttributes.Contains(found.Kind))));
    }

    /// <summary>The groups that somebody set: struct br_mdb_entry.</summary>
    private static IEnumerable<byte[]> Groups(CarriedDevice device)
    {
        byte[] request = new byte[GroupSize];
        request[0] = Bridge;
        return device.List(RouteMessage.Of(GetGroup, RouteSocket.Dump, request))
            .Where(answer => answer.Length > GroupSize)
            .SelectMany(answer => RouteAttribute.Parse(RouteSocket.Find(answer.AsSpan(GroupSize), Permanent)))
            .SelectMany(entry => RouteAttribute.Parse(entry.Value))
            .Where(entry => entry.Kind == Permanent && entry.Value.Length >= GroupEntrySize)
            .Select(entry => entry.Value[..GroupEntrySize])
            .Where(entry => BinaryPrimitives.ReadUInt32LittleEndian(entry) == device.Link.Index && entry[GroupStateOffset] == Permanent);
    }

    private static uint IndexIn(byte[] thing) => BinaryPrimitives.ReadUInt32LittleEndian(thing.AsSpan(IndexOffset));
}

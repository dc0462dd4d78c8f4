using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>A network device of Linux as it is now, and the few changes that are made to those of our own.</summary>
/// <param name="Index">Its number, which it keeps whatever it is called.</param>
/// <param name="Name">Its name; not one of its other names.</param>
/// <param name="Type">Its kind of hardware, ARPHRD_ETHER for Ethernet.</param>
/// <param name="Flags">IFF_UP and its like.</param>
/// <param name="Mtu">The largest packet behind an Ethernet header.</param>
/// <param name="Mac">Its address.</param>
/// <param name="Kind">What makes it, "veth" for instance; null for a card.</param>
/// <param name="XdpProgram">Id of the XDP program before it; 0 for none.</param>
/// <param name="Lower">Number of the device of this namespace that it stands on, or of its peer; 0 for none.</param>
/// <param name="Master">Number of the bridge, bond or the like whose port it is; 0 for none.</param>
/// <param name="ReceiveQueuesMax">The queues it may receive by.</param>
/// <param name="Parent">Name of the PCI function or virtio device that it is the network device of; null before Linux 5.14 and for none.</param>
internal sealed record NetworkLink(
    uint Index, string Name, ushort Type, uint Flags, int Mtu, byte[] Mac, string? Kind, uint XdpProgram, uint Lower, uint Master, uint ReceiveQueuesMax,
    string? Parent)
{
    private const ushort NewLink = 16; // RTM_NEWLINK
    private const ushort DeleteLink = 17; // RTM_DELLINK
    private const ushort GetLink = 18; // RTM_GETLINK
    private const ushort SetLink = 19; // RTM_SETLINK
    private const ushort Address = 1; // IFLA_ADDRESS
    private const ushort InterfaceName = 3; // IFLA_IFNAME
    private const ushort MtuAttribute = 4; // IFLA_MTU
    private const ushort LowerAttribute = 5; // IFLA_LINK
    private const ushort MasterAttribute = 10; // IFLA_MASTER
    private const ushort QueueLength = 13; // IFLA_TXQLEN
    private const ushort Information = 18; // IFLA_LINKINFO
    private const ushort InformationKind = 1; // IFLA_INFO_KIND
    private const ushort InformationData = 2; // IFLA_INFO_DATA
    private const ushort VethPeer = 1; // VETH_INFO_PEER
    private const ushort ReceiveQueues = 32; // IFLA_NUM_RX_QUEUES
    private const ushort LowerNamespace = 37; // IFLA_LINK_NETNSID: what it stands on is in another namespace
    private const ushort Xdp = 43; // IFLA_XDP
    private const ushort XdpProgramId = 4; // IFLA_XDP_PROG_ID
    private const ushort ParentName = 56; // IFLA_PARENT_DEV_NAME
    private const ushort Ethernet = 1; // ARPHRD_ETHER
    private const uint Up = 1; // IFF_UP
    private const uint NoArp = 0x80; // IFF_NOARP
    private const int FixedSize = 16; // struct ifinfomsg

    /// <summary>The two ends of such a cable name each other; neither stands on the other.</summary>
    private static readonly string[] Cables = ["veth", "netkit"];

    /// <summary>Whether its frames are Ethernet's.</summary>
    public bool IsEthernet => Type == Ethernet;

    /// <summary>Whether it is switched on.</summary>
    public bool IsUp => (Flags & Up) != 0;

    /// <summary>Finds a device by one of its names.</summary>
    /// <returns>Null when there is none.</returns>
    public static NetworkLink? Find(string name) => NetworkCalls.InterfaceIndex(name) is var index and not 0 ? Read(index) : null;

    /// <summary>Reads a device.</summary>
    /// <returns>Null when there is none of that number.</returns>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static NetworkLink? Read(uint index)
    {
        using RouteSocket socket = new();
        return socket.TryQuery(RouteMessage.Link(GetLink, RouteSocket.Request, index)) is { } answer ? Parse(answer) : null;
    }

    /// <summary>Reads all devices of this network namespace.</summary>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static IReadOnlyList<NetworkLink> List()
    {
        using RouteSocket socket = new();
        return [.. socket.QueryAll(RouteMessage.Link(GetLink, RouteSocket.Dump, 0)).Where(link => link.Length > FixedSize).Select(Parse)];
    }

    /// <summary>
    /// Finds what gets its frames by this device: itself, the bridge or bond whose port it is, the VLANs, macvlans and tunnels that stand on it, and what
    /// gets its frames by those. Of this network namespace.
    /// </summary>
    /// <exception cref="SosException">Linux does not say.</exception>
    public IReadOnlyList<NetworkLink> SelfAndAbove()
    {
        IReadOnlyList<NetworkLink> all = List();
        List<NetworkLink> found = [this];
        for (int i = 0; i < found.Count; i++)
        {
            NetworkLink below = found[i];
            found.AddRange([.. all.Where(link => found.TrueForAll(known => known.Index != link.Index)
                && (link.Index == below.Master || (link.Lower == below.Index && !Cables.Contains(link.Kind))))]);
        }

        return found;
    }

    /// <summary>Makes two devices with a cable between them (veth).</summary>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void MakePair(string first, string second)
    {
        RouteMessage message = RouteMessage.Link(NewLink, RouteSocket.Create, 0)
            .Add(InterfaceName, first)
            .Add(Information, link => link
                .Add(InformationKind, "veth")
                .Add(InformationData, data => data
                    .Add(VethPeer, peer => peer.Word(0).Word(0).Word(0).Word(0).Add(InterfaceName, second))));
        Check(message, $"making the network devices {first} and {second}");
    }

    /// <summary>Removes a device of ours, if it is there.</summary>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void Remove(string name)
    {
        uint index = NetworkCalls.InterfaceIndex(name);
        if (index == 0 && Marshal.GetLastPInvokeError() != Errno.NoDevice)
        {
            throw Errno.ToException($"looking for the network device {name}", Marshal.GetLastPInvokeError(), null);
        }

        if (index != 0)
        {
            Check(RouteMessage.Link(DeleteLink, RouteSocket.Change, index), $"removing the network device {name}");
        }
    }

    /// <summary>
    /// Switches a device of ours on, for frames alone: without addresses of its own it says nothing by itself.
    /// </summary>
    /// <param name="name">Its name.</param>
    /// <param name="mtu">The largest packet behind an Ethernet header.</param>
    /// <param name="queueLength">Frames that may wait in it.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void SwitchOn(string name, uint mtu, uint queueLength)
    {
        // Where there is no IPv6 there is nothing to switch off.
        _ = LinuxFile.TryWrite($"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "1");
        uint index = NetworkCalls.InterfaceIndex(name);
        Check(
            RouteMessage.Link(SetLink, RouteSocket.Change, index, Up | NoArp, Up | NoArp).Add(MtuAttribute, mtu).Add(QueueLength, queueLength),
            $"switching the network device {name} on");
    }

    private static NetworkLink Parse(byte[] answer)
    {
        ReadOnlySpan<byte> attributes = answer.AsSpan(FixedSize);
        ReadOnlySpan<byte> kind = RouteSocket.Find(RouteSocket.Find(attributes, Information), InformationKind);
        return new NetworkLink(
            BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(4)),
            Text(RouteSocket.Find(attributes, InterfaceName)) ?? "",
            BinaryPrimitives.ReadUInt16LittleEndian(answer.AsSpan(2)),
            BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(8)),
            (int)Number(RouteSocket.Find(attributes, MtuAttribute)),
            RouteSocket.Find(attributes, Address).ToArray(),
            Text(kind),
            Number(RouteSocket.Find(RouteSocket.Find(attributes, Xdp), XdpProgramId)),
            RouteSocket.Find(attributes, LowerNamespace).IsEmpty ? Number(RouteSocket.Find(attributes, LowerAttribute)) : 0,
            Number(RouteSocket.Find(attributes, MasterAttribute)),
            Number(RouteSocket.Find(attributes, ReceiveQueues)),
            Text(RouteSocket.Find(attributes, ParentName)));
    }

    private static uint Number(ReadOnlySpan<byte> value) => value.Length == sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(value) : 0;

    private static string? Text(ReadOnlySpan<byte> value) => value.IsEmpty ? null : Encoding.UTF8.GetString(value.TrimEnd((byte)0));

    private static void Check(RouteMessage message, string what)
    {
        using RouteSocket socket = new();
        int errno = socket.TryChange(message);
        if (errno != 0)
        {
            throw Errno.ToException(what, errno, null);
        }
    }
}

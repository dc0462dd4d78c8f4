using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Linux;

namespace Sos.Cores.Carrying;

/// <summary>Finds what of a device no other one can be given: it is named before anything is changed.</summary>
internal static class CarryingObstacles
{
    private const ushort GetLink = 18; // RTM_GETLINK
    private const ushort GetNamespaceId = 90; // RTM_GETNSID
    private const int FixedSize = 16; // struct ifinfomsg
    private const ushort InterfaceName = 3; // IFLA_IFNAME
    private const ushort Lower = 5; // IFLA_LINK
    private const ushort Information = 18; // IFLA_LINKINFO
    private const ushort InformationKind = 1; // IFLA_INFO_KIND
    private const ushort LowerNamespace = 37; // IFLA_LINK_NETNSID
    private const ushort NamespaceDescriptor = 3; // NETNSA_FD
    private const ushort NamespaceId = 1; // NETNSA_NSID
    private const ushort ListChains = (10 << 8) | 4; // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN
    private const ushort ListFlowTables = (10 << 8) | 23; // NFT_MSG_GETFLOWTABLE
    private const int Netfilter = 12; // NETLINK_NETFILTER
    private const int NetfilterFixedSize = 4; // struct nfgenmsg

    /// <summary>From this version on a chain of nftables waits for a device of the same name.</summary>
    private static readonly Version WaitingChains = new(6, 16);

    /// <summary>Tunnels know their device by its number only, and go on with the next one of that number. The ends of a veth pair name each other.</summary>
    private static readonly string[] Staying = ["veth", "gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan", "ipip", "sit", "ip6tnl", "vti", "vti6"];

    /// <summary>Finds them.</summary>
    /// <param name="device">The device.</param>
    /// <param name="mtuMax">The largest MTU that the other device can have.</param>
    /// <returns>A sentence each, with what to do.</returns>
    public static IReadOnlyList<string> Find(CarriedDevice device, int mtuMax)
    {
        string name = device.Link.Name;
        List<string> obstacles = [.. OfMaster(device), .. Stacked(device).Select(
            stacked => $"{stacked} on {name} is lost with it: take it away first, and make it on the host port again")];
        if (device.Link.Mtu > mtuMax)
        {
            obstacles.Add($"{name} has an MTU of {device.Link.Mtu}, a host port {mtuMax} at most: 'ip link set {name} mtu {mtuMax}'");
        }

        if (device.Link.XdpProgram != 0)
        {
            obstacles.Add($"{name} has an XDP program, which its driver runs: 'ip link set {name} xdp off' takes it away");
        }

        if (Redirections.CountTo(device) is var redirections and > 0)
        {
            obstacles.Add($"{redirections} filter(s) of traffic control send frames of other devices to {name} (mirred), and lead nowhere when it is gone: "
                + "'tc actions list action mirred' shows them; take them away, and make them again to the host port");
        }

        obstacles.AddRange(FilterHooks(name).Select(
            hook => $"nft's {hook} hangs on {name} itself, and Linux takes it away with that: put it on another hook, or load it again afterwards"));
        obstacles.AddRange(new TrafficControl().FindRefused(device).Select(
            refused => $"{refused} cannot be made a second time: take it away ('tc' shows it), and make it on the host port again"));
        obstacles.AddRange(ProgramObstacles.Find(device));
        foreach (NetworkLink link in StackedDevices.On(device))
        {
            using CarriedDevice above = new(link);
            obstacles.AddRange(Find(above, mtuMax));
        }

        return obstacles;
    }

    private static IEnumerable<string> OfMaster(CarriedDevice device)
    {
        NetworkLink? above = NetworkLink.Read(device.Link.Index) is { Master: not 0 } link ? NetworkLink.Read(link.Master) : null;
        return above is null or { Kind: "vrf" or "bridge" or "bond" }
            ? []
            :
            [
                $"{device.Link.Name} is a port of {above.Name} ({above.Kind}): take it out first ('ip link set {device.Link.Name} nomaster'), and make the "
                    + "host port one instead",
            ];
    }

    /// <summary>Devices that stand on a device and are not made again, in all network namespaces: VLANs and macvlans in others, tunnels, ipvlans.</summary>
    private static List<string> Stacked(CarriedDevice device)
    {
        List<string> found = [.. LinksOn(ListLinks(device.Routes), device.Link.Index, null)];
        using FileDescriptor here = FileDescriptor.Raise(Libc.Open("/proc/thread-self/ns/net", Libc.OpenCloseOnExec), "opening this network namespace");
        foreach (NetworkNamespace _ in NetworkNamespace.EnterOthers())
        {
            // The namespace may learn of this one as it lists its links: it has an id for it only then.
            using RouteSocket routes = new();
            IReadOnlyList<byte[]> links = ListLinks(routes);
            byte[]? answer = routes.TryQuery(RouteMessage.Of(GetNamespaceId, RouteSocket.Request, new byte[4]).Add(NamespaceDescriptor, (uint)here.Descriptor));
            ReadOnlySpan<byte> id = answer is null ? [] : RouteSocket.Find(answer.AsSpan(4), NamespaceId);
            if (id.Length == sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(id) is var known and >= 0)
            {
                found.AddRange(LinksOn(links, device.Link.Index, known).Select(name => $"{name} (in {NetworkNamespace.Current})"));
            }
        }

        return found;
    }

    private static IReadOnlyList<byte[]> ListLinks(RouteSocket routes) => routes.QueryAll(RouteMessage.Link(GetLink, RouteSocket.Dump, 0));

    /// <summary>Names of the links of a network namespace that stand on a device.</summary>
    /// <param name="links">The links.</param>
    /// <param name="index">The device's number.</param>
    /// <param name="place">The id of the device's namespace; null for this one.</param>
    private static IEnumerable<string> LinksOn(IReadOnlyList<byte[]> links, uint index, int? place)
    {
        foreach (byte[] link in links)
        {
            List<RouteAttribute> attributes = RouteAttribute.Parse(link.AsSpan(FixedSize));
            RouteAttribute? other = attributes.Where(found => found.Kind == LowerNamespace).Cast<RouteAttribute?>().FirstOrDefault();
            byte[] information = RouteSocket.Find(link.AsSpan(FixedSize), Information).ToArray();
            if (attributes.Any(found => found.Kind == Lower && found.Number == index) && (int?)other?.Number == place
                && !Staying.Contains(Text(RouteSocket.Find(information, InformationKind)))
                && (place is not null || !StackedDevices.IsMadeAgain(information)))
            {
                yield return Text(RouteSocket.Find(link.AsSpan(FixedSize), InterfaceName));
            }
        }
    }

    /// <summary>Chains and flow tables of nftables that are bound to a device.</summary>
    private static IEnumerable<string> FilterHooks(string device)
    {
        if (Environment.OSVersion.Version >= WaitingChains)
        {
            return [];
        }

        using RouteSocket filter = new(Netfilter);
        return [.. ListHooks(filter, ListChains, 3, 4, device, "chain"), .. ListHooks(filter, ListFlowTables, 2, 3, device, "flowtable")];
    }

    private static IEnumerable<string> ListHooks(RouteSocket filter, ushort question, ushort nameAttribute, ushort hook, string device, string what)
        => (filter.TryQueryAll(RouteMessage.Of(question, RouteSocket.Dump, new byte[NetfilterFixedSize]), out _) ?? [])
            .Where(body => body.Length > NetfilterFixedSize && Names(RouteSocket.Find(body.AsSpan(NetfilterFixedSize), hook)).Contains(device))
            .Select(body => $"{what} {Text(RouteSocket.Find(body.AsSpan(NetfilterFixedSize), nameAttribute))}");

    /// <summary>The devices of a hook: NFTA_HOOK_DEV, or NFTA_HOOK_DEVS and NFTA_FLOWTABLE_HOOK_DEVS, which have a list.</summary>
    private static List<string> Names(ReadOnlySpan<byte> hook)
    {
        const ushort first = 3;
        return [.. RouteAttribute.Parse(hook).Where(part => part.Kind >= first)
            .SelectMany(part => RouteAttribute.Parse(part.Value).Select(name => Text(name.Value)).Append(Text(part.Value)))];
    }

    private static string Text(ReadOnlySpan<byte> value) => Encoding.UTF8.GetString(value.TrimEnd((byte)0));
}

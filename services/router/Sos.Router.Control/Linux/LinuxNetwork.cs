using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores;
using Sos.Cores.Network;

namespace Sos.Router.Control.Linux;

/// <summary>Linux's settings for IP on a network device.</summary>
/// <param name="Forwards">Whether packets that come in there are forwarded.</param>
/// <param name="ReversePath">rp_filter: 0, 1 or 2.</param>
internal readonly record struct LinuxConfiguration(bool Forwards, int ReversePath);

/// <summary>Asks Linux for its network: links, addresses, neighbours, routes, rules, settings.</summary>
internal sealed class LinuxNetwork : IDisposable
{
    public const int FamilyIpv4 = 2;
    public const int FamilyIpv6 = 10;
    public const ushort NewLink = 16;
    public const ushort DeleteLink = 17;
    public const ushort NewAddress = 20;
    public const ushort DeleteAddress = 21;
    public const ushort NewRoute = 24;
    public const ushort DeleteRoute = 25;
    public const ushort NewNeighbour = 28;
    public const ushort DeleteNeighbour = 29;
    public const ushort NewRule = 32;
    public const ushort DeleteRule = 33;
    public const ushort NewConfiguration = 80;
    public const ushort DeleteConfiguration = 81;
    public const ushort NewNextHop = 104;
    public const ushort DeleteNextHop = 105;

    /// <summary>The devices' numbers that stand for all of them.</summary>
    public const int AllDevices = -1;

    private const ushort GetLink = 18;
    private const ushort GetAddress = 22;
    private const ushort GetRoute = 26;
    private const ushort GetNeighbour = 30;
    private const ushort GetRule = 34;
    private const ushort GetConfiguration = 82;
    private const ushort GetChain = (10 << 8) | 4; // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN
    private const ushort GetGeneration = (10 << 8) | 16; // NFT_MSG_GETGEN
    private const uint FibMatch = 0x2000; // RTM_F_FIB_MATCH
    private const byte NeighbourUse = 1; // NTF_USE
    private const int RouteHeaderSize = 12;
    private const int Unsupported = 95; // EOPNOTSUPP: a family that this kernel does not have

    private readonly NetlinkSocket _route = new(NetlinkSocket.Route);

    // Null on a kernel without netfilter.
    private readonly NetlinkSocket? _netfilter = NetlinkSocket.TryOpen(NetlinkSocket.Netfilter);

    /// <summary>Goes on with something else while long answers come.</summary>
    public Action? Heard
    {
        set => _route.Heard = value;
    }

    /// <summary>All network devices.</summary>
    public IReadOnlyList<LinuxLink> Links() => [.. Dump(GetLink, new byte[16]).Select(message => LinuxLink.Read(message.Body)).OfType<LinuxLink>()];

    /// <summary>All addresses, in Linux's order.</summary>
    public IReadOnlyList<LinuxAddress> Addresses()
        => [.. Dump(GetAddress, new byte[8]).Select(message => LinuxAddress.Read(message.Body)).OfType<LinuxAddress>()];

    /// <summary>All neighbours.</summary>
    public IReadOnlyList<LinuxNeighbour> Neighbours()
        => [.. Dump(GetNeighbour, new byte[12]).Select(message => LinuxNeighbour.Read(message.Body)).OfType<LinuxNeighbour>()];

    /// <summary>All routes that forwarding looks at.</summary>
    public LinuxRoutes Routes()
    {
        const ushort append = 0x800;
        const int takenOfABeat = 1000;
        LinuxRoutes routes = new();
        int taken = 0;
        foreach (byte family in (ReadOnlySpan<byte>)[FamilyIpv4, FamilyIpv6])
        {
            byte[] header = new byte[RouteHeaderSize];
            header[0] = family;
            Ask(new NetlinkRequest(GetRoute, NetlinkRequest.Dump, header), message =>
            {
                if (++taken % takenOfABeat == 0)
                {
                    _route.Heard?.Invoke();
                }

                if (LinuxRoute.Read(message.Body) is { } route && LinuxRoutes.Looks(route))
                {
                    routes.Add(route, append);
                }
            });
        }

        return routes;
    }

    /// <summary>The settings of each device, by its number and whether it is for IPv6.</summary>
    public IReadOnlyDictionary<(int Device, bool IsIpv6), LinuxConfiguration> Configurations()
    {
        Dictionary<(int Device, bool IsIpv6), LinuxConfiguration> configurations = [];
        foreach (byte family in (ReadOnlySpan<byte>)[FamilyIpv4, FamilyIpv6])
        {
            foreach (NetlinkMessage message in Dump(GetConfiguration, [family, 0, 0, 0]))
            {
                Dictionary<int, ReadOnlyMemory<byte>> attributes = NetlinkMessage.ReadAttributes(message.Body[4..]);
                if (attributes.TryGetValue(1, out ReadOnlyMemory<byte> device))
                {
                    configurations[((int)LinuxRoute.ReadWord(device), family == FamilyIpv6)] = new LinuxConfiguration(
                        attributes.TryGetValue(2, out ReadOnlyMemory<byte> forwarding) && LinuxRoute.ReadWord(forwarding) != 0,
                        attributes.TryGetValue(3, out ReadOnlyMemory<byte> reversePath) ? (int)LinuxRoute.ReadWord(reversePath) : 0);
                }
            }
        }

        return configurations;
    }

    /// <summary>Whether a family has no rules but those that every Linux begins with.</summary>
    public bool HasOnlyUsualRules(bool isIpv6)
    {
        byte[] header = new byte[12];
        header[0] = isIpv6 ? (byte)FamilyIpv6 : (byte)FamilyIpv4;
        List<(uint Priority, uint Table)> rules = [];
        bool usual = true;
        foreach (NetlinkMessage message in Dump(GetRule, header))
        {
            Dictionary<int, ReadOnlyMemory<byte>> attributes = NetlinkMessage.ReadAttributes(message.Body[12..]);
            ReadOnlySpan<byte> rule = message.Body.Span;
            uint table = attributes.TryGetValue(15, out ReadOnlyMemory<byte> wide) ? LinuxRoute.ReadWord(wide) : rule[4];
            rules.Add((attributes.TryGetValue(6, out ReadOnlyMemory<byte> priority) ? LinuxRoute.ReadWord(priority) : 0, table));

            // Lengths of prefixes, type of service, action, flags; and no selector but the tables' own.
            usual &= rule[1] == 0 && rule[2] == 0 && rule[3] == 0 && rule[7] == 1 && BinaryPrimitives.ReadUInt32LittleEndian(rule[8..]) == 0
                && attributes.All(attribute => attribute.Key is 6 or 15 or 18 or 21
                    || (attribute.Key == 14 && BinaryPrimitives.ReadInt32LittleEndian(attribute.Value.Span) == -1));
        }

        (uint Priority, uint Table)[] wanted = isIpv6
            ? [(0, LinuxRoute.TableLocal), (32766, LinuxRoute.TableMain)]
            : [(0, LinuxRoute.TableLocal), (32766, LinuxRoute.TableMain), (32767, LinuxRoute.TableDefault)];
        return usual && rules.Order().SequenceEqual(wanted);
    }

    /// <summary>Whether iptables-legacy has tables, whose rules nft does not list.</summary>
    public static bool HasLegacyFilter(bool isIpv6)
    {
        string legacy = $"/proc/thread-self/net/{(isIpv6 ? "ip6" : "ip")}_tables_names";
        return File.Exists(legacy) && new FileInfo(legacy).Length >= 0 && File.ReadAllText(legacy).Length > 0;
    }

    /// <summary>The generation of nftables' rules, which each change of them counts up; 0 when there are none.</summary>
    /// <exception cref="SosException">Linux does not say.</exception>
    public ulong RulesetGeneration()
    {
        ulong generation = 0;
        AskNetfilter(new NetlinkRequest(GetGeneration, NetlinkRequest.Request, [0, 0, 0, 0]), message =>
        {
            if (message.Body.Length >= 4 && NetlinkMessage.ReadAttributes(message.Body[4..]).TryGetValue(1, out ReadOnlyMemory<byte> id) && id.Length == 4)
            {
                generation = BinaryPrimitives.ReadUInt32BigEndian(id.Span);
            }
        });
        return generation;
    }

    /// <summary>Whether there are rules of nftables that forwarded packets pass.</summary>
    /// <exception cref="SosException">Linux does not say: there may be.</exception>
    public bool HasFilter(bool isIpv6)
    {
        bool any = false;
        AskNetfilter(new NetlinkRequest(GetChain, NetlinkRequest.Dump, [0, 0, 0, 0]), message =>
        {
            const int inet = 1;
            const int netdev = 5;
            int family = message.Body.Length >= 4 ? message.Body.Span[0] : 0;
            if ((family == inet || family == netdev || family == (isIpv6 ? FamilyIpv6 : FamilyIpv4))
                && NetlinkMessage.ReadAttributes(message.Body[4..]).TryGetValue(4, out ReadOnlyMemory<byte> hook)
                && NetlinkMessage.ReadAttributes(hook).TryGetValue(1, out ReadOnlyMemory<byte> number))
            {
                // Input and output see no packet that is forwarded.
                any |= family == netdev || BinaryPrimitives.ReadUInt32BigEndian(number.Span) is 0 or 2 or 4 or 5;
            }
        });
        return any;
    }

    /// <summary>Whether Linux has rules for ARP: of arptables, or of nftables' family arp.</summary>
    /// <exception cref="SosException">Linux does not say: there may be.</exception>
    public bool HasArpRules()
    {
        const int arp = 3; // NFPROTO_ARP
        const string legacy = "/proc/thread-self/net/arp_tables_names";
        bool any = File.Exists(legacy) && File.ReadAllText(legacy).Length > 0;
        AskNetfilter(
            new NetlinkRequest(GetChain, NetlinkRequest.Dump, [arp, 0, 0, 0]),
            message => any |= message.Body.Length >= 4 && message.Body.Span[0] == arp && NetlinkMessage.ReadAttributes(message.Body[4..]).ContainsKey(4));
        return any;
    }

    /// <summary>How Linux answers ARP on a network device: the stricter of what is set for it and for all.</summary>
    /// <param name="device">Its name.</param>
    public static ArpSettings ArpOf(string device)
    {
        return new ArpSettings(
            Math.Max(Read("all", "arp_ignore"), Read(device, "arp_ignore")), Read("all", "arp_filter") != 0 || Read(device, "arp_filter") != 0);

        static int Read(string device, string name)
        {
            string path = $"/proc/sys/net/ipv4/conf/{device}/{name}";
            return File.Exists(path) && int.TryParse(File.ReadAllText(path), NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) ? value : 0;
        }
    }

    /// <summary>Whether ports choose among several ways too (fib_multipath_hash_policy).</summary>
    public static bool HashesPorts(bool isIpv6)
    {
        string path = $"/proc/sys/net/{(isIpv6 ? "ipv6" : "ipv4")}/fib_multipath_hash_policy";
        return File.Exists(path) && File.ReadAllText(path).Trim() != "0";
    }

    /// <summary>The route that Linux has for an address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="errno">0, or what Linux says instead.</param>
    public LinuxRoute? Match(Routes.RouteAddress address, out int errno)
    {
        byte[] header = new byte[RouteHeaderSize];
        header[0] = address.IsIpv6 ? (byte)FamilyIpv6 : (byte)FamilyIpv4;
        header[1] = address.IsIpv6 ? (byte)128 : (byte)32;
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), FibMatch);
        LinuxRoute? route = null;
        errno = _route.Ask(
            new NetlinkRequest(GetRoute, NetlinkRequest.Request, header).Add(1, RouteBits.Bytes(address)), message => route = LinuxRoute.Read(message.Body));
        return route;
    }

    /// <summary>Tells Linux that a neighbour is in use: it finds out whether it is there.</summary>
    public void Use(int device, Routes.RouteAddress address)
    {
        byte[] header = new byte[12];
        header[0] = address.IsIpv6 ? (byte)FamilyIpv6 : (byte)FamilyIpv4;
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), device);
        header[10] = NeighbourUse;

        // With an acknowledgement, so that answers do not pile up.
        const ushort acknowledged = NetlinkRequest.Request | 4;
        _route.Ask(new NetlinkRequest(NewNeighbour, acknowledged, header).Add(1, RouteBits.Bytes(address)), _ => { });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _route.Dispose();
        _netfilter?.Dispose();
    }

    private static SosException Failure(string what, int errno) => new(SosError.Failed, $"{what} failed: {Marshal.GetPInvokeErrorMessage(errno)}");

    private List<NetlinkMessage> Dump(ushort type, ReadOnlySpan<byte> fixedPart)
    {
        List<NetlinkMessage> answers = [];
        Ask(new NetlinkRequest(type, NetlinkRequest.Dump, fixedPart), answers.Add);
        return answers;
    }

    private void Ask(NetlinkRequest request, Action<NetlinkMessage> take)
    {
        int errno = _route.Ask(request, take);
        if (errno is not (0 or Unsupported))
        {
            throw Failure("asking Linux for its network", errno);
        }
    }

    // A kernel without nftables says that the question is invalid, or not supported; all else is no answer.
    private void AskNetfilter(NetlinkRequest request, Action<NetlinkMessage> take)
    {
        const int invalid = 22; // EINVAL
        int errno = _netfilter?.Ask(request, take) ?? 0;
        if (errno is not (0 or invalid or Unsupported))
        {
            throw Failure("asking Linux for its rulesets", errno);
        }
    }
}

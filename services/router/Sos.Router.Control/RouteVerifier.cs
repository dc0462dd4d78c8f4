using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Sos.Router.Control.Linux;
using Sos.Router.Routes;
using Sos.Router.Tables;

namespace Sos.Router.Control;

/// <summary>An address that the core sends elsewhere than Linux would.</summary>
/// <param name="Address">The address.</param>
/// <param name="Wanted">The way that Linux has for it.</param>
/// <param name="Found">The way that the core has.</param>
internal sealed record RouteDifference(RouteAddress Address, string Wanted, string Found);

/// <summary>Compares addresses, all of them once; those that differ again, together, after a while: they may have changed in between.</summary>
/// <param name="ask">Says the way that Linux has for an address, and the core's.</param>
/// <param name="refresh">Waits, and asks anew for all that ways are made of.</param>
internal sealed class RouteComparison(Func<RouteAddress, (string Wanted, string Found)> ask, Action<TimeSpan> refresh)
{
    private static readonly TimeSpan[] Waits = [TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)];

    /// <summary>Addresses that were compared.</summary>
    public int Compared { get; private set; }

    /// <summary>Compares.</summary>
    /// <returns>The addresses that differed each time.</returns>
    public List<RouteDifference> Run(IEnumerable<RouteAddress> addresses)
    {
        List<RouteDifference> differences = [.. addresses.Select(Counted).OfType<RouteDifference>()];
        foreach (TimeSpan wait in Waits.TakeWhile(_ => differences.Count > 0))
        {
            refresh(wait);
            differences = [.. differences.Select(difference => Compare(difference.Address)).OfType<RouteDifference>()];
        }

        return differences;
    }

    private RouteDifference? Counted(RouteAddress address)
    {
        Compared++;
        return Compare(address);
    }

    private RouteDifference? Compare(RouteAddress address)
    {
        (string wanted, string found) = ask(address);
        return wanted == found ? null : new RouteDifference(address, wanted, found);
    }
}

/// <summary>Compares the core's table with the kernel's own answers, at both ends of every prefix and at random addresses.</summary>
internal sealed class RouteVerifier : IDisposable
{
    private const int Unreachable = 113; // EHOSTUNREACH
    private const int Forbidden = 13; // EACCES
    private const int Invalid = 22; // EINVAL

    private readonly LinuxNetwork _network = new();
    private readonly TableReader _reader;
    private readonly IReadOnlyList<IReadOnlyList<string>> _portNames;
    private readonly Dictionary<(int Interface, RouteAddress Address), ulong?> _neighbours = [];
    private IReadOnlyList<string> _names = [];
    private RouteCompiler _compiler;

    /// <summary>Asks for what routes are compiled with.</summary>
    /// <param name="reader">The core's table.</param>
    /// <param name="portNames">For each port the names that its network device may have.</param>
    public RouteVerifier(TableReader reader, IReadOnlyList<IReadOnlyList<string>> portNames)
    {
        _reader = reader;
        _portNames = portNames;
        _compiler = Look();
    }

    /// <summary>Addresses that were compared.</summary>
    public int Compared { get; private set; }

    /// <summary>Compares both ends of every prefix, and random addresses.</summary>
    /// <param name="randomCount">Random addresses of each family.</param>
    /// <param name="random">Where they come from.</param>
    public List<RouteDifference> Verify(int randomCount, Random random)
    {
        RouteComparison comparison = new(Ways, wait =>
        {
            Thread.Sleep(wait);
            Refresh();
        });
        IEnumerable<RouteAddress> ends = _network.Routes().Prefixes.SelectMany(EndsOf);
        List<RouteDifference> differences = comparison.Run(ends.Concat(Random(randomCount, random).Where(IsForwardable)));
        Compared += comparison.Compared;
        return differences;
    }

    /// <summary>The ways that Linux and the core have for an address.</summary>
    public (string Wanted, string Found) Ways(RouteAddress address) => (Describe(Ask(address)), Describe(_reader.Lookup(address)));

    /// <summary>Asks anew for all that ways are made of.</summary>
    public void Refresh() => _compiler = Look();

    /// <summary>Both ends of a prefix, but for those that the core never looks up: multicast, and addresses that no packet can have.</summary>
    public static IEnumerable<RouteAddress> EndsOf(RoutePrefix prefix)
        => ((RouteAddress[])[prefix.Address, RouteBits.Last(prefix)]).Where(IsForwardable);

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();

    private static IEnumerable<RouteAddress> Random(int count, Random random)
    {
        byte[] bytes = new byte[16];
        for (int i = 0; i < count; i++)
        {
            random.NextBytes(bytes);
            yield return LinuxRoute.ReadAddress(bytes.AsSpan(0, 4));
            bytes[0] = (byte)(0x20 | (bytes[0] & 0x1f)); // 2000::/3, where addresses are given
            yield return LinuxRoute.ReadAddress(bytes);
        }
    }

    private static bool IsForwardable(RouteAddress address)
    {
        if (address.IsIpv6)
        {
            uint first = (uint)(address.Value >> 112);
            return first >> 8 != 0xff && first >> 6 != 0x3fa && address.Value > 1;
        }

        uint top = (uint)address.Value >> 24;
        return address.Value != 0 && top != 127 && top < 224;
    }

    private RouteCompiler Look()
    {
        IReadOnlyList<LinuxLink> devices = _network.Links();
        Dictionary<int, LinuxLink> links = devices.ToDictionary(link => link.Index);
        Dictionary<int, int> interfaces = PortLinks.FindInterfaces(devices, _portNames, _reader.ReadVlans());
        _names = _reader.NamesOf([.. _portNames.Select(names => names[0])]);
        _neighbours.Clear();
        foreach (LinuxNeighbour neighbour in _network.Neighbours())
        {
            if (interfaces.TryGetValue(neighbour.Interface, out int number))
            {
                _neighbours[(number, neighbour.Address)] = neighbour.Mac;
            }
        }

        return new RouteCompiler(interfaces, links, _network.Addresses());
    }

    private HopSpecification? Ask(RouteAddress address) => _network.Match(address, out int errno) is { } route && errno == 0
        ? _compiler.Compile([route])
        : errno switch
        {
            Unreachable => new HopSpecification(NextHopKind.Unreachable),
            Forbidden => new HopSpecification(NextHopKind.Prohibited),
            Invalid => new HopSpecification(NextHopKind.Blackhole),
            _ => null,
        };

    private string Describe(HopSpecification? hop)
    {
        switch (hop?.Kind)
        {
            case null:
                return Describe(new LiveHop(0, NextHopKind.NoRoute, 0, 0, 0, 0));
            case NextHopKind.Group:
                return HopText.AnyOf(hop.Members.Select(member => Describe(member.Hop)));
            case NextHopKind.Forward:
                return Describe(_neighbours.GetValueOrDefault((hop.Interface, hop.Gateway)) is { } mac
                    ? new LiveHop(0, NextHopKind.Forward, hop.Interface, mac, hop.Mtu, 0)
                    : new LiveHop(0, NextHopKind.Linux, 0, 0, 0, 0));
            default:
                return Describe(new LiveHop(0, hop.Kind, hop.Interface, 0, hop.Mtu, 0));
        }
    }

    private string Describe(LiveHop hop) => HopText.Describe(hop, _names);
}

/// <summary>Ways in words.</summary>
internal static class HopText
{
    /// <summary>Says what becomes of a way's packets.</summary>
    /// <param name="hop">The way.</param>
    /// <param name="names">Names of the interfaces, by number.</param>
    public static string Describe(LiveHop hop, IReadOnlyList<string> names)
    {
        string name = hop.Interface < names.Count ? names[hop.Interface] : $"interface {hop.Interface}";
        return hop.Kind switch
        {
            NextHopKind.Forward => $"{name} to {MacText(hop.Mac)} mtu {hop.Mtu}",
            NextHopKind.Connected => $"{name} to the destination itself mtu {hop.Mtu}",
            NextHopKind.Group => AnyOf(hop.Members.Select(member => Describe(member, names))),
            NextHopKind.Linux => "Linux",
            NextHopKind.Blackhole => "dropped (blackhole)",
            NextHopKind.Unreachable => "answered: unreachable",
            NextHopKind.Prohibited => "answered: prohibited",
            _ => "no route",
        };
    }

    /// <summary>Several ways, in an order of their own: Linux tells those of a route now in this and now in that.</summary>
    public static string AnyOf(IEnumerable<string> ways) => string.Join(" or ", ways.Order(StringComparer.Ordinal));

    /// <summary>An address on a link as people write it.</summary>
    public static string MacText(ulong mac) => string.Join(':', Enumerable.Range(0, 6).Select(index => $"{(byte)(mac >> (40 - (8 * index))):x2}"));
}

using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Routes;
using Sos.Router.Tables;

namespace Sos.Router.Control.Linux;

/// <summary>Says what the core does with packets of a prefix, as Linux would.</summary>
/// <param name="interfaces">For each number of a network device that is an interface of the router, the interface.</param>
/// <param name="links">Network devices by number.</param>
/// <param name="addresses">This machine's addresses, in Linux's order.</param>
internal sealed class RouteCompiler(
    IReadOnlyDictionary<int, int> interfaces, IReadOnlyDictionary<int, LinuxLink> links, IReadOnlyList<LinuxAddress> addresses)
{
    private const uint Ipv6MtuMin = 1280; // RFC 8200, 5

    /// <summary>Compiles the routes of a prefix.</summary>
    /// <param name="routes">Its routes, the preferred one first.</param>
    /// <returns>Null when none of them can be used: the next shorter prefix holds.</returns>
    public HopSpecification? Compile(IReadOnlyList<LinuxRoute> routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        if (routes.Any(route => route.TypeOfService != 0 || route.IsSourceSpecific))
        {
            return HopSpecification.Linux; // Which of them holds depends on more than the destination.
        }

        return routes.Select(Compile).FirstOrDefault(hop => hop is not null);
    }

    /// <summary>Compiles a route.</summary>
    /// <returns>Null when it cannot be used.</returns>
    public HopSpecification? Compile(LinuxRoute route) => route.Type switch
    {
        RouteType.Unicast when !route.IsWrapped => CompileHops(route),
        RouteType.Blackhole => new HopSpecification(NextHopKind.Blackhole),
        RouteType.Unreachable => new HopSpecification(NextHopKind.Unreachable),
        RouteType.Prohibit => new HopSpecification(NextHopKind.Prohibited),
        RouteType.Throw => new HopSpecification(NextHopKind.NoRoute),
        _ => HopSpecification.Linux,
    };

    private HopSpecification? CompileHops(LinuxRoute route)
    {
        List<(HopSpecification Hop, int Weight)> hops = [];
        foreach (LinuxHop hop in route.Hops.Where(hop => (hop.Flags & LinuxHop.Dead) == 0))
        {
            if (!interfaces.TryGetValue(hop.Interface, out int number) || !links.TryGetValue(hop.Interface, out LinuxLink? link))
            {
                return HopSpecification.Linux; // It leaves by a device that is no interface of the router.
            }

            hops.Add((CompileHop(route, hop, number, link), hop.Weight));
        }

        return hops.Count switch
        {
            0 => null,
            1 => hops[0].Hop,
            _ => new HopSpecification(NextHopKind.Group) { Members = [.. hops.Select(hop => new HopMember(hop.Hop, hop.Weight))] },
        };
    }

    private HopSpecification CompileHop(LinuxRoute route, LinuxHop hop, int number, LinuxLink link)
    {
        bool isIpv6 = route.Prefix.Address.IsIpv6;
        uint mtu = route.Mtu != 0 ? Math.Min(route.Mtu, link.Mtu) : link.Mtu;
        return new HopSpecification(hop.Gateway is null ? NextHopKind.Connected : NextHopKind.Forward)
        {
            Interface = number,
            Gateway = hop.Gateway ?? default,
            Mtu = isIpv6 ? Math.Max(mtu, Ipv6MtuMin) : mtu,
            Source = route.PreferredSource ?? LinuxAddress.SourceFor(addresses, hop.Interface, hop.Gateway, isIpv6) ?? default,
        };
    }
}

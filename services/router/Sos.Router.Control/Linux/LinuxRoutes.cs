using System.Collections.Generic;
using System.Linq;

namespace Sos.Router.Control.Linux;

/// <summary>The routes of Linux that forwarding looks at, by prefix, in the order in which Linux prefers them.</summary>
internal sealed class LinuxRoutes
{
    private const ushort Replace = 0x100; // NLM_F_REPLACE
    private const ushort Append = 0x800; // NLM_F_APPEND

    private readonly Dictionary<RoutePrefix, List<LinuxRoute>> _routes = [];

    /// <summary>Prefixes.</summary>
    public IReadOnlyCollection<RoutePrefix> Prefixes => _routes.Keys;

    /// <summary>The routes of a prefix, the preferred one first.</summary>
    public IReadOnlyList<LinuxRoute> Of(RoutePrefix prefix) => _routes.GetValueOrDefault(prefix) ?? [];

    /// <summary>Whether forwarding looks at a route: by default it knows three tables.</summary>
    public static bool Looks(LinuxRoute route) => route.Table is LinuxRoute.TableLocal or LinuxRoute.TableMain or LinuxRoute.TableDefault;

    /// <summary>A route was added, or took another's place.</summary>
    /// <param name="route">The route.</param>
    /// <param name="flags">The flags of the message that told it.</param>
    public void Add(LinuxRoute route, ushort flags)
    {
        if (!_routes.TryGetValue(route.Prefix, out List<LinuxRoute>? routes))
        {
            _routes.Add(route.Prefix, routes = []);
        }

        // What is added to an IPv6 route by its gateways is told as the whole route.
        bool joins = route.Prefix.Address.IsIpv6 && HasGateway(route);
        int former = routes.FindIndex(other => IsSamePlace(other, route)
            && (joins ? HasGateway(other) || (flags & Replace) != 0 : (flags & Replace) != 0 || IsSameWay(other, route)));
        if (former >= 0)
        {
            routes[former] = route;
            return;
        }

        int place = routes.FindIndex(other => (flags & Append) != 0 || route.Prefix.Address.IsIpv6
            ? Compare(other, route) > 0
            : Compare(other, route) >= 0);
        routes.Insert(place < 0 ? routes.Count : place, route);
    }

    /// <summary>A route, or some ways of one, were removed.</summary>
    public void Remove(LinuxRoute route)
    {
        if (!_routes.TryGetValue(route.Prefix, out List<LinuxRoute>? routes))
        {
            return;
        }

        int place = routes.FindIndex(other => IsSamePlace(other, route) && other.Type == route.Type && IsSameWay(other, route));
        if (place < 0 && route.Prefix.Address.IsIpv6 && TryRemoveWays(routes, route))
        {
            return;
        }

        place = place >= 0 ? place : routes.FindIndex(other => IsSamePlace(other, route));
        if (place >= 0)
        {
            routes.RemoveAt(place);
        }

        if (routes.Count == 0)
        {
            _routes.Remove(route.Prefix);
        }
    }

    private static bool TryRemoveWays(List<LinuxRoute> routes, LinuxRoute gone)
    {
        int place = routes.FindIndex(other => IsSamePlace(other, gone) && gone.Hops.All(hop => other.Hops.Any(hop.IsSameWay)));
        if (place < 0)
        {
            return false;
        }

        routes[place] = routes[place] with { Hops = [.. routes[place].Hops.Where(hop => !gone.Hops.Any(hop.IsSameWay))] };
        return true;
    }

    private static bool HasGateway(LinuxRoute route) => route.Hops.Any(hop => hop.Gateway is not null);

    private static bool IsSamePlace(LinuxRoute one, LinuxRoute other)
        => one.Table == other.Table && one.TypeOfService == other.TypeOfService && one.Priority == other.Priority
            && one.IsSourceSpecific == other.IsSourceSpecific;

    private static bool IsSameWay(LinuxRoute one, LinuxRoute other)
        => one.Hops.Count == other.Hops.Count && one.Hops.Zip(other.Hops).All(pair => pair.First.IsSameWay(pair.Second));

    // The local table is asked before the main one, and that before the default one; then metrics decide.
    private static int Compare(LinuxRoute one, LinuxRoute other)
    {
        int order = other.Table.CompareTo(one.Table);
        return order != 0 ? order : one.Priority.CompareTo(other.Priority);
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// The routes of all tables that a device's end takes away: those through it, alone or beside others, and those of other devices that send from its addresses.
/// A thing is the body of RTM_NEWROUTE: struct rtmsg and its attributes, among them all that Linux knows of a route (metrics, encapsulation, preference).
/// </summary>
internal sealed class DeviceRoutes : ICarriedKind
{
    private const ushort NewRoute = 24; // RTM_NEWROUTE
    private const ushort DeleteRoute = 25; // RTM_DELROUTE
    private const ushort GetRoute = 26; // RTM_GETROUTE

    /// <summary>Until routers have answered Linux, which asks them as the device is switched on, what they said before may hold for so long.</summary>
    private const uint RouterAnswerSeconds = 30;

    private static readonly byte[] Families = [DeviceRoute.Internet, DeviceRoute.InternetSix, DeviceRoute.Labels];

    /// <inheritdoc/>
    public string Name => "routes";

    /// <inheritdoc/>
    public string? IdentityOf(byte[] thing)
        => new DeviceRoute(thing) is var route && !route.IsOfRouter && route.Left(TimeSpan.Zero) == uint.MaxValue ? route.Key : null;

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        HashSet<uint> nexthops = [.. NexthopObjects.IdsOf(device)];
        HashSet<string> sources = [.. DeviceAddresses.LocalOf(new DeviceAddresses().Read(device)).Select(source => Convert.ToHexString(source))];
        return [.. List(device)
            .Where(route => route.GoesThrough(device.Link.Index) || nexthops.Contains(route.Nexthop)
                || (route.Source is { } source && sources.Contains(Convert.ToHexString(source))))
            .OrderBy(route => route.NeedsAnother)
            .Select(route => route.Bytes)];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        if (!device.WasUp)
        {
            return; // Which has none, and takes none.
        }

        List<DeviceRoute> wanted = [.. things.Select(thing => new DeviceRoute(thing))];
        RemoveMade(device, wanted);

        // A gateway is reached by another route, which may come later.
        List<(DeviceRoute Route, int Errno)> left = [.. wanted.Select(route => (route, 0))];
        for (int before = int.MaxValue; left.Count > 0 && left.Count < before;)
        {
            before = left.Count;
            left = [.. left.Select(entry => (entry.Route, TryGive(device, entry.Route))).Where(entry => entry.Item2 != 0)];
        }

        HashSet<string> there = [.. left.Count > 0 ? List(device).Select(route => route.Key) : []];
        foreach ((DeviceRoute route, int errno) in left.Where(entry => entry.Errno != Errno.Exists || !there.Contains(entry.Route.Key)))
        {
            if (route.IsOfKernel && errno == Errno.Invalid)
            {
                continue; // Linux had made it of an address whose time is over.
            }

            device.Refuse($"the route {route}", errno);
        }
    }

    /// <summary>Whether the default route goes through a device, alone or beside others.</summary>
    public static bool HasDefault(CarriedDevice device)
    {
        HashSet<uint> nexthops = [.. NexthopObjects.IdsOf(device)];
        return List(device).Any(route => route.IsDefault && (route.GoesThrough(device.Link.Index) || nexthops.Contains(route.Nexthop)));
    }

    private static IEnumerable<DeviceRoute> List(CarriedDevice device)
        => Families.SelectMany(family => device.List(RouteMessage.Of(GetRoute, RouteSocket.Dump, [family, .. new byte[DeviceRoute.FixedSize - 1]]))

                // Asked for a family that it has not, a kernel lists all others.
                .Where(body => body.Length >= DeviceRoute.FixedSize && body[0] == family))
            .Select(body => new DeviceRoute(body))
            .Where(route => !route.IsCopy && !route.IsLinuxOwn);

    /// <summary>Removes what Linux has made of the addresses, and the other device did not have.</summary>
    private static void RemoveMade(CarriedDevice device, List<DeviceRoute> wanted)
    {
        HashSet<string> known = [.. wanted.Where(route => route.IsOfKernel).Select(route => route.Key)];
        foreach (DeviceRoute made in List(device).Where(
            route => route.IsOfKernel && route.GoesThrough(device.Link.Index) && !known.Contains(route.Key)))
        {
            device.Give(RouteMessage.Of(DeleteRoute, RouteSocket.Change, made.Bytes), $"that it has no route {made}", Errno.NoProcess);
        }
    }

    /// <returns>0 or an errno.</returns>
    private static int TryGive(CarriedDevice device, DeviceRoute route)
    {
        if (route.Left(device.Age) is not { } seconds)
        {
            return 0; // Its time is over.
        }

        uint? expires = route.IsOfRouter ? Math.Min(seconds, RouterAnswerSeconds) : seconds == uint.MaxValue ? null : seconds;

        // What other devices have of it is there still, and is replaced by the whole.
        ushort flags = route.HasSeveral ? RouteSocket.Replace : RouteSocket.Append;
        return device.Routes.TryChange(RouteMessage.Of(NewRoute, flags, route.For(device.IndexNow, expires)));
    }
}

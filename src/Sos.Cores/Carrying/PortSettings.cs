using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>The settings that a device has as the port of a bridge or a bond (IFLA_INFO_SLAVE_DATA), and its joining one.</summary>
internal static class PortSettings
{
    private const ushort NewLink = 16; // RTM_NEWLINK
    private const ushort GetLink = 18; // RTM_GETLINK
    private const ushort SetLink = 19; // RTM_SETLINK
    private const int FixedSize = 16; // struct ifinfomsg
    private const ushort Master = 10; // IFLA_MASTER
    private const ushort Information = 18; // IFLA_LINKINFO
    private const ushort PortKind = 4; // IFLA_INFO_SLAVE_KIND
    private const ushort PortData = 5; // IFLA_INFO_SLAVE_DATA

    /// <summary>Finds the device above, if it is of a kind.</summary>
    /// <param name="device">The port.</param>
    /// <param name="kind">"bridge" or "bond".</param>
    public static NetworkLink? MasterOf(CarriedDevice device, string kind)
        => NetworkLink.Read(device.Link.Index) is { Master: not 0 } link && NetworkLink.Read(link.Master) is { } master && master.Kind == kind ? master : null;

    /// <summary>Reads a port's settings.</summary>
    /// <param name="device">The port.</param>
    /// <param name="kinds">The attributes to read.</param>
    public static IReadOnlyList<RouteAttribute> Read(CarriedDevice device, IReadOnlyCollection<ushort> kinds)
    {
        byte[]? answer = device.Routes.TryQuery(RouteMessage.Link(GetLink, RouteSocket.Request, device.Link.Index));
        ReadOnlySpan<byte> data = answer is null ? [] : RouteSocket.Find(RouteSocket.Find(answer.AsSpan(FixedSize), Information), PortData);
        return [.. RouteAttribute.Parse(data).Where(attribute => kinds.Contains(attribute.Kind))];
    }

    /// <summary>Makes a device the port of another, if it is not.</summary>
    /// <param name="device">The device.</param>
    /// <param name="master">Number of the other.</param>
    /// <param name="kind">"bridge" or "bond".</param>
    /// <param name="name">The name that the other had.</param>
    /// <returns>Whether it is one now.</returns>
    public static bool Join(CarriedDevice device, uint master, string kind, string name)
    {
        if (NetworkLink.Read(master)?.Kind != kind)
        {
            device.Problems.Add($"{device.Link.Name} is no port of {name}: that is gone, or another device has its number");
            return false;
        }

        if (NetworkLink.Read(device.Link.Index)?.Master != master)
        {
            device.Give(RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index).Add(Master, master), $"its place as a port of {name}");
        }

        return NetworkLink.Read(device.Link.Index)?.Master == master;
    }

    /// <summary>Gives a port the settings that it has otherwise: one that is set, a cost for one, is no longer Linux's to choose.</summary>
    /// <param name="device">The port.</param>
    /// <param name="kind">"bridge" or "bond".</param>
    /// <param name="wanted">The settings.</param>
    public static void Give(CarriedDevice device, string kind, IReadOnlyList<RouteAttribute> wanted)
    {
        IReadOnlyList<RouteAttribute> now = Read(device, [.. wanted.Select(setting => setting.Kind)]);
        foreach (RouteAttribute setting in wanted.Where(
            setting => !now.Any(other => other.Kind == setting.Kind && other.Value.AsSpan().SequenceEqual(setting.Value))))
        {
            device.Give(
                RouteMessage.Link(NewLink, RouteSocket.Change, device.Link.Index).Add(Information, information => information
                    .Add(PortKind, kind)
                    .Add(PortData, data => data.Add(setting.Type, setting.Value))),
                $"a setting as a port of a {kind} (number {setting.Kind}, 'ip -d link show')");
        }
    }
}

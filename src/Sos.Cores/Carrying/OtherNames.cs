using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>The other names of a device (altname of ip-link(8)). A thing is a name.</summary>
internal sealed class OtherNames : ICarriedKind
{
    private const ushort GetLink = 18; // RTM_GETLINK
    private const ushort NewProperty = 108; // RTM_NEWLINKPROP
    private const ushort Properties = 52; // IFLA_PROP_LIST
    private const ushort OtherName = 53; // IFLA_ALT_IFNAME
    private const int FixedSize = 16; // struct ifinfomsg

    /// <inheritdoc/>
    public string Name => "other names";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
        => device.Routes.TryQuery(RouteMessage.Link(GetLink, RouteSocket.Request, device.Link.Index)) is not { } answer
            ? []
            : [.. RouteAttribute.Parse(RouteSocket.Find(answer.AsSpan(FixedSize), Properties)).Where(found => found.Kind == OtherName)
                .Select(found => found.Value)];

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        HashSet<string> there = [.. Read(device).Select(name => Encoding.UTF8.GetString(name))];
        foreach (byte[] name in things.Where(name => !there.Contains(Encoding.UTF8.GetString(name))))
        {
            device.Give(
                RouteMessage.Link(NewProperty, RouteSocket.Create, device.Link.Index).Add(Properties, list => list.Add(OtherName, name)),
                $"its other name {Encoding.UTF8.GetString(name).TrimEnd('\0')}");
        }
    }
}

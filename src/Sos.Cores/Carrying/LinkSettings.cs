using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// The settings of a device itself: flags, queue length, group, alias, its VRF. A thing is an
/// attribute of RTM_SETLINK, but the first, which are the flags.
/// </summary>
internal sealed class LinkSettings : ICarriedKind
{
    private const ushort GetLink = 18; // RTM_GETLINK
    private const ushort SetLink = 19; // RTM_SETLINK
    private const int FixedSize = 16; // struct ifinfomsg
    private const int FlagsOffset = 8;
    private const ushort Master = 10; // IFLA_MASTER

    // IFF_NOARP, IFF_PROMISC, IFF_ALLMULTI, IFF_MULTICAST, IFF_DYNAMIC: those that stay as they are set.
    private const uint KeptFlags = 0x80 | 0x100 | 0x200 | 0x1000 | 0x8000;

    private static readonly (ushort Attribute, string Name)[] Kept =
    [
        (13, "the queue length"), // IFLA_TXQLEN
        (20, "the alias"), // IFLA_IFALIAS
        (27, "the group"), // IFLA_GROUP
        (Master, "the VRF"),
    ];

    /// <inheritdoc/>
    public string Name => "link";

    /// <inheritdoc/>
    public bool IsSetting => true;

    /// <inheritdoc/>
    public string IdentityOf(byte[] thing) => thing.Length == sizeof(uint) ? "flags" : $"{BinaryPrimitives.ReadUInt16LittleEndian(thing.AsSpan(2))}";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        if (device.Routes.TryQuery(RouteMessage.Link(GetLink, RouteSocket.Request, device.Link.Index)) is not { } answer)
        {
            return [];
        }

        List<byte[]> things = [answer[FlagsOffset..(FlagsOffset + sizeof(uint))]];
        foreach (RouteAttribute attribute in RouteAttribute.Parse(answer.AsSpan(FixedSize)).Where(found => Kept.Any(kept => kept.Attribute == found.Kind)))
        {
            switch (attribute.Kind)
            {
                case Master when NetworkLink.Read(attribute.Number) is not { Kind: "vrf" }:
                    break; // Which is an obstacle, and named as such.
                default:
                    things.Add(RouteAttribute.Join([], [attribute]));
                    break;
            }
        }

        return things;
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        if (things.Count == 0)
        {
            return;
        }

        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(things[0]);
        device.Give(RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index, flags & KeptFlags, KeptFlags), "what flags it had");
        foreach (byte[] thing in things.Skip(1))
        {
            foreach (RouteAttribute attribute in RouteAttribute.Parse(thing))
            {
                device.Give(
                    RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index).Add(attribute.Type, attribute.Value),
                    Kept.FirstOrDefault(kept => kept.Attribute == attribute.Kind).Name ?? $"attribute {attribute.Kind}");
            }
        }
    }
}

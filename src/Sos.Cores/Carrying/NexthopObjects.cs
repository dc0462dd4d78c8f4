using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// Nexthop objects through a device, and the groups that have one of them (ip-nexthop(8)); they go with the device. A thing is the body of
/// RTM_NEWNEXTHOP: struct nhmsg and its attributes.
/// </summary>
internal sealed class NexthopObjects : ICarriedKind
{
    private const ushort NewNexthop = 104; // RTM_NEWNEXTHOP
    private const ushort GetNexthop = 106; // RTM_GETNEXTHOP
    private const int FixedSize = 8; // struct nhmsg: family, scope, protocol, reserved, flags
    private const int ScopeOffset = 1;
    private const int FlagsOffset = 4;
    private const uint OnLink = 4; // RTNH_F_ONLINK
    private const ushort Id = 1; // NHA_ID
    private const ushort Group = 2; // NHA_GROUP
    private const ushort OutDevice = 5; // NHA_OIF
    private const ushort Resilient = 12; // NHA_RES_GROUP
    private const ushort ResilientUnbalanced = 4; // NHA_RES_GROUP_UNBALANCED_TIME, which only the kernel says
    private const int MemberSize = 8; // struct nexthop_grp: id, weight, reserved

    // What can be given; NHA_OP_FLAGS, hardware counts and the like are answers only.
    private static readonly ushort[] Kept = [Id, Group, 3, 4, OutDevice, 6, 7, 8, 11, Resilient];

    /// <inheritdoc/>
    public string Name => "nexthops";

    /// <summary>Ids of those that a device's end takes away, or takes members of.</summary>
    public static IEnumerable<uint> IdsOf(CarriedDevice device) => new NexthopObjects().Read(device).Select(thing => IdOf(thing));

    /// <inheritdoc/>
    public string IdentityOf(byte[] thing) => $"{IdOf(thing)}";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        List<byte[]> all = [.. device.List(RouteMessage.Of(GetNexthop, RouteSocket.Dump, new byte[FixedSize]))
            .Where(thing => thing.Length > FixedSize)];
        List<byte[]> through = [.. all.Where(thing => Number(thing, OutDevice) == device.Link.Index)];
        HashSet<uint> ids = [.. through.Select(thing => IdOf(thing))];
        return [.. through, .. all.Where(thing => Members(thing).Any(ids.Contains))];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        if (device.WasUp && things.Count > 0)
        {
            device.AwaitCarrier(); // without which none is taken
        }

        foreach (byte[] thing in device.WasUp ? things : [])
        {
            byte[] head = thing[..FixedSize];
            head[ScopeOffset] = 0; // which Linux says, and nobody may
            uint flags = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(FlagsOffset));
            BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(FlagsOffset), flags & OnLink);
            IEnumerable<RouteAttribute> attributes = RouteAttribute.Parse(thing.AsSpan(FixedSize)).Where(found => Kept.Contains(found.Kind))
                .Select(attribute => attribute.Kind switch
                {
                    OutDevice => new RouteAttribute(attribute.Type, device.IndexNow(attribute.Number)),
                    Resilient => attribute with
                    {
                        Value = RouteAttribute.Join([], RouteAttribute.Parse(attribute.Value).Where(part => part.Kind is > 0 and < ResilientUnbalanced)),
                    },
                    _ => attribute,
                });
            device.Give(RouteMessage.Of(NewNexthop, RouteSocket.Replace, RouteAttribute.Join(head, attributes)), $"the nexthop {IdOf(thing)}");
        }
    }

    private static uint IdOf(byte[] thing) => Number(thing, Id);

    private static uint Number(byte[] thing, ushort kind)
        => RouteSocket.Find(thing.AsSpan(FixedSize), kind) is { Length: sizeof(uint) } value ? BinaryPrimitives.ReadUInt32LittleEndian(value) : 0;

    private static IEnumerable<uint> Members(byte[] thing)
    {
        byte[] group = RouteSocket.Find(thing.AsSpan(FixedSize), Group).ToArray();
        for (int offset = 0; offset + MemberSize <= group.Length; offset += MemberSize)
        {
            yield return BinaryPrimitives.ReadUInt32LittleEndian(group.AsSpan(offset));
        }
    }
}

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;

namespace Sos.Cores.Carrying;

/// <summary>A route as Linux lists it (struct rtmsg of linux/rtnetlink.h).</summary>
/// <param name="bytes">The body of RTM_NEWROUTE.</param>
internal sealed class DeviceRoute(byte[] bytes)
{
    /// <summary>Bytes of struct rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type, flags.</summary>
    public const int FixedSize = 12;

    /// <summary>AF_INET.</summary>
    public const byte Internet = 2;

    /// <summary>AF_INET6.</summary>
    public const byte InternetSix = 10;

    /// <summary>AF_MPLS.</summary>
    public const byte Labels = 28;

    private const int FlagsOffset = 8;
    private const uint Main = 254; // RT_TABLE_MAIN
    private const byte Unicast = 1; // RTN_UNICAST
    private const byte Local = 2; // RTN_LOCAL
    private const byte Multicast = 5; // RTN_MULTICAST; broadcast and anycast in between
    private const byte MadeByKernel = 2; // RTPROT_KERNEL
    private const byte MadeByRouter = 9; // RTPROT_RA
    private const uint OnLink = 4; // RTNH_F_ONLINK: the only flag that is given; others say how a nexthop is
    private const uint Cached = 0x200; // RTM_F_CLONED
    private const ushort Destination = 1; // RTA_DST
    private const ushort OutDevice = 4; // RTA_OIF
    private const ushort Gateway = 5; // RTA_GATEWAY
    private const ushort Priority = 6; // RTA_PRIORITY
    private const ushort PreferredSource = 7; // RTA_PREFSRC
    private const ushort Several = 9; // RTA_MULTIPATH
    private const ushort CacheInformation = 12; // RTA_CACHEINFO
    private const ushort Table = 15; // RTA_TABLE
    private const ushort Via = 18; // RTA_VIA
    private const ushort Encapsulation = 22; // RTA_ENCAP
    private const ushort EncapsulationType = 21; // RTA_ENCAP_TYPE
    private const ushort Expires = 23; // RTA_EXPIRES
    private const ushort NexthopId = 30; // RTA_NH_ID
    private const int ExpiresOffset = 8; // rta_expires of struct rta_cacheinfo, in hundredths of a second
    private const int NexthopSize = 8; // struct rtnexthop: length, flags, hops, index

    private readonly List<RouteAttribute> _attributes = RouteAttribute.Parse(bytes.AsSpan(FixedSize));

    /// <summary>The body.</summary>
    public byte[] Bytes { get; } = bytes;

    /// <summary>Whether it is a copy that Linux keeps for a destination.</summary>
    public bool IsCopy => (BinaryPrimitives.ReadUInt32LittleEndian(Bytes.AsSpan(FlagsOffset)) & Cached) != 0;

    /// <summary>Whether it comes and goes with an address or a device by itself: to itself, to its broadcast address, to multicast groups.</summary>
    public bool IsLinuxOwn => IsOfKernel && Bytes[7] is >= Local and <= Multicast;

    /// <summary>Whether Linux made it: of an address, for instance.</summary>
    public bool IsOfKernel => Bytes[5] == MadeByKernel;

    /// <summary>Whether a router's advertisement made it.</summary>
    public bool IsOfRouter => Bytes[5] == MadeByRouter;

    /// <summary>Whether it is for all that no other route is for, unless a rule of policy routing says otherwise.</summary>
    public bool IsDefault => Bytes[1] == 0 && Bytes[7] == Unicast && Bytes[0] != Labels && TableId == Main;

    /// <summary>Whether it has several nexthops.</summary>
    public bool HasSeveral => Find(Several) is not null && Nexthop == 0;

    /// <summary>Whether another route must be there before: it has a gateway.</summary>
    public bool NeedsAnother => Find(Gateway) is not null || Find(Via) is not null || Find(Several) is not null || Nexthop != 0;

    /// <summary>Id of the nexthop object that it uses; 0 for none.</summary>
    public uint Nexthop => Find(NexthopId)?.Number ?? 0;

    /// <summary>The address of ours that it sends from; null when it says none.</summary>
    public byte[]? Source => Find(PreferredSource)?.Value;

    /// <summary>By which one route is told from another.</summary>
    public string Key => string.Create(
        CultureInfo.InvariantCulture,
        $"{Bytes[0]} {Convert.ToHexString(Find(Destination)?.Value ?? [])}/{Bytes[1]} {Bytes[3]} {TableId} {Bytes[7]} {Find(Priority)?.Number}");

    private uint TableId => Find(Table)?.Number ?? Bytes[4];

    /// <summary>Whether it goes through a device, alone or beside others.</summary>
    public bool GoesThrough(uint index) => Find(OutDevice)?.Number == index || Nexthops().Any(nexthop => nexthop.Index == index);

    /// <summary>How many seconds it has still, of those it had when it was read.</summary>
    /// <param name="age">How long ago that was.</param>
    /// <returns>uint.MaxValue when it stays; null when its time is over.</returns>
    public uint? Left(TimeSpan age)
    {
        byte[]? cache = Find(CacheInformation)?.Value;
        int hundredths = cache?.Length >= ExpiresOffset + sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(cache.AsSpan(ExpiresOffset)) : 0;
        double left = Math.Ceiling((hundredths / 100.0) - age.TotalSeconds);
        return hundredths == 0 ? uint.MaxValue : left > 0 ? (uint)left : null;
    }

    /// <summary>The body of the message that makes it anew.</summary>
    /// <param name="indexNow">Says the number of a device, which may be another one now.</param>
    /// <param name="expires">After how many seconds it is to go; null for never.</param>
    public byte[] For(Func<uint, uint> indexNow, uint? expires)
    {
        byte[] head = Bytes[..FixedSize];
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(FlagsOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(FlagsOffset), flags & OnLink);

        // A nexthop object says all of this by itself.
        ushort[] left = Nexthop == 0 ? [CacheInformation, Expires]
            : [CacheInformation, Expires, OutDevice, Gateway, Via, Several, Encapsulation, EncapsulationType];
        IEnumerable<RouteAttribute> attributes = _attributes.Where(attribute => !left.Contains(attribute.Kind)).Select(attribute => attribute.Kind switch
        {
            OutDevice => new RouteAttribute(attribute.Type, indexNow(attribute.Number)),
            Several => attribute with { Value = Renumber(attribute.Value, indexNow) },
            _ => attribute,
        });
        if (expires is { } seconds)
        {
            attributes = attributes.Append(new RouteAttribute(Expires, seconds));
        }

        return RouteAttribute.Join(head, attributes);
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        byte[]? destination = Find(Destination)?.Value;
        string where = destination is { Length: 4 or 16 } ? $"{new IPAddress(destination)}/{Bytes[1]}" : Bytes[1] == 0 ? "default" : "of labels";
        return TableId == Main ? where : $"{where} table {TableId}";
    }

    private RouteAttribute? Find(ushort kind)
    {
        foreach (RouteAttribute attribute in _attributes)
        {
            if (attribute.Kind == kind)
            {
                return attribute;
            }
        }

        return null;
    }

    private IEnumerable<(int Offset, uint Index)> Nexthops()
    {
        byte[] several = Find(Several)?.Value ?? [];
        for (int offset = 0; offset + NexthopSize <= several.Length;)
        {
            yield return (offset, BinaryPrimitives.ReadUInt32LittleEndian(several.AsSpan(offset + 4)));
            int length = BinaryPrimitives.ReadUInt16LittleEndian(several.AsSpan(offset));
            offset += Math.Max((length + 3) & ~3, NexthopSize);
        }
    }

    private byte[] Renumber(byte[] several, Func<uint, uint> indexNow)
    {
        byte[] copy = [.. several];
        foreach ((int offset, uint index) in Nexthops())
        {
            copy[offset + 2] &= (byte)OnLink;
            BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(offset + 4), indexNow(index));
        }

        return copy;
    }
}

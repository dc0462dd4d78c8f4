using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;
using Sos.Router.Routes;

namespace Sos.Router.Control.Linux;

/// <summary>Types of routes (rtnetlink(7)).</summary>
internal enum RouteType : byte
{
    Unicast = 1,
    Local = 2,
    Broadcast = 3,
    Anycast = 4,
    Multicast = 5,
    Blackhole = 6,
    Unreachable = 7,
    Prohibit = 8,
    Throw = 9,
}

/// <summary>A prefix.</summary>
/// <param name="Address">Its address; bits behind its length are 0.</param>
/// <param name="Length">Its length.</param>
internal readonly record struct RoutePrefix(RouteAddress Address, int Length);

/// <summary>A way of a route.</summary>
/// <param name="Interface">Number of the network device.</param>
/// <param name="Gateway">The next router; null on a network of the device's own.</param>
/// <param name="Weight">Its share.</param>
/// <param name="Flags">RTNH_F_*.</param>
internal sealed record LinuxHop(int Interface, RouteAddress? Gateway, int Weight, uint Flags)
{
    /// <summary>RTNH_F_DEAD.</summary>
    public const uint Dead = 1;

    /// <summary>Whether it is the same way, whatever has become of it.</summary>
    public bool IsSameWay(LinuxHop other) => Interface == other.Interface && Gateway == other.Gateway;
}

/// <summary>A route as Linux has it.</summary>
internal sealed record LinuxRoute
{
    public const uint TableDefault = 253;
    public const uint TableMain = 254;
    public const uint TableLocal = 255;

    private const int HeaderSize = 12; // struct rtmsg
    private const int HopHeaderSize = 8; // struct rtnexthop
    private const int FamilyIpv4 = 2;
    private const int FamilyIpv6 = 10;
    private const uint Cloned = 0x200; // RTM_F_CLONED

    public required RoutePrefix Prefix { get; init; }

    public required uint Table { get; init; }

    public required RouteType Type { get; init; }

    public uint Priority { get; init; }

    public byte TypeOfService { get; init; }

    /// <summary>Whether it holds for some sources only.</summary>
    public bool IsSourceSpecific { get; init; }

    /// <summary>Whether packets are wrapped on this way (MPLS, SRv6, tunnels).</summary>
    public bool IsWrapped { get; init; }

    public RouteAddress? PreferredSource { get; init; }

    public uint Mtu { get; init; }

    public IReadOnlyList<LinuxHop> Hops { get; init; } = [];

    /// <inheritdoc/>
    public bool Equals(LinuxRoute? other)
        => other is not null && Prefix == other.Prefix && Table == other.Table && Type == other.Type && Priority == other.Priority
            && TypeOfService == other.TypeOfService && IsSourceSpecific == other.IsSourceSpecific && IsWrapped == other.IsWrapped
            && PreferredSource == other.PreferredSource && Mtu == other.Mtu && Hops.SequenceEqual(other.Hops);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Prefix, Table, Type, Priority);

    /// <summary>Reads a message about a route.</summary>
    /// <returns>Null for one of another family, or of Linux's cache.</returns>
    public static LinuxRoute? Read(ReadOnlyMemory<byte> body)
    {
        if (body.Length < HeaderSize)
        {
            return null;
        }

        ReadOnlySpan<byte> header = body.Span;
        bool isIpv6 = header[0] == FamilyIpv6;
        if ((header[0] != FamilyIpv4 && !isIpv6) || (BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) & Cloned) != 0)
        {
            return null;
        }

        Dictionary<int, ReadOnlyMemory<byte>> attributes = NetlinkMessage.ReadAttributes(body[HeaderSize..]);
        return new LinuxRoute
        {
            Prefix = new RoutePrefix(attributes.TryGetValue(1, out ReadOnlyMemory<byte> to) ? ReadAddress(to.Span) : new RouteAddress(0, isIpv6), header[1]),
            IsSourceSpecific = header[2] != 0,
            TypeOfService = header[3],
            Table = attributes.TryGetValue(15, out ReadOnlyMemory<byte> table) ? ReadWord(table) : header[4],
            Type = (RouteType)header[7],
            Priority = attributes.TryGetValue(6, out ReadOnlyMemory<byte> priority) ? ReadWord(priority) : 0,
            PreferredSource = attributes.TryGetValue(7, out ReadOnlyMemory<byte> source) ? ReadAddress(source.Span) : null,
            Mtu = attributes.TryGetValue(8, out ReadOnlyMemory<byte> metrics)
                && NetlinkMessage.ReadAttributes(metrics).TryGetValue(2, out ReadOnlyMemory<byte> mtu) ? ReadWord(mtu) : 0,
            IsWrapped = attributes.ContainsKey(22),
            Hops = attributes.TryGetValue(9, out ReadOnlyMemory<byte> several)
                ? ReadHops(several)
                : [ReadHop(
                    attributes,
                    (int)(attributes.TryGetValue(4, out ReadOnlyMemory<byte> device) ? ReadWord(device) : 0),
                    1,
                    BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) & 0xff)],
        };
    }

    /// <summary>Reads an address of 4 or 16 bytes.</summary>
    public static RouteAddress ReadAddress(ReadOnlySpan<byte> bytes)
        => bytes.Length == 16
            ? new RouteAddress(BinaryPrimitives.ReadUInt128BigEndian(bytes), true)
            : new RouteAddress(bytes.Length == 4 ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : 0, false);

    /// <summary>Reads a number.</summary>
    public static uint ReadWord(ReadOnlyMemory<byte> bytes) => bytes.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span) : 0;

    private static LinuxHop ReadHop(Dictionary<int, ReadOnlyMemory<byte>> attributes, int device, int weight, uint flags)
    {
        RouteAddress? gateway = attributes.TryGetValue(5, out ReadOnlyMemory<byte> direct) ? ReadAddress(direct.Span)
            : attributes.TryGetValue(18, out ReadOnlyMemory<byte> via) && via.Length > 2 ? ReadAddress(via.Span[2..])
            : null;
        return new LinuxHop(device, gateway, weight, flags);
    }

    private static List<LinuxHop> ReadHops(ReadOnlyMemory<byte> several)
    {
        List<LinuxHop> hops = [];
        while (several.Length >= HopHeaderSize)
        {
            ReadOnlySpan<byte> header = several.Span;
            int length = BinaryPrimitives.ReadUInt16LittleEndian(header);
            if (length < HopHeaderSize || length > several.Length)
            {
                break;
            }

            Dictionary<int, ReadOnlyMemory<byte>> attributes = NetlinkMessage.ReadAttributes(several[HopHeaderSize..length]);

            // One that wraps packets has no device that is a port.
            int device = attributes.ContainsKey(22) ? 0 : BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
            hops.Add(ReadHop(attributes, device, header[3] + 1, header[2]));
            several = several[Math.Min((length + 3) & ~3, several.Length)..];
        }

        return hops;
    }
}

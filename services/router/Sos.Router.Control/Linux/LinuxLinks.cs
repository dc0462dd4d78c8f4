using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Cores.Network;
using Sos.Router.Routes;

namespace Sos.Router.Control.Linux;

/// <summary>A network device.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="Mac">Its address on the link.</param>
/// <param name="Mtu">Largest packet.</param>
/// <param name="IsUp">Whether it is up and has a carrier.</param>
/// <param name="IsEnslaved">Whether it belongs to a bridge, bond or VRF.</param>
/// <param name="HasArp">Whether Linux speaks ARP there.</param>
internal sealed record LinuxLink(int Index, string Name, ulong Mac, uint Mtu, bool IsUp, bool IsEnslaved, bool HasArp = true)
{
    private const int HeaderSize = 16; // struct ifinfomsg
    private const uint UpAndRunning = 0x1 | 0x40; // IFF_UP | IFF_RUNNING
    private const uint NoArp = 0x80; // IFF_NOARP

    /// <summary>The VLAN that it is, above another device; null for all else.</summary>
    public LinuxVlan? Vlan { get; init; }

    /// <summary>Reads a message about a network device.</summary>
    public static LinuxLink? Read(ReadOnlyMemory<byte> body)
    {
        if (body.Length < HeaderSize || body.Span[0] != 0)
        {
            return null; // of a bridge's own family
        }

        Dictionary<int, ReadOnlyMemory<byte>> attributes = NetlinkMessage.ReadAttributes(body[HeaderSize..]);
        ulong mac = attributes.TryGetValue(1, out ReadOnlyMemory<byte> address) && address.Length == 6 ? Sdk.Wire.MacAddress.Read(address.Span).Value : 0;
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(body.Span[8..]);
        return new LinuxLink(
            BinaryPrimitives.ReadInt32LittleEndian(body.Span[4..]),
            attributes.TryGetValue(3, out ReadOnlyMemory<byte> name) ? Encoding.UTF8.GetString(name.Span.TrimEnd((byte)0)) : "",
            mac,
            attributes.TryGetValue(4, out ReadOnlyMemory<byte> mtu) ? LinuxRoute.ReadWord(mtu) : 0,
            (flags & UpAndRunning) == UpAndRunning,
            attributes.TryGetValue(10, out ReadOnlyMemory<byte> master) && LinuxRoute.ReadWord(master) != 0,
            (flags & NoArp) == 0)
        { Vlan = LinuxVlan.Read(attributes) };
    }
}

/// <summary>The VLAN that a network device is.</summary>
/// <param name="Below">Number of the device whose frames have its tag; 0 when that is in another network namespace.</param>
/// <param name="Tag">The tag as it is on the wire, without priority: bits 16 to 31 the protocol, 0 to 11 the identifier.</param>
/// <param name="MapsPriorities">Whether frames get priorities from packets, or packets from frames.</param>
internal sealed record LinuxVlan(int Below, uint Tag, bool MapsPriorities = false)
{
    private const int DeviceBelow = 5; // IFLA_LINK
    private const int Information = 18; // IFLA_LINKINFO
    private const int OtherNamespace = 37; // IFLA_LINK_NETNSID
    private const int Kind = 1; // IFLA_INFO_KIND
    private const int Data = 2; // IFLA_INFO_DATA
    private const int Identifier = 1; // IFLA_VLAN_ID
    private const int EgressMap = 3; // IFLA_VLAN_EGRESS_QOS
    private const int IngressMap = 4; // IFLA_VLAN_INGRESS_QOS
    private const int Protocol = 5; // IFLA_VLAN_PROTOCOL

    /// <summary>Reads what a message about a network device says of it.</summary>
    /// <returns>Null for a device of another kind.</returns>
    public static LinuxVlan? Read(Dictionary<int, ReadOnlyMemory<byte>> attributes)
    {
        if (!attributes.TryGetValue(Information, out ReadOnlyMemory<byte> information)
            || NetlinkMessage.ReadAttributes(information) is not { } about
            || !about.TryGetValue(Kind, out ReadOnlyMemory<byte> kind) || !kind.Span.TrimEnd((byte)0).SequenceEqual("vlan"u8)
            || !about.TryGetValue(Data, out ReadOnlyMemory<byte> data))
        {
            return null;
        }

        Dictionary<int, ReadOnlyMemory<byte>> vlan = NetlinkMessage.ReadAttributes(data);
        if (!vlan.TryGetValue(Identifier, out ReadOnlyMemory<byte> identifier) || identifier.Length < sizeof(ushort))
        {
            return null;
        }

        ushort protocol = vlan.TryGetValue(Protocol, out ReadOnlyMemory<byte> type) && type.Length >= sizeof(ushort)
            ? BinaryPrimitives.ReadUInt16BigEndian(type.Span)
            : (ushort)Sdk.Wire.EtherType.Vlan;
        bool isElsewhere = attributes.ContainsKey(OtherNamespace);
        return new LinuxVlan(
            !isElsewhere && attributes.TryGetValue(DeviceBelow, out ReadOnlyMemory<byte> below) ? (int)LinuxRoute.ReadWord(below) : 0,
            ((uint)protocol << 16) | (BinaryPrimitives.ReadUInt16LittleEndian(identifier.Span) & 0xfffu),
            vlan.ContainsKey(EgressMap) || vlan.ContainsKey(IngressMap));
    }
}

/// <summary>An address of this machine.</summary>
/// <param name="Interface">Number of its network device.</param>
/// <param name="Address">The address.</param>
/// <param name="Length">Length of its network.</param>
/// <param name="Scope">Its scope: 0 global.</param>
/// <param name="Flags">IFA_F_*.</param>
internal sealed record LinuxAddress(int Interface, RouteAddress Address, int Length, byte Scope, uint Flags)
{
    private const int HeaderSize = 8; // struct ifaddrmsg
    private const uint Unusable = 0x08 | 0x40; // IFA_F_DADFAILED | IFA_F_TENTATIVE
    private const uint Secondary = 0x01; // IFA_F_SECONDARY; of IPv6, temporary

    /// <summary>Whether it is this machine's for sure: nobody else is asked for it any more.</summary>
    public bool IsAssigned => (Flags & Unusable) == 0;

    /// <summary>Whether packets can be sent from it.</summary>
    public bool IsUsable => IsAssigned && Scope == 0;

    /// <summary>Whether another of its network comes first.</summary>
    public bool IsSecondary => (Flags & Secondary) != 0;

    /// <summary>Reads a message about an address.</summary>
    public static LinuxAddress? Read(ReadOnlyMemory<byte> body)
    {
        if (body.Length < HeaderSize)
        {
            return null;
        }

        // IFA_LOCAL is this side's where both ends have one.
        Dictionary<int, ReadOnlyMemory<byte>> attributes = NetlinkMessage.ReadAttributes(body[HeaderSize..]);
        return attributes.TryGetValue(2, out ReadOnlyMemory<byte> address) || attributes.TryGetValue(1, out address)
            ? new LinuxAddress(
                BinaryPrimitives.ReadInt32LittleEndian(body.Span[4..]),
                LinuxRoute.ReadAddress(address.Span),
                body.Span[1],
                body.Span[3],
                attributes.TryGetValue(8, out ReadOnlyMemory<byte> flags) ? LinuxRoute.ReadWord(flags) : body.Span[2])
            : null;
    }

    /// <summary>The address that Linux sends from on a way, as it is when nothing else is said.</summary>
    /// <param name="addresses">All addresses, in Linux's order.</param>
    /// <param name="device">The device that packets leave by.</param>
    /// <param name="gateway">The next router, or null.</param>
    /// <param name="isIpv6">The family of the packets.</param>
    /// <returns>Null when there is none that is surely the one.</returns>
    public static RouteAddress? SourceFor(IReadOnlyList<LinuxAddress> addresses, int device, RouteAddress? gateway, bool isIpv6)
    {
        List<LinuxAddress> own = [.. addresses.Where(
            address => address.Interface == device && address.Address.IsIpv6 == isIpv6 && address.IsUsable && (isIpv6 || !address.IsSecondary))];
        if (isIpv6)
        {
            return own.Count == 1 ? own[0].Address : null; // Of several the destination decides (RFC 6724, 5).
        }

        LinuxAddress? near = gateway is { IsIpv6: false } next
            ? own.Find(address => RouteBits.Cut(next, address.Length) == RouteBits.Cut(address.Address, address.Length))
            : null;
        return (near ?? own.FirstOrDefault())?.Address;
    }
}

/// <summary>A neighbour.</summary>
/// <param name="Interface">Number of the network device.</param>
/// <param name="Address">Its address.</param>
/// <param name="Mac">Its address on the link; null when it is not known.</param>
/// <param name="IsFixed">Whether somebody has fixed that address: Linux takes no message for it either.</param>
internal sealed record LinuxNeighbour(int Interface, RouteAddress Address, ulong? Mac, bool IsFixed = false)
{
    private const int HeaderSize = 12; // struct ndmsg
    private const ushort Fixed = 0x40 | 0x80; // NUD_NOARP, PERMANENT
    private const ushort Valid = 0x02 | 0x04 | 0x08 | 0x10 | Fixed; // NUD_REACHABLE, STALE, DELAY, PROBE
    private const int FamilyIpv4 = 2;
    private const int FamilyIpv6 = 10;
    private const byte Proxy = 0x08; // NTF_PROXY

    /// <summary>Reads a message about a neighbour.</summary>
    public static LinuxNeighbour? Read(ReadOnlyMemory<byte> body)
    {
        if (body.Length < HeaderSize || body.Span[0] is not (FamilyIpv4 or FamilyIpv6) || (body.Span[10] & Proxy) != 0)
        {
            return null;
        }

        Dictionary<int, ReadOnlyMemory<byte>> attributes = NetlinkMessage.ReadAttributes(body[HeaderSize..]);
        if (!attributes.TryGetValue(1, out ReadOnlyMemory<byte> address))
        {
            return null;
        }

        // Of groups and broadcasts, which Linux has among its neighbours too, there is nothing to know.
        RouteAddress neighbour = LinuxRoute.ReadAddress(address.Span);
        bool isGroup = neighbour.IsIpv6 ? neighbour.Value >> 120 == 0xff : neighbour.Value >= 0xe000_0000;
        int state = BinaryPrimitives.ReadUInt16LittleEndian(body.Span[8..]);
        bool known = (state & Valid) != 0 && !isGroup
            && attributes.TryGetValue(2, out ReadOnlyMemory<byte> mac) && mac.Length == 6;
        return new LinuxNeighbour(
            BinaryPrimitives.ReadInt32LittleEndian(body.Span[4..]),
            neighbour,
            known ? Sdk.Wire.MacAddress.Read(attributes[2].Span).Value : null,
            (state & Fixed) != 0);
    }
}

/// <summary>Bits of addresses.</summary>
internal static class RouteBits
{
    /// <summary>An address with the bits behind a length cleared.</summary>
    public static RouteAddress Cut(RouteAddress address, int length)
    {
        int bits = address.IsIpv6 ? 128 : 32;
        UInt128 mask = length == 0 ? UInt128.Zero : UInt128.MaxValue << (bits - length);
        return address with { Value = address.Value & mask };
    }

    /// <summary>The last address of a prefix.</summary>
    public static RouteAddress Last(RoutePrefix prefix)
    {
        int bits = prefix.Address.IsIpv6 ? 128 : 32;
        UInt128 host = prefix.Length == 0 ? (UInt128.One << (bits - 1) << 1) - 1 : (UInt128.One << (bits - prefix.Length)) - 1;
        return prefix.Address with { Value = prefix.Address.Value | host };
    }

    /// <summary>An address as people write it.</summary>
    public static string Text(RouteAddress address) => Address(address).ToString();

    /// <summary>An address as .NET has it.</summary>
    public static System.Net.IPAddress Address(RouteAddress address) => new(Bytes(address));

    /// <summary>An address as it is on the wire.</summary>
    public static byte[] Bytes(RouteAddress address)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, address.Value);
        return address.IsIpv6 ? bytes : bytes[12..];
    }

    /// <summary>Reads an address as people write it.</summary>
    public static RouteAddress? Parse(string text)
        => System.Net.IPAddress.TryParse(text, out System.Net.IPAddress? address) ? LinuxRoute.ReadAddress(address.GetAddressBytes()) : null;
}

using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>A field that a match looks at, and what nft checks before it may: its implicit dependencies.</summary>
/// <param name="Field">The field.</param>
/// <param name="Type">How its values are written.</param>
/// <param name="Family">2 or 10 if tables of family inet first check the network family, else 0.</param>
/// <param name="Transport">The transport protocol that is checked first, or 0.</param>
internal sealed record FieldReference(Field Field, ValueType Type, uint Family = 0, uint Transport = 0)
{
    private const uint CodePointBits = 0xfc; // RFC 2474, 3
    private const uint CongestionBits = 3; // RFC 3168, 5

    private const uint Ipv4 = 2;
    private const uint Ipv6 = 10;

    // A field of an IP header is present in that family's packets only, which is nft's check of the family.
    private static readonly Dictionary<string, FieldReference> Payloads = new()
    {
        ["ip saddr"] = new(Field.Ipv4Source, ValueType.Ipv4Address),
        ["ip daddr"] = new(Field.Ipv4Destination, ValueType.Ipv4Address),
        ["ip protocol"] = new(Field.Ipv4Protocol, ValueType.Protocol),
        ["ip frag-off"] = new(Field.Ipv4FragmentOffset, ValueType.Number),
        ["ip dscp"] = Unstable(Field.TrafficClass, ValueType.CodePoint, Ipv4) with { Bits = CodePointBits },
        ["ip ecn"] = Unstable(Field.TrafficClass, ValueType.Congestion, Ipv4) with { Bits = CongestionBits },
        ["ip length"] = Unstable(Field.PacketLength, ValueType.Number, Ipv4),
        ["ip id"] = Unstable(Field.Ipv4Identification, ValueType.Number),
        ["ip ttl"] = Unstable(Field.TimeToLive, ValueType.Byte, Ipv4),
        ["ip6 saddr"] = new(Field.Ipv6Source, ValueType.Ipv6Address),
        ["ip6 daddr"] = new(Field.Ipv6Destination, ValueType.Ipv6Address),
        ["ip6 nexthdr"] = new(Field.Ipv6NextHeader, ValueType.Protocol),
        ["ip6 dscp"] = Unstable(Field.TrafficClass, ValueType.CodePoint, Ipv6) with { Bits = CodePointBits },
        ["ip6 ecn"] = Unstable(Field.TrafficClass, ValueType.Congestion, Ipv6) with { Bits = CongestionBits },
        ["ip6 flowlabel"] = Unstable(Field.Ipv6FlowLabel, ValueType.FlowLabel),
        ["ip6 hoplimit"] = Unstable(Field.TimeToLive, ValueType.Byte, Ipv6),
        ["ip version"] = At(PlaceBase.Network, 0, 4, ValueType.Byte, Ipv4),
        ["ip hdrlength"] = At(PlaceBase.Network, 4, 4, ValueType.Byte, Ipv4),
        ["ip checksum"] = At(PlaceBase.Network, 80, 16, ValueType.Number, Ipv4),
        ["ip6 version"] = At(PlaceBase.Network, 0, 4, ValueType.Byte, Ipv6),
        ["ip6 length"] = At(PlaceBase.Network, 32, 16, ValueType.Number, Ipv6),
        ["ether type"] = new(Field.EtherType, ValueType.EtherType),
        ["ether daddr"] = At(PlaceBase.Link, 0, 48, ValueType.EtherAddress),
        ["ether saddr"] = At(PlaceBase.Link, 48, 48, ValueType.EtherAddress),
        ["tcp sequence"] = At(PlaceBase.Transport, 32, 32, ValueType.Length, transport: 6),
        ["tcp ackseq"] = At(PlaceBase.Transport, 64, 32, ValueType.Length, transport: 6),
        ["tcp doff"] = At(PlaceBase.Transport, 96, 4, ValueType.Byte, transport: 6),
        ["tcp reserved"] = At(PlaceBase.Transport, 100, 4, ValueType.Byte, transport: 6),
        ["tcp window"] = At(PlaceBase.Transport, 112, 16, ValueType.Number, transport: 6),
        ["tcp checksum"] = At(PlaceBase.Transport, 128, 16, ValueType.Number, transport: 6),
        ["tcp urgptr"] = At(PlaceBase.Transport, 144, 16, ValueType.Number, transport: 6),
        ["udp length"] = At(PlaceBase.Transport, 32, 16, ValueType.Number, transport: 17),
        ["udp checksum"] = At(PlaceBase.Transport, 48, 16, ValueType.Number, transport: 17),
        ["udplite csumcov"] = At(PlaceBase.Transport, 32, 16, ValueType.Number, transport: 136),
        ["udplite checksum"] = At(PlaceBase.Transport, 48, 16, ValueType.Number, transport: 136),
        ["sctp vtag"] = At(PlaceBase.Transport, 32, 32, ValueType.Length, transport: 132),
        ["sctp checksum"] = At(PlaceBase.Transport, 64, 32, ValueType.Length, transport: 132),
        ["icmp checksum"] = At(PlaceBase.Transport, 16, 16, ValueType.Number, Ipv4, 1),
        ["icmpv6 checksum"] = At(PlaceBase.Transport, 16, 16, ValueType.Number, Ipv6, 58),
        ["th sport"] = new(Field.SourcePort, ValueType.Service),
        ["th dport"] = new(Field.DestinationPort, ValueType.Service),
        ["tcp sport"] = new(Field.SourcePort, ValueType.Service, Transport: 6),
        ["tcp dport"] = new(Field.DestinationPort, ValueType.Service, Transport: 6),
        ["tcp flags"] = new(Field.TcpFlags, ValueType.TcpFlags, Transport: 6),
        ["udp sport"] = new(Field.SourcePort, ValueType.Service, Transport: 17),
        ["udp dport"] = new(Field.DestinationPort, ValueType.Service, Transport: 17),
        ["dccp sport"] = new(Field.SourcePort, ValueType.Service, Transport: 33),
        ["dccp dport"] = new(Field.DestinationPort, ValueType.Service, Transport: 33),
        ["sctp sport"] = new(Field.SourcePort, ValueType.Service, Transport: 132),
        ["sctp dport"] = new(Field.DestinationPort, ValueType.Service, Transport: 132),
        ["udplite sport"] = new(Field.SourcePort, ValueType.Service, Transport: 136),
        ["udplite dport"] = new(Field.DestinationPort, ValueType.Service, Transport: 136),
        ["icmp type"] = new(Field.IcmpType, ValueType.IcmpType, Ipv4, 1),
        ["icmp code"] = new(Field.IcmpCode, ValueType.IcmpCode, Ipv4, 1),
        ["icmpv6 type"] = new(Field.IcmpType, ValueType.Icmpv6Type, Ipv6, 58),
        ["icmpv6 code"] = new(Field.IcmpCode, ValueType.IcmpCode, Ipv6, 58),
    };

    private static readonly Dictionary<string, FieldReference> Metas = new()
    {
        ["l4proto"] = new(Field.TransportProtocol, ValueType.Protocol),
        ["nfproto"] = new(Field.NetworkFamily, ValueType.NetworkFamily),
        ["protocol"] = new(Field.EtherType, ValueType.EtherType),
        ["length"] = Unstable(Field.PacketLength, ValueType.Length),
        ["mark"] = Full(Field.Mark, ValueType.Mark),
        ["pkttype"] = Full(Field.PacketType, ValueType.PacketType),
        ["time"] = At(NumberPlace.Clock, ValueType.Time) with { Needs = TableNeeds.Packet | TableNeeds.Time },
        ["hour"] = Full(Field.HourOfDay, ValueType.Hour) with { Needs = TableNeeds.Packet | TableNeeds.Time },
        ["day"] = Full(Field.Weekday, ValueType.Weekday) with { Needs = TableNeeds.Packet | TableNeeds.Time },
    };

    /// <summary>Which bits of the field it is; 0 for all.</summary>
    public uint Bits { get; private init; }

    /// <summary>Whether Linux may see another value than arrives: one that it changes on the way, or that belongs to packets which it puts together.</summary>
    public bool IsUnstable { get; private init; }

    /// <summary>The place of a number that is no field of a packet's key; else null, and it is <see cref="Field"/>.</summary>
    public NumberPlace? Place { get; private init; }

    /// <summary>The needs of a table whose rules look at it.</summary>
    public TableNeeds Needs { get; private init; }

    /// <summary>Whether it can be looked up as a set of 128-bit numbers alone.</summary>
    public bool IsWide => Type == ValueType.Ipv6Address || Place is not null;

    private static FieldReference At(PlaceBase start, int offset, int length, ValueType type, uint family = 0, uint transport = 0)
        => At(NumberPlace.Of(start, offset, length), type, family, transport);

    private static FieldReference At(NumberPlace place, ValueType type, uint family = 0, uint transport = 0)
        => new(default, type, family, transport) { Place = place, Needs = TableNeeds.Packet, IsUnstable = true };

    private static FieldReference Full(Field field, ValueType type) => new(field, type) { Needs = TableNeeds.Packet, IsUnstable = true };

    private static FieldReference Unstable(Field field, ValueType type, uint family = 0) => new(field, type, family) { IsUnstable = true };

    /// <summary>The field that a <c>payload</c> or <c>meta</c> expression names.</summary>
    /// <param name="kind">The kind of the expression.</param>
    /// <param name="value">The expression.</param>
    /// <param name="decidesAlone">Whether the core decides alone, so that the packet as it arrives is the one that the rules mean.</param>
    /// <exception cref="RuleException">The firewall does not look at it.</exception>
    public static FieldReference Read(string kind, JsonElement value, bool decidesAlone)
    {
        FieldReference field = Read(kind, value);
        return !field.IsUnstable || decidesAlone ? field
            : kind == "ct" ? throw UnknownTracking("mark")
            : throw Unknown($"\"{NameOf(kind, value)}\"", " here, since Linux may see another value than arrives: it does where the core decides alone");
    }

    private static string NameOf(string kind, JsonElement value)
        => kind == "payload" && NftRuleset.TryGet(value, "base", out _) ? "raw payload"
            : kind == "payload" ? $"{NftRuleset.Text(value, "protocol")} {NftRuleset.Text(value, "field")}"
            : $"{kind} {NftRuleset.Text(value, "key")}";

    private static FieldReference Read(string kind, JsonElement value)
    {
        if (kind == "payload" && NftRuleset.TryGet(value, "protocol", out _) && NftRuleset.TryGet(value, "field", out _))
        {
            string name = $"{NftRuleset.Text(value, "protocol")} {NftRuleset.Text(value, "field")}";
            return Payloads.TryGetValue(name, out FieldReference? payload)
                ? payload
                : throw Unknown(
                    $"\"{name}\"",
                    ". It can match all fields of ip, ip6, tcp, udp and udplite, ports of all protocols, vtag and checksum of sctp, type, code and checksum of "
                        + "icmp and icmpv6, and of ether saddr, daddr and type");
        }

        if (kind == "payload" && RawPlace(value) is { } place)
        {
            return At(place, ValueType.Length);
        }

        if (kind == "meta")
        {
            string key = NftRuleset.Text(value, "key");
            if (key is "iif" or "oif" or "oifname" or "iifgroup" or "oifgroup")
            {
                throw Unknown(
                    $"\"meta {key}\"",
                    key == "iif" ? ": interface numbers are Linux's own. Write iifname" : ": a frame that arrives has no "
                        + "such interface");
            }

            return Metas.TryGetValue(key, out FieldReference? meta)
                ? meta
                : throw Unknown($"\"meta {key}\"", ". It knows meta l4proto, nfproto, protocol, length, pkttype, mark, time, hour, day, iifname, "
                    + "iiftype and iifgroup");
        }

        if (kind == "ct" && IsConnectionMark(value))
        {
            return Full(Field.ConnectionMark, ValueType.Mark);
        }

        if (kind == "ct")
        {
            throw UnknownTracking(NftRuleset.TryGet(value, "key", out _) ? NftRuleset.Text(value, "key") : string.Empty);
        }

        throw Unknown($"\"{kind}\" ({NftRuleset.Shorten(value)})", string.Empty);
    }

    /// <summary>Whether a <c>ct</c> expression asks for the mark of a connection.</summary>
    internal static bool IsConnectionMark(JsonElement ct)
        => NftRuleset.TryGet(ct, "key", out JsonElement key) && key.ValueKind == JsonValueKind.String && key.ValueEquals("mark")
            && ct.EnumerateObject().Count() == 1;

    /// <summary>Returns the place of raw bytes of a header, of up to 32 bits; null where they are others.</summary>
    private static NumberPlace? RawPlace(JsonElement value)
    {
        if (!NftRuleset.TryGet(value, "base", out JsonElement start) || start.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        PlaceBase? found = start.GetString() switch
        {
            "nh" => PlaceBase.Network,
            "th" => PlaceBase.Transport,
            _ => null,
        };
        if (found is null)
        {
            return null;
        }

        long offset = NftRuleset.Number(value, "offset");
        long length = NftRuleset.Number(value, "len");
        return offset is >= 0 and <= ushort.MaxValue && length is > 0 and <= 32 ? NumberPlace.Of(found.Value, (int)offset, (int)length) : null;
    }

    /// <summary>Refuses to look at a mark that only Linux knows.</summary>
    internal static RuleException UnseenMark() => new(
        RuleDiagnosticIds.Expression,
        "\"meta mark\" is not supported for what Linux sends: the core does not see the marks that Linux gave to packets");

    /// <summary>Refuses to look at what connection tracking knows.</summary>
    /// <param name="key">The key of the expression.</param>
    internal static RuleException UnknownTracking(string key) => new(
        RuleDiagnosticIds.Tracking,
        $"the firewall cannot match \"ct {key}\" here. Where the core decides alone it knows \"ct mark\", and \"ct state\", \"ct direction\" and \"ct status\" "
            + "without masks, sets and the words \"original\" and \"reply\" before a key; keep other rules in nftables on Linux, which sees all that the "
            + "firewall passes");

    private static RuleException Unknown(string what, string hint)
        => new(RuleDiagnosticIds.Expression, $"the firewall does not look at {what}{hint}");
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Reads values as nft's JSON writes them, with <c>-n</c> (numbers) and without (names).</summary>
internal static class ValueReader
{
    private static readonly Dictionary<string, int> Protocols = new()
    {
        ["icmp"] = 1,
        ["igmp"] = 2,
        ["tcp"] = 6,
        ["udp"] = 17,
        ["dccp"] = 33,
        ["gre"] = 47,
        ["esp"] = 50,
        ["ah"] = 51,
        ["icmpv6"] = 58,
        ["ipv6-icmp"] = 58,
        ["comp"] = 108,
        ["ipcomp"] = 108,
        ["sctp"] = 132,
        ["udplite"] = 136,
    };

    private static readonly Dictionary<string, int> IcmpTypes = new()
    {
        ["echo-reply"] = 0,
        ["destination-unreachable"] = 3,
        ["source-quench"] = 4,
        ["redirect"] = 5,
        ["echo-request"] = 8,
        ["router-advertisement"] = 9,
        ["router-solicitation"] = 10,
        ["time-exceeded"] = 11,
        ["parameter-problem"] = 12,
        ["timestamp-request"] = 13,
        ["timestamp-reply"] = 14,
        ["info-request"] = 15,
        ["info-reply"] = 16,
        ["address-mask-request"] = 17,
        ["address-mask-reply"] = 18,
    };

    private static readonly Dictionary<string, int> Icmpv6Types = new()
    {
        ["destination-unreachable"] = 1,
        ["packet-too-big"] = 2,
        ["time-exceeded"] = 3,
        ["parameter-problem"] = 4,
        ["echo-request"] = 128,
        ["echo-reply"] = 129,
        ["mld-listener-query"] = 130,
        ["mld-listener-report"] = 131,
        ["mld-listener-done"] = 132,
        ["mld-listener-reduction"] = 132,
        ["nd-router-solicit"] = 133,
        ["nd-router-advert"] = 134,
        ["nd-neighbor-solicit"] = 135,
        ["nd-neighbor-advert"] = 136,
        ["nd-redirect"] = 137,
        ["router-renumbering"] = 138,
        ["ind-neighbor-solicit"] = 141,
        ["ind-neighbor-advert"] = 142,
        ["mld2-listener-report"] = 143,
    };

    private static readonly Dictionary<string, int> TcpFlagBits = new()
    {
        ["fin"] = 1,
        ["syn"] = 2,
        ["rst"] = 4,
        ["psh"] = 8,
        ["ack"] = 16,
        ["urg"] = 32,
        ["ecn"] = 64,
        ["cwr"] = 128,
    };

    // linux/if_packet.h
    private static readonly Dictionary<string, int> PacketTypes = new()
    {
        ["host"] = 0,
        ["unicast"] = 0,
        ["broadcast"] = 1,
        ["multicast"] = 2,
        ["other"] = 3,
    };

    private static readonly Dictionary<string, int> Weekdays
        = Enumerable.Range(0, 7).ToDictionary(day => CultureInfo.InvariantCulture.DateTimeFormat.DayNames[day], day => day);

    private static readonly Dictionary<string, int> Families = new() { ["ipv4"] = 2, ["ipv6"] = 10 };

    // nft 1.0.6 with -n prints EtherTypes with their bytes swapped; none of these numbers is another EtherType of IP.
    private static readonly Dictionary<string, int> EtherTypes = new()
    {
        ["ip"] = 0x0800,
        ["ip6"] = 0x86dd,
        ["arp"] = 0x0806,
        ["vlan"] = 0x8100,
        ["8021q"] = 0x8100,
        ["8021ad"] = 0x88a8,
        ["8"] = 0x0800,
        ["56710"] = 0x86dd,
    };

    /// <summary>The largest value of a type.</summary>
    public static UInt128 Maximum(ValueType type) => type switch
    {
        ValueType.Ipv6Address => UInt128.MaxValue,
        ValueType.Ipv4Address or ValueType.Length => uint.MaxValue,
        ValueType.FlowLabel => 0xf_ffff,
        ValueType.EtherAddress => 0xffff_ffff_ffff,
        ValueType.Mark or ValueType.Hour => uint.MaxValue,
        ValueType.Time => ulong.MaxValue,
        ValueType.CodePoint => 63,
        ValueType.Congestion => 3,
        ValueType.Service or ValueType.EtherType or ValueType.Number => ushort.MaxValue,
        _ => byte.MaxValue,
    };

    /// <summary>A value, prefix, range or set element as the interval it stands for.</summary>
    /// <exception cref="RuleException">It is none of these, or does not fit.</exception>
    public static Interval ReadInterval(JsonElement element, ValueType type)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            UInt128 single = ReadValue(element, type);
            return new Interval(single, single);
        }

        (string kind, JsonElement value) = NftRuleset.SingleProperty(element);
        switch (kind)
        {
            case "prefix":
                return ReadPrefix(value, type);
            case "range" when value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2:
                Interval range = new(ReadValue(value[0], type), ReadValue(value[1], type));
                return range.First <= range.Last ? range : throw Bad(element);
            case "elem" when IsPlainElement(value):
                return ReadInterval(value.GetProperty("val"), type);
            case "|":
                UInt128 bits = ReadValue(element, type);
                return new Interval(bits, bits);
            default:
                throw new RuleException(
                    RuleDiagnosticIds.Set,
                    $"{NftRuleset.Shorten(element)} is no value, prefix or range; counters, timeouts and concatenations "
                        + "are not supported");
        }
    }

    /// <summary>A single value.</summary>
    /// <exception cref="RuleException">It is none, or does not fit.</exception>
    public static UInt128 ReadValue(JsonElement element, ValueType type)
    {
        UInt128 value = element.ValueKind switch
        {
            JsonValueKind.Number when element.TryGetUInt32(out uint number) => ReadText(Invariant(number), type, element),
            JsonValueKind.String => ReadText(element.GetString()!, type, element),
            JsonValueKind.Array when type == ValueType.TcpFlags => ReadFlags(element),
            JsonValueKind.Object when type == ValueType.TcpFlags
                && NftRuleset.SingleProperty(element) is ("|", JsonElement flags) => ReadFlags(flags),
            _ => throw Bad(element),
        };
        return value <= Maximum(type) ? value : throw Bad(element);
    }

    /// <summary>An address as Linux writes it.</summary>
    public static UInt128 ReadAddress(string text) => ReadBigEndian(IPAddress.Parse(text));

    private static UInt128 ReadText(string text, ValueType type, JsonElement element)
    {
        switch (type)
        {
            case ValueType.Ipv4Address:
                return IPAddress.TryParse(text, out IPAddress? address)
                    && address.AddressFamily == AddressFamily.InterNetwork
                    && text.AsSpan().Count('.') == 3
                    ? ReadBigEndian(address)
                    : throw Bad(element);
            case ValueType.Ipv6Address:
                return IPAddress.TryParse(text, out address) && address.AddressFamily == AddressFamily.InterNetworkV6
                    ? ReadBigEndian(address)
                    : throw Bad(element);
            case ValueType.EtherAddress:
                return ReadEtherAddress(text) ?? throw Bad(element);
            case ValueType.Time:
                return ReadTime(text) ?? throw Bad(element);
            case ValueType.Hour when text.Contains(':'):
                return TimeOnly.TryParseExact(text, ["HH:mm", "HH:mm:ss"], CultureInfo.InvariantCulture, DateTimeStyles.None, out TimeOnly hour)
                    ? (UInt128)(hour.Ticks / TimeSpan.TicksPerSecond)
                    : throw Bad(element);
            default:
                if (Names(type)?.TryGetValue(text, out int named) == true)
                {
                    return (UInt128)named;
                }

                return uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
                    ? number
                    : throw Bad(element);
        }
    }

    private static UInt128? ReadEtherAddress(string text)
    {
        string[] parts = text.Split(':');
        UInt128 value = 0;
        foreach (string part in parts)
        {
            if (!byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte one))
            {
                return null;
            }

            value = (value << 8) | one;
        }

        return parts.Length == 6 ? value : null;
    }

    private static UInt128? ReadTime(string text)
    {
        const long NanosecondsPerTick = 100;
        return DateTime.TryParseExact(
            text, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTime time)
            && time >= DateTime.UnixEpoch
            ? (UInt128)((ulong)(time - DateTime.UnixEpoch).Ticks * NanosecondsPerTick)
            : null;
    }

    private static Dictionary<string, int>? Names(ValueType type) => type switch
    {
        ValueType.Protocol => Protocols,
        ValueType.IcmpType => IcmpTypes,
        ValueType.Icmpv6Type => Icmpv6Types,
        ValueType.TcpFlags => TcpFlagBits,
        ValueType.NetworkFamily => Families,
        ValueType.EtherType => EtherTypes,
        ValueType.PacketType => PacketTypes,
        ValueType.Weekday => Weekdays,
        _ => null,
    };

    private static Interval ReadPrefix(JsonElement value, ValueType type)
    {
        int width = type switch
        {
            ValueType.Ipv4Address => 32,
            ValueType.Ipv6Address => 128,
            _ => throw Bad(value),
        };
        long length = NftRuleset.Number(value, "len");
        if (length < 0 || length > width)
        {
            throw Bad(value);
        }

        UInt128 address = ReadText(NftRuleset.Text(value, "addr"), type, value);
        UInt128 hostBits = length == 0 ? Maximum(type) : Maximum(type) >> (int)length;
        return new Interval(address & ~hostBits, address | hostBits);
    }

    private static UInt128 ReadFlags(JsonElement array)
    {
        UInt128 bits = 0;
        if (array.ValueKind != JsonValueKind.Array)
        {
            throw Bad(array);
        }

        foreach (JsonElement item in array.EnumerateArray())
        {
            bits |= ReadValue(item, ValueType.TcpFlags);
        }

        return bits;
    }

    /// <summary>An element that says nothing beside its value but a comment, and how often it was met.</summary>
    private static bool IsPlainElement(JsonElement element)
    {
        bool hasValue = false;
        if (element.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            hasValue |= property.NameEquals("val");
            if (!property.NameEquals("val") && !property.NameEquals("comment") && !property.NameEquals("counter"))
            {
                return false;
            }
        }

        return hasValue;
    }

    private static UInt128 ReadBigEndian(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[Address128.Size];
        address.TryWriteBytes(bytes, out int length);
        UInt128 value = 0;
        foreach (byte part in bytes[..length])
        {
            value = (value << 8) | part;
        }

        return value;
    }

    private static string Invariant(uint number) => number.ToString(CultureInfo.InvariantCulture);

    private static RuleException Bad(JsonElement element)
        => new(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(element)} is no value of this field (list the rules with nft -n)");
}

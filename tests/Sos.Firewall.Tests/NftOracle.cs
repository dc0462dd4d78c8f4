using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Text.Json;

namespace Sos.Firewall.Tests;

/// <summary>
/// A plain interpreter of nft's JSON over the bytes of a frame: written from nftables' documentation and the kernel's behaviour,
/// sharing nothing with the compiler and the service, slow and simple.
/// </summary>
internal sealed class NftOracle
{
    private readonly List<JsonElement> _objects;
    private readonly string _portName;

    public NftOracle(JsonElement root, string portName)
    {
        _objects = [.. root.GetProperty("nftables").EnumerateArray()];
        _portName = portName;
    }

    private enum Outcome
    {
        Next,
        Return,
        Accept,
        Drop,
    }

    /// <summary>Whether the frame passes; malformed frames do not.</summary>
    public bool Passes(byte[] frame)
    {
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12));
        View? view = type == 0x0800 ? View.Ipv4(frame[14..]) : View.Ipv6(frame[14..]);
        if (view is null)
        {
            return false;
        }

        string[] hooks = ["prerouting", "input"];
        var chains = _objects
            .Where(item => item.TryGetProperty("chain", out JsonElement chain) && chain.TryGetProperty("hook", out _))
            .Select(item => item.GetProperty("chain"))
            .OrderBy(chain => Array.IndexOf(hooks, chain.GetProperty("hook").GetString()))
            .ThenBy(chain => chain.GetProperty("prio").GetInt32());
        foreach (JsonElement chain in chains)
        {
            string family = chain.GetProperty("family").GetString()!;
            if (family == (type == 0x0800 ? "ip6" : "ip"))
            {
                continue;
            }

            Outcome outcome = Walk(family, chain.GetProperty("table").GetString()!, chain.GetProperty("name").GetString()!, view);
            if (outcome == Outcome.Drop || (outcome != Outcome.Accept && chain.GetProperty("policy").GetString() == "drop"))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Walks a chain: a verdict, or Return at its end.</summary>
    private Outcome Walk(string family, string table, string chain, View view)
    {
        foreach (JsonElement item in _objects)
        {
            if (!item.TryGetProperty("rule", out JsonElement rule)
                || rule.GetProperty("family").GetString() != family
                || rule.GetProperty("table").GetString() != table
                || rule.GetProperty("chain").GetString() != chain)
            {
                continue;
            }

            Outcome outcome = Run(family, table, rule.GetProperty("expr"), view);
            if (outcome != Outcome.Next)
            {
                return outcome;
            }
        }

        return Outcome.Return;
    }

    private Outcome Run(string family, string table, JsonElement statements, View view)
    {
        foreach (JsonElement statement in statements.EnumerateArray())
        {
            JsonProperty property = statement.EnumerateObject().First();
            switch (property.Name)
            {
                case "match":
                    if (!Matches(family, table, property.Value, view))
                    {
                        return Outcome.Next;
                    }

                    break;
                case "accept":
                    return Outcome.Accept;
                case "drop":
                    return Outcome.Drop;
                case "return":
                    return Outcome.Return;
                case "goto":
                    return Walk(family, table, property.Value.GetProperty("target").GetString()!, view);
                case "jump":
                    Outcome inner = Walk(family, table, property.Value.GetProperty("target").GetString()!, view);
                    return inner == Outcome.Return ? Outcome.Next : inner;
                case "counter" or "continue":
                    break;
                default:
                    throw new NotSupportedException(property.Name);
            }
        }

        return Outcome.Next;
    }

    /// <summary>Whether a match holds; an expression that is not known throws.</summary>
    internal bool Matches(string family, string table, JsonElement match, View view)
    {
        string op = match.GetProperty("op").GetString()!;
        JsonElement left = match.GetProperty("left");
        JsonElement right = match.GetProperty("right");
        if (left.TryGetProperty("meta", out JsonElement meta) && meta.GetProperty("key").GetString() == "iifname")
        {
            string name = right.GetString()!;
            bool same = name.EndsWith('*') ? _portName.StartsWith(name[..^1], StringComparison.Ordinal) : name == _portName;
            return same == (op == "==");
        }

        UInt128? mask = null;
        if (left.TryGetProperty("&", out JsonElement masked))
        {
            mask = Scalar(masked[1]);
            left = masked[0];
        }

        if (Load(family, left, view) is not UInt128 value)
        {
            return false;
        }

        if (mask is UInt128 bits)
        {
            return ((value & bits) == Scalar(right)) == (op == "==");
        }

        return op switch
        {
            "==" => Contains(family, table, right, value),
            "!=" => !Contains(family, table, right, value),
            "in" => (value & Scalar(right)) != 0,
            "!" => (value & Scalar(right)) == 0,
            "<" => value < Scalar(right),
            ">" => value > Scalar(right),
            "<=" => value <= Scalar(right),
            ">=" => value >= Scalar(right),
            _ => throw new NotSupportedException(op),
        };
    }

    private static UInt128? Load(string family, JsonElement left, View view)
    {
        if (left.TryGetProperty("meta", out JsonElement meta))
        {
            return meta.GetProperty("key").GetString() switch
            {
                "l4proto" => view.Protocol,
                "nfproto" => view.IsIpv4 ? (UInt128)2 : 10,
                "protocol" => view.IsIpv4 ? (UInt128)8 : 56710, // nft -n swaps the bytes
                string key => throw new NotSupportedException(key),
                _ => null,
            };
        }

        JsonElement payload = left.GetProperty("payload");
        string field = payload.GetProperty("field").GetString()!;
        switch (payload.GetProperty("protocol").GetString())
        {
            case "ip":
                return !view.IsIpv4 ? null : field switch
                {
                    "saddr" => view.Network(12, 4),
                    "daddr" => view.Network(16, 4),
                    "protocol" => view.Network(9, 1),
                    "frag-off" => view.Network(6, 2),
                    _ => throw new NotSupportedException(field),
                };
            case "ip6":
                return view.IsIpv4 ? null : field switch
                {
                    "saddr" => view.Network(8, 16),
                    "daddr" => view.Network(24, 16),
                    "nexthdr" => view.Network(6, 1),
                    _ => throw new NotSupportedException(field),
                };
            case "tcp":
                return view.Protocol != 6 ? null
                    : field == "flags" ? view.Transport(13, 1)
                    : view.Transport(field == "sport" ? 0 : 2, 2);
            case "udp":
                return view.Protocol != 17 ? null : view.Transport(field == "sport" ? 0 : 2, 2);
            case "th":
                return view.Transport(field == "sport" ? 0 : 2, 2);
            case "icmp":
                return view.Protocol != 1 || (family == "inet" && !view.IsIpv4)
                    ? null
                    : view.Transport(field == "type" ? 0 : 1, 1);
            case "icmpv6":
                return view.Protocol != 58 || (family == "inet" && view.IsIpv4)
                    ? null
                    : view.Transport(field == "type" ? 0 : 1, 1);
            default:
                throw new NotSupportedException(payload.ToString());
        }
    }

    private bool Contains(string family, string table, JsonElement right, UInt128 value)
    {
        if (right.ValueKind == JsonValueKind.String && right.GetString()!.StartsWith('@'))
        {
            IEnumerable<JsonElement> sets = _objects.Where(item => item.TryGetProperty("set", out _))
                .Select(item => item.GetProperty("set"));
            JsonElement set = sets.First(
                item => item.GetProperty("name").GetString() == right.GetString()![1..]
                    && item.GetProperty("table").GetString() == table
                    && item.GetProperty("family").GetString() == family);
            return set.GetProperty("elem").EnumerateArray().Any(element => Contains(family, table, element, value));
        }

        if (right.ValueKind == JsonValueKind.Object)
        {
            JsonProperty property = right.EnumerateObject().First();
            switch (property.Name)
            {
                case "set":
                    return property.Value.EnumerateArray().Any(element => Contains(family, table, element, value));
                case "range":
                    return value >= Scalar(property.Value[0]) && value <= Scalar(property.Value[1]);
                case "prefix":
                    string address = property.Value.GetProperty("addr").GetString()!;
                    int shift = (address.Contains(':') ? 128 : 32) - property.Value.GetProperty("len").GetInt32();
                    return shift >= 128 || value >> shift == Address(address) >> shift;
            }
        }

        return value == Scalar(right);
    }

    private static UInt128 Scalar(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => (UInt128)value.GetUInt32(),
        JsonValueKind.String => Address(value.GetString()!),
        JsonValueKind.Array => value.EnumerateArray().Aggregate(UInt128.Zero, (sum, item) => sum | Scalar(item)),
        _ => Scalar(value.GetProperty("|")),
    };

    private static UInt128 Address(string text)
        => IPAddress.Parse(text).GetAddressBytes().Aggregate(UInt128.Zero, (sum, part) => (sum << 8) | part);

    /// <summary>The kernel's knowledge of a packet as it enters netfilter.</summary>
    internal sealed class View
    {
        private readonly byte[] _packet;
        private readonly int _transport;
        private readonly bool _isLaterFragment;

        private View(byte[] packet, bool isIpv4, int? protocol, int transport, bool isLaterFragment)
        {
            _packet = packet;
            IsIpv4 = isIpv4;
            Protocol = (UInt128?)protocol;
            _transport = transport;
            _isLaterFragment = isLaterFragment;
        }

        public bool IsIpv4 { get; }

        public UInt128? Protocol { get; }

        public static View? Ipv4(byte[] data)
        {
            int headerLength = (data[0] & 15) * 4;
            int total = (data[2] << 8) | data[3];
            if (data[0] >> 4 != 4 || headerLength < 20 || total < headerLength || total > data.Length)
            {
                return null;
            }

            uint sum = 0;
            for (int i = 0; i < headerLength; i += 2)
            {
                sum += (uint)((data[i] << 8) | data[i + 1]);
            }

            bool isLater = (((data[6] << 8) | data[7]) & 0x1fff) != 0;
            return (sum % 0xffff) != 0 ? null : new View(data[..total], true, data[9], headerLength, isLater);
        }

        public static View? Ipv6(byte[] data)
        {
            int total = 40 + ((data[4] << 8) | data[5]);
            if (data[0] >> 4 != 6 || total > data.Length)
            {
                return null;
            }

            int next = data[6];
            int at = 40;
            while (next is 0 or 43 or 44 or 60)
            {
                int follows = data[at];
                if (next == 44 && (((data[at + 2] << 8) | data[at + 3]) & 0xfff8) != 0)
                {
                    bool known = follows is not (0 or 43 or 44 or 51 or 60);
                    return new View(data[..total], false, known ? follows : null, at + 8, true);
                }

                at += next == 44 ? 8 : (data[at + 1] + 1) * 8;
                next = follows;
            }

            return new View(data[..total], false, next, at, false);
        }

        public UInt128? Network(int offset, int length) => Load(offset, length);

        public UInt128? Transport(int offset, int length)
            => Protocol is null || _isLaterFragment || _transport + offset + length > _packet.Length
                ? null
                : Load(_transport + offset, length);

        private UInt128 Load(int offset, int length)
            => _packet.AsSpan(offset, length).ToArray().Aggregate(UInt128.Zero, (sum, part) => (sum << 8) | part);
    }
}

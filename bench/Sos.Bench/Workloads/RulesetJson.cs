using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Text.Json;

namespace Sos.Bench.Workloads;

/// <summary>Rules as <c>nft -j list ruleset</c> prints them: nft itself takes minutes to list a million elements.</summary>
internal static class RulesetJson
{
    /// <summary>A table that drops packets from a set of prefixes and counts them.</summary>
    public static byte[] Blocking(IReadOnlyList<Prefix> prefixes) => Write(json =>
    {
        WriteObject(json, "set", () =>
        {
            WriteNames(json, "name", "blocked");
            json.WriteString("type", "ipv4_addr");
            json.WriteNumber("handle", 3);
            json.WriteStartArray("flags");
            json.WriteStringValue("interval");
            json.WriteEndArray();
            json.WriteStartArray("elem");
            foreach (Prefix prefix in prefixes)
            {
                WritePrefix(json, prefix);
            }

            json.WriteEndArray();
        });
        WriteRule(json, 4, () =>
        {
            WriteMatch(json, () => WritePayload(json, "ip", "saddr"), () => json.WriteStringValue("@blocked"));
            json.WriteStartObject();
            json.WriteNull("counter");
            json.WriteEndObject();
            WriteVerdict(json, drops: true);
        });
    });

    /// <summary>A table of rules over five fields.</summary>
    public static byte[] FiveTuples(IReadOnlyList<FiveTupleRule> rules) => Write(json =>
    {
        long handle = 4;
        foreach (FiveTupleRule rule in rules)
        {
            WriteRule(json, handle++, () => WriteFiveTuple(json, rule));
        }
    });

    private static void WriteFiveTuple(Utf8JsonWriter json, FiveTupleRule rule)
    {
        if (rule.SourceLength != 0)
        {
            WriteMatch(json, () => WritePayload(json, "ip", "saddr"), () => WritePrefix(json, new Prefix(rule.Source, rule.SourceLength)));
        }

        if (rule.DestinationLength != 0)
        {
            WriteMatch(
                json, () => WritePayload(json, "ip", "daddr"), () => WritePrefix(json, new Prefix(rule.Destination, rule.DestinationLength)));
        }

        string transport = rule.ProtocolMask == 0 ? "th" : rule.Protocol == 6 ? "tcp" : "udp";
        bool hasPorts = WritePorts(json, transport, "sport", rule.SourcePortFirst, rule.SourcePortLast);
        hasPorts |= WritePorts(json, transport, "dport", rule.DestinationPortFirst, rule.DestinationPortLast);
        if (!hasPorts && rule.ProtocolMask != 0)
        {
            WriteMatch(json, () => WriteMeta(json, "l4proto"), () => json.WriteNumberValue(rule.Protocol));
        }

        WriteVerdict(json, rule.Drops != 0);
    }

    private static bool WritePorts(Utf8JsonWriter json, string transport, string field, ushort first, ushort last)
    {
        if (first == 0 && last == ushort.MaxValue)
        {
            return false;
        }

        WriteMatch(json, () => WritePayload(json, transport, field), () =>
        {
            if (first == last)
            {
                json.WriteNumberValue(first);
                return;
            }

            json.WriteStartObject();
            json.WriteStartArray("range");
            json.WriteNumberValue(first);
            json.WriteNumberValue(last);
            json.WriteEndArray();
            json.WriteEndObject();
        });
        return true;
    }

    private static byte[] Write(Action<Utf8JsonWriter> writeRules)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteStartArray("nftables");
            WriteObject(json, "table", () =>
            {
                json.WriteString("family", "ip");
                json.WriteString("name", "bench");
                json.WriteNumber("handle", 1);
            });
            WriteObject(json, "chain", () =>
            {
                WriteNames(json, "name", "input");
                json.WriteNumber("handle", 2);
                json.WriteString("type", "filter");
                json.WriteString("hook", "prerouting");
                json.WriteNumber("prio", 0);
                json.WriteString("policy", "accept");
            });
            writeRules(json);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void WriteObject(Utf8JsonWriter json, string kind, Action write)
    {
        json.WriteStartObject();
        json.WriteStartObject(kind);
        write();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter json, string property, string name)
    {
        json.WriteString("family", "ip");
        json.WriteString("table", "bench");
        json.WriteString(property, name);
    }

    private static void WriteRule(Utf8JsonWriter json, long handle, Action write) => WriteObject(json, "rule", () =>
    {
        WriteNames(json, "chain", "input");
        json.WriteNumber("handle", handle);
        json.WriteStartArray("expr");
        write();
        json.WriteEndArray();
    });

    private static void WriteMatch(Utf8JsonWriter json, Action writeLeft, Action writeRight)
    {
        json.WriteStartObject();
        json.WriteStartObject("match");
        json.WriteString("op", "==");
        json.WritePropertyName("left");
        writeLeft();
        json.WritePropertyName("right");
        writeRight();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WritePayload(Utf8JsonWriter json, string protocol, string field)
    {
        json.WriteStartObject();
        json.WriteStartObject("payload");
        json.WriteString("protocol", protocol);
        json.WriteString("field", field);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteMeta(Utf8JsonWriter json, string key)
    {
        json.WriteStartObject();
        json.WriteStartObject("meta");
        json.WriteString("key", key);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WritePrefix(Utf8JsonWriter json, Prefix prefix)
    {
        string address = new IPAddress(BinaryPrimitives.ReverseEndianness(prefix.Address)).ToString();
        if (prefix.Length == 32)
        {
            json.WriteStringValue(address);
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("prefix");
        json.WriteString("addr", address);
        json.WriteNumber("len", prefix.Length);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteVerdict(Utf8JsonWriter json, bool drops)
    {
        json.WriteStartObject();
        json.WriteNull(drops ? "drop" : "accept");
        json.WriteEndObject();
    }
}

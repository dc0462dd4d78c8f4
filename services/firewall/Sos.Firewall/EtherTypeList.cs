using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <summary>Kinds of frames that are no IP, by name or number: "arp,lldp,0x88f7".</summary>
public struct EtherTypeList
{
    /// <summary>As many as anybody names.</summary>
    public const int CountMax = 16;

    private const ushort TypeMin = 0x600; // below, the field is a length (IEEE 802.3, 3.2.6)

    private Entries _entries;
    private int _count;

    /// <summary>Whether a frame of that type is on the list. All frames with a length in place of a type are one kind, "llc".</summary>
    public readonly bool Contains(EtherType type)
    {
        ushort wanted = (ushort)type < TypeMin ? (ushort)0 : (ushort)type;
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i] == wanted)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a list.</summary>
    /// <returns>False when there is a name that nobody knows, a number that is no type, or too many.</returns>
    public static bool TryRead(ReadOnlySpan<byte> text, out EtherTypeList list)
    {
        list = default;
        while (true)
        {
            int comma = text.IndexOf((byte)',');
            ReadOnlySpan<byte> name = comma < 0 ? text : text[..comma];
            if (list._count == CountMax || !TryReadType(name, out ushort type))
            {
                return false;
            }

            list._entries[list._count++] = type;
            if (comma < 0)
            {
                return true;
            }

            text = text[(comma + 1)..];
        }
    }

    private static bool TryReadType(ReadOnlySpan<byte> name, out ushort type)
    {
        // IEEE registration authority; LACP and its like are Slow Protocols.
        type = 0;
        if (name.SequenceEqual("llc"u8))
        {
            return true;
        }

        type = name.SequenceEqual("arp"u8) ? (ushort)0x0806
            : name.SequenceEqual("rarp"u8) ? (ushort)0x8035
            : name.SequenceEqual("lldp"u8) ? (ushort)0x88cc
            : name.SequenceEqual("eapol"u8) ? (ushort)0x888e
            : name.SequenceEqual("lacp"u8) ? (ushort)0x8809
            : name.SequenceEqual("ptp"u8) ? (ushort)0x88f7
            : name.SequenceEqual("mpls"u8) ? (ushort)0x8847
            : name.SequenceEqual("pppoe-discovery"u8) ? (ushort)0x8863
            : name.SequenceEqual("pppoe"u8) ? (ushort)0x8864
            : ReadNumber(name);
        return type >= TypeMin;
    }

    /// <summary>Reads "0x" and four hexadecimal digits.</summary>
    /// <returns>0 when it is none.</returns>
    private static ushort ReadNumber(ReadOnlySpan<byte> text)
    {
        if (text.Length != 6 || text[0] != '0' || text[1] != 'x')
        {
            return 0;
        }

        uint value = 0;
        for (int i = 2; i < text.Length; i++)
        {
            uint digit = text[i] - (uint)'0';
            uint letter = (text[i] | 0x20u) - 'a';
            if (digit > 9 && letter > 5)
            {
                return 0;
            }

            value = (value << 4) | (digit <= 9 ? digit : letter + 10);
        }

        return (ushort)value;
    }

    [InlineArray(CountMax)]
    private struct Entries
    {
        private ushort _first;
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Firewall.Sets;

namespace Sos.Firewall.Tables;

/// <summary>The use that a rule makes of a <see cref="DynamicSet"/>: the fields of the packet that make the key, and what is done with it.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct SetAccess
{
    /// <summary>Bytes of an access.</summary>
    public const int Size = 32;

    /// <summary>Most fields of a key: each takes a word at least.</summary>
    public const int FieldsMax = SetKey.HalvesMax;

    /// <summary>The time after which an element goes, in ns; 0 for the set's own.</summary>
    public ulong TimeoutNs;

    /// <summary>The operation.</summary>
    public SetOperation Operation;

    /// <summary>1 where an element that is added gets a limit.</summary>
    public byte HasLimit;

    /// <summary>Fields of the key.</summary>
    public byte FieldCount;

    /// <summary>The fields, in the order of the key.</summary>
    public FieldList Fields;

    /// <summary>Whether a field has 128 bits.</summary>
    public static bool IsLong(Field field) => field is Field.Ipv6Source or Field.Ipv6Destination;

    /// <summary>Words of 32 bits that the fields take.</summary>
    public readonly int Halves
    {
        get
        {
            int halves = 0;
            for (int i = 0; i < FieldCount; i++)
            {
                halves += IsLong(Fields[i]) ? 4 : 1;
            }

            return halves;
        }
    }

    /// <summary>Reads the key of a packet.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="key">An empty key.</param>
    /// <returns>False if the packet lacks one of the fields.</returns>
    public readonly bool TryRead(in PacketKey packet, ref SetKey key)
    {
        for (int i = 0; i < FieldCount; i++)
        {
            Field field = Fields[i];
            if (!packet.Has(field))
            {
                return false;
            }

            if (IsLong(field))
            {
                Address128 address = field == Field.Ipv6Source ? packet.Ipv6Source : packet.Ipv6Destination;
                key.Append(address);
            }
            else
            {
                key.Append(packet.Value(field));
            }
        }

        return true;
    }

    /// <summary>Fields.</summary>
    [InlineArray(FieldsMax)]
    public struct FieldList
    {
        private Field _first;
    }
}

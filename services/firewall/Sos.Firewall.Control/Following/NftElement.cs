using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace Sos.Firewall.Control.Following;

/// <summary>An element of a set of nf_tables: a value, or an end of an interval.</summary>
/// <param name="Key">Its value; of an end, the first value that is not in the interval.</param>
/// <param name="IsEnd">Whether it is an end (NFT_SET_ELEM_INTERVAL_END).</param>
internal readonly record struct NftElement(UInt128 Key, bool IsEnd)
{
    // enum nft_set_elem_attributes.
    private const int KeyAttribute = 1;
    private const int FlagsAttribute = 3;
    private const int UserDataAttribute = 6;
    private const int PaddingAttribute = 8;
    private const int ValueAttribute = 1; // NFTA_DATA_VALUE
    private const uint IntervalEnd = 1;
    private const int HeaderSize = 4;

    /// <summary>Reads a list of elements (NFTA_SET_ELEM_LIST_ELEMENTS).</summary>
    /// <param name="list">The attributes of the list.</param>
    /// <param name="keySize">Bytes of a key.</param>
    /// <param name="elements">Gets the elements.</param>
    /// <returns>False when one has more than a key and a comment, so that nft must list it: a timeout, a counter, a second key; or is for all others.</returns>
    public static bool TryReadList(ReadOnlySpan<byte> list, int keySize, List<NftElement> elements)
    {
        while (TryNext(ref list, out _, out ReadOnlySpan<byte> element))
        {
            if (!TryRead(element, keySize, out NftElement read))
            {
                return false;
            }

            elements.Add(read);
        }

        return list.IsEmpty;
    }

    /// <summary>Takes the next attribute.</summary>
    /// <returns>False at the end, and at what is none.</returns>
    public static bool TryNext(ref ReadOnlySpan<byte> attributes, out int type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (attributes.Length < HeaderSize)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16LittleEndian(attributes);
        if (length < HeaderSize || length > attributes.Length)
        {
            return false;
        }

        type = BinaryPrimitives.ReadUInt16LittleEndian(attributes[2..]) & 0x3fff;
        value = attributes[HeaderSize..length];
        attributes = attributes[Math.Min((length + 3) & ~3, attributes.Length)..];
        return true;
    }

    private static bool TryRead(ReadOnlySpan<byte> attributes, int keySize, out NftElement element)
    {
        UInt128? key = null;
        uint flags = 0;
        while (TryNext(ref attributes, out int type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case KeyAttribute when TryNext(ref value, out int inner, out ReadOnlySpan<byte> bytes) && inner == ValueAttribute && bytes.Length == keySize:
                    key = ReadNumber(bytes);
                    break;
                case FlagsAttribute when value.Length == sizeof(uint):
                    flags = BinaryPrimitives.ReadUInt32BigEndian(value);
                    break;
                case UserDataAttribute or PaddingAttribute:
                    break;
                default:
                    element = default;
                    return false;
            }
        }

        element = new NftElement(key ?? 0, (flags & IntervalEnd) != 0);
        return key is not null && (flags & ~IntervalEnd) == 0 && attributes.IsEmpty;
    }

    private static UInt128 ReadNumber(ReadOnlySpan<byte> bytes)
    {
        UInt128 number = 0;
        foreach (byte one in bytes)
        {
            number = (number << 8) | one;
        }

        return number;
    }
}

using System;

namespace Sos.Net;

/// <summary>Writes addresses as people read them: IPv4 with dots, IPv6 as RFC 5952 has it.</summary>
public static class AddressText
{
    /// <summary>Bytes that a text has at most: 8 groups of 4 digits and what is between.</summary>
    public const int SizeMax = 39;

    private const int Groups = 8;

    /// <summary>Writes an address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="text">At least <see cref="SizeMax"/> bytes.</param>
    /// <returns>Bytes written.</returns>
    public static int Write(IpAddress address, Span<byte> text)
    {
        int length = 0;
        if (address.IsIpv4)
        {
            for (int shift = 24; shift >= 0; shift -= 8)
            {
                length = WriteDecimal((byte)(address.Ipv4 >> shift), text, length);
                if (shift != 0)
                {
                    text[length++] = (byte)'.';
                }
            }

            return length;
        }

        FindZeroes(address, out int first, out int count);
        for (int i = 0; i < Groups; i++)
        {
            if (i == first)
            {
                text[length++] = (byte)':';
                text[length] = (byte)':';
                length += first + count == Groups ? 1 : 0;
                i += count - 1;
                continue;
            }

            if (i != 0)
            {
                text[length++] = (byte)':';
            }

            length = WriteHex(Group(address, i), text, length);
        }

        return length;
    }

    private static ushort Group(IpAddress address, int index)
        => (ushort)((index < 4 ? address.High : address.Low) >> (16 * (3 - (index & 3))));

    /// <summary>Finds the longest run of groups that are zero, the first of such; a single one is no run (RFC 5952, 4.2).</summary>
    private static void FindZeroes(IpAddress address, out int first, out int count)
    {
        first = -1;
        count = 1;
        for (int start = 0; start < Groups; start++)
        {
            int end = start;
            while (end < Groups && Group(address, end) == 0)
            {
                end++;
            }

            if (end - start > count)
            {
                first = start;
                count = end - start;
            }
        }
    }

    private static int WriteDecimal(byte value, Span<byte> text, int length)
    {
        if (value >= 100)
        {
            text[length++] = (byte)('0' + (value / 100));
        }

        if (value >= 10)
        {
            text[length++] = (byte)('0' + (value / 10 % 10));
        }

        text[length++] = (byte)('0' + (value % 10));
        return length;
    }

    private static int WriteHex(ushort value, Span<byte> text, int length)
    {
        bool any = false;
        for (int shift = 12; shift >= 0; shift -= 4)
        {
            int digit = (value >> shift) & 15;
            any |= digit != 0 || shift == 0;
            if (any)
            {
                text[length++] = (byte)(digit < 10 ? '0' + digit : 'a' + digit - 10);
            }
        }

        return length;
    }
}

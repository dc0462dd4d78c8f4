using System;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary>The words of a command's arguments, one after the other.</summary>
internal ref struct Words(ReadOnlySpan<byte> text)
{
    private const int AddressDigitsMax = 16;

    private ReadOnlySpan<byte> _rest = text;

    /// <summary>Takes the next word.</summary>
    /// <returns>Null's place, an empty span, if there is none.</returns>
    public ReadOnlySpan<byte> Take()
    {
        int start = 0;
        while (start < _rest.Length && _rest[start] is (byte)' ' or (byte)'\t')
        {
            start++;
        }

        int end = start;
        while (end < _rest.Length && _rest[end] is not ((byte)' ' or (byte)'\t'))
        {
            end++;
        }

        ReadOnlySpan<byte> word = _rest[start..end];
        _rest = _rest[end..];
        return word;
    }

    /// <summary>Reads a number in decimal digits, or with 0x before in hexadecimal ones.</summary>
    /// <returns>Whether it is one, and fits 64 bits.</returns>
    public static bool TryReadNumber(ReadOnlySpan<byte> word, out ulong value)
    {
        if (word.StartsWith("0x"u8))
        {
            return TryReadAddress(word, out value);
        }

        value = 0;
        foreach (byte digit in word)
        {
            ulong next = (value * 10) + (ulong)(digit - '0');
            if (digit is < (byte)'0' or > (byte)'9' || value > ulong.MaxValue / 10 || next < value)
            {
                return false;
            }

            value = next;
        }

        return !word.IsEmpty;
    }

    /// <summary>Reads an address: hexadecimal digits, with or without 0x before.</summary>
    /// <returns>Whether it is one.</returns>
    public static bool TryReadAddress(ReadOnlySpan<byte> word, out ulong value)
    {
        value = 0;
        word = word.StartsWith("0x"u8) ? word[2..] : word;
        if (word.Length is 0 or > AddressDigitsMax)
        {
            return false;
        }

        foreach (byte digit in word)
        {
            int number = digit switch
            {
                >= (byte)'0' and <= (byte)'9' => digit - '0',
                >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
                >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
                _ => -1,
            };
            if (number < 0)
            {
                return false;
            }

            value = (value << 4) | (uint)number;
        }

        return true;
    }
}

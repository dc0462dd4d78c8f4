using System;

namespace Sos.Sdk.Services;

/// <summary>The service's settings: "name=value\n" lines in UTF-8. Names are compared byte by byte; the first match counts.</summary>
public readonly unsafe struct Parameters
{
    private readonly byte* _text;
    private readonly int _length;

    /// <summary>Names <paramref name="length"/> bytes of settings; a NUL ends them early.</summary>
    public Parameters(byte* text, int length)
    {
        _text = text;
        _length = 0;
        while (_length < length && text[_length] != 0)
        {
            _length++;
        }
    }

    /// <summary>Finds a setting.</summary>
    /// <returns>False when it is not there; then <paramref name="value"/> is empty.</returns>
    public bool TryFind(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        ReadOnlySpan<byte> rest = new(_text, _length);
        while (!rest.IsEmpty)
        {
            int end = IndexOf(rest, (byte)'\n');
            ReadOnlySpan<byte> line = rest[..end];
            rest = end < rest.Length ? rest[(end + 1)..] : default;
            if (line.Length > name.Length && line[name.Length] == (byte)'=' && line[..name.Length].SequenceEqual(name))
            {
                value = line[(name.Length + 1)..];
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>Reads a setting that is a decimal number.</summary>
    /// <returns>False when it is not there or no number of 64 bits.</returns>
    public bool TryGetUInt64(ReadOnlySpan<byte> name, out ulong value)
    {
        value = 0;
        if (!TryFind(name, out ReadOnlySpan<byte> text) || text.IsEmpty)
        {
            return false;
        }

        foreach (byte character in text)
        {
            uint digit = (uint)character - '0';
            if (digit > 9 || value > (ulong.MaxValue - digit) / 10)
            {
                value = 0;
                return false;
            }

            value = (value * 10) + digit;
        }

        return true;
    }

    /// <summary>Reads a setting that is "true" or "false".</summary>
    /// <returns>False when it is not there or neither.</returns>
    public bool TryGetBoolean(ReadOnlySpan<byte> name, out bool value)
    {
        value = false;
        if (!TryFind(name, out ReadOnlySpan<byte> text))
        {
            return false;
        }

        value = text.SequenceEqual("true"u8);
        return value || text.SequenceEqual("false"u8);
    }

    private static int IndexOf(ReadOnlySpan<byte> text, byte wanted)
    {
        int index = 0;
        while (index < text.Length && text[index] != wanted)
        {
            index++;
        }

        return index;
    }
}

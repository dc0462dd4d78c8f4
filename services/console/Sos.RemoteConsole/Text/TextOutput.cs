using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.RemoteConsole.Text;

/// <summary>Text on its way to a terminal. What does not fit is cut; who writes much asks for <see cref="Room"/> first.</summary>
internal struct TextOutput
{
    /// <summary>Bytes at most: a screenful of a command's step, and what is left of the one before.</summary>
    public const int Capacity = 4096;

    /// <summary>Digits of the longest number.</summary>
    private const int DigitsMax = 20;

    private Bytes _bytes;
    private int _start;
    private int _end;

    /// <summary>Whether a line ends with a line feed alone, as programs have it; terminals want a carriage return before.</summary>
    public bool IsPlain;

    /// <summary>Bytes that can be written.</summary>
    public readonly int Room => Capacity - (_end - _start);

    /// <summary>Whether nothing waits.</summary>
    public readonly bool IsEmpty => _start == _end;

    /// <summary>Writes text.</summary>
    public void Write(ReadOnlySpan<byte> text)
    {
        Span<byte> bytes = _bytes;
        if (text.Length > Capacity - _end)
        {
            bytes[_start.._end].CopyTo(bytes);
            _end -= _start;
            _start = 0;
        }

        text = text[..Math.Min(text.Length, Capacity - _end)];
        text.CopyTo(bytes[_end..]);
        _end += text.Length;
    }

    /// <summary>Writes one byte.</summary>
    public void Write(byte value) => Write(new ReadOnlySpan<byte>(in value));

    /// <summary>Writes text that others chose, such as a key's comment or a task's name: it does not steer the terminal.</summary>
    public void WritePrintable(ReadOnlySpan<byte> text)
    {
        foreach (byte each in text)
        {
            Write(each is < 0x20 or > 0x7e ? (byte)'?' : each);
        }
    }

    /// <summary>Writes text and ends the line.</summary>
    public void WriteLine(ReadOnlySpan<byte> text)
    {
        Write(text);
        NewLine();
    }

    /// <summary>Ends the line.</summary>
    public void NewLine() => Write(IsPlain ? "\n"u8 : "\r\n"u8);

    /// <summary>Writes a number.</summary>
    /// <param name="value">The number.</param>
    /// <param name="width">Places at least; spaces or zeroes come before.</param>
    /// <param name="fill">What comes before.</param>
    public void WriteNumber(ulong value, int width = 1, byte fill = (byte)' ')
    {
        Span<byte> digits = stackalloc byte[DigitsMax];
        int start = DigitsMax;
        do
        {
            digits[--start] = (byte)('0' + (value % 10));
            value /= 10;
        }
        while (value != 0);
        for (int i = DigitsMax - start; i < width; i++)
        {
            Write(fill);
        }

        Write(digits[start..]);
    }

    /// <summary>Writes text, and spaces up to a width.</summary>
    public void WritePadded(ReadOnlySpan<byte> text, int width)
    {
        Write(text);
        for (int i = text.Length; i < width; i++)
        {
            Write((byte)' ');
        }
    }

    /// <summary>Writes a time span as days, hours, minutes and seconds.</summary>
    public void WriteTime(ulong seconds)
    {
        ulong days = seconds / 86_400;
        if (days != 0)
        {
            WriteNumber(days);
            Write("d "u8);
        }

        WriteNumber(seconds / 3600 % 24, 2, (byte)'0');
        Write((byte)':');
        WriteNumber(seconds / 60 % 60, 2, (byte)'0');
        Write((byte)':');
        WriteNumber(seconds % 60, 2, (byte)'0');
    }

    /// <summary>
    /// Writes text as a string of JSON (RFC 8259, 7), with its quotes. Bytes beyond ASCII become characters of Latin-1, so that it is JSON whatever they are.
    /// </summary>
    public void WriteJsonText(ReadOnlySpan<byte> text)
    {
        Write((byte)'"');
        foreach (byte each in text)
        {
            if (each is (byte)'"' or (byte)'\\')
            {
                Write((byte)'\\');
                Write(each);
            }
            else if (each is < 0x20 or > 0x7e)
            {
                Write("\\u00"u8);
                Write(HexDigit(each >> 4));
                Write(HexDigit(each & 15));
            }
            else
            {
                Write(each);
            }
        }

        Write((byte)'"');
    }

    /// <summary>Writes a number in hexadecimal digits.</summary>
    /// <param name="value">The number.</param>
    /// <param name="width">Digits at least; zeroes come before.</param>
    public void WriteHex(ulong value, int width = 1)
    {
        for (int shift = 60; shift >= 0; shift -= 4)
        {
            if (value >> shift != 0 || shift < 4 * width)
            {
                Write(HexDigit((int)(value >> shift) & 15));
            }
        }
    }

    /// <summary>The bytes that wait. They stay where they are until something is written.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Pending => ((ReadOnlySpan<byte>)_bytes)[_start.._end];

    /// <summary>Drops bytes that were sent.</summary>
    public void Sent(int count)
    {
        Trap.Unless((uint)count <= (uint)(_end - _start), TrapCode.BadArgument);
        _start += count;
        if (_start == _end)
        {
            _start = 0;
            _end = 0;
        }
    }

    /// <summary>Drops all that waits.</summary>
    public void Clear() => Sent(_end - _start);

    /// <summary>Moves bytes to where they are sent from.</summary>
    /// <returns>How many.</returns>
    public int Take(Span<byte> space)
    {
        int count = Math.Min(space.Length, _end - _start);
        ((ReadOnlySpan<byte>)_bytes).Slice(_start, count).CopyTo(space);
        Sent(count);
        return count;
    }

    private static byte HexDigit(int value) => (byte)(value < 10 ? '0' + value : 'a' + value - 10);

    [InlineArray(Capacity)]
    private struct Bytes
    {
        private byte _first;
    }
}

using System;
using System.Runtime.CompilerServices;
using Sos.Net;

namespace Sos.RemoteConsole.Shell;

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

    /// <summary>Writes text and ends the line.</summary>
    public void WriteLine(ReadOnlySpan<byte> text)
    {
        Write(text);
        NewLine();
    }

    /// <summary>Ends the line.</summary>
    public void NewLine() => Write("\r\n"u8);

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

    /// <summary>Writes an address and a port.</summary>
    /// <returns>Bytes written.</returns>
    public int WritePeer(in Peer peer)
    {
        Span<byte> text = stackalloc byte[AddressText.SizeMax];
        int length = AddressText.Write(peer.Remote, text);
        int before = Room;
        Write(peer.Remote.IsIpv4 ? default : "["u8);
        Write(text[..length]);
        Write(peer.Remote.IsIpv4 ? ":"u8 : "]:"u8);
        WriteNumber(peer.RemotePort);
        return before - Room;
    }

    /// <summary>Moves bytes to where they are sent from.</summary>
    /// <returns>How many.</returns>
    public int Take(Span<byte> space)
    {
        int count = Math.Min(space.Length, _end - _start);
        ((ReadOnlySpan<byte>)_bytes).Slice(_start, count).CopyTo(space);
        _start += count;
        if (_start == _end)
        {
            _start = 0;
            _end = 0;
        }

        return count;
    }

    [InlineArray(Capacity)]
    private struct Bytes
    {
        private byte _first;
    }
}

using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.RemoteConsole.Text;

namespace Sos.RemoteConsole.Shell;

/// <summary>The state of a line after a key.</summary>
internal enum LineResult : byte
{
    /// <summary>The visitor goes on typing.</summary>
    Editing = 0,

    /// <summary>The line is finished.</summary>
    Finished,

    /// <summary>The line was given up (^C).</summary>
    Cancelled,

    /// <summary>The line was empty, and the visitor wants to leave (^D).</summary>
    Left,
}

/// <summary>
/// A line that is being typed: moves within it, deletes, and finds earlier lines, by the keys of every shell. It draws with backspaces and spaces
/// alone, so that any terminal shows it.
/// </summary>
internal struct LineEditor
{
    /// <summary>Bytes of a line at most: the longest command is a tenth of it.</summary>
    public const int LengthMax = 120;

    private const byte Backspace = 8;
    private const byte Escape = 27;
    private const byte Delete = 127;

    private Line _line;
    private History _history;
    private int _length;
    private int _cursor;
    private int _recalled; // how many lines back the shown one is; 0: the one that is typed
    private EscapeState _escape;
    private int _parameter;
    private bool _afterReturn;

    private enum EscapeState : byte
    {
        None = 0,
        Begun,
        Sequence,
        Application,
    }

    /// <summary>Whether what is typed is shown.</summary>
    public bool IsEchoed;

    /// <summary>Whether what is typed is a secret: neither shown nor kept.</summary>
    public bool IsSecret;

    /// <summary>The line.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Text => ((ReadOnlySpan<byte>)_line)[.._length];

    /// <summary>Begins an empty line.</summary>
    public void Begin()
    {
        // A secret shall not stay in memory.
        ((Span<byte>)_line).Clear();
        _length = 0;
        _cursor = 0;
        _recalled = 0;
    }

    /// <summary>Keeps the line among the earlier ones.</summary>
    public void Remember() => _history.Add(Text);

    /// <summary>Shows the line again, with the cursor where it was.</summary>
    public readonly void Draw(ref TextOutput output)
    {
        Echo(Text, ref output);
        Back(_length - _cursor, ref output);
    }

    /// <summary>Takes a byte that was typed.</summary>
    public LineResult Take(byte key, ref TextOutput output)
    {
        bool isSecondHalf = _afterReturn && key is (byte)'\n' or 0;
        _afterReturn = key == (byte)'\r';
        if (isSecondHalf)
        {
            return LineResult.Editing; // CR LF or CR NUL (RFC 854), of which CR was the line's end
        }

        if (_escape != EscapeState.None)
        {
            TakeEscaped(key, ref output);
            return LineResult.Editing;
        }

        switch (key)
        {
            case (byte)'\r' or (byte)'\n':
                Echo("\r\n"u8, ref output);
                return LineResult.Finished;
            case 3: // ^C
                output.Write("^C\r\n"u8);
                return LineResult.Cancelled;
            case 4 when _length == 0: // ^D
                return LineResult.Left;
            case Escape:
                _escape = EscapeState.Begun;
                return LineResult.Editing;
            default:
                Edit(key, ref output);
                return LineResult.Editing;
        }
    }

    private void Edit(byte key, ref TextOutput output)
    {
        switch (key)
        {
            case Backspace or Delete:
                Remove(_cursor - 1, 1, ref output);
                break;
            case 4: // ^D
                Remove(_cursor, 1, ref output);
                break;
            case 1: // ^A
                MoveTo(0, ref output);
                break;
            case 5: // ^E
                MoveTo(_length, ref output);
                break;
            case 2: // ^B
                MoveTo(_cursor - 1, ref output);
                break;
            case 6: // ^F
                MoveTo(_cursor + 1, ref output);
                break;
            case 11: // ^K
                Remove(_cursor, _length - _cursor, ref output);
                break;
            case 21: // ^U
                Remove(0, _cursor, ref output);
                break;
            case 23: // ^W
                int start = WordStart();
                Remove(start, _cursor - start, ref output);
                break;
            case 16: // ^P
                Recall(_recalled + 1, ref output);
                break;
            case 14: // ^N
                Recall(_recalled - 1, ref output);
                break;
            case >= 32 and < 127:
                Insert(key, ref output);
                break;
        }
    }

    /// <summary>Takes the rest of a key that sends several bytes (ECMA-48, 5.4: CSI, parameters, a final byte).</summary>
    private void TakeEscaped(byte key, ref TextOutput output)
    {
        if (_escape == EscapeState.Begun)
        {
            _parameter = 0;
            _escape = key switch
            {
                (byte)'[' => EscapeState.Sequence,
                (byte)'O' => EscapeState.Application,
                _ => EscapeState.None,
            };
            return;
        }

        if (_escape == EscapeState.Sequence && key is >= 0x20 and < 0x40)
        {
            _parameter = key is >= (byte)'0' and <= (byte)'9' ? Math.Min((_parameter * 10) + key - '0', 99) : 0;
            return;
        }

        _escape = EscapeState.None;
        byte plain = (key, _parameter) switch
        {
            ((byte)'A', _) => 16,
            ((byte)'B', _) => 14,
            ((byte)'C', _) => 6,
            ((byte)'D', _) => 2,
            ((byte)'H', _) or ((byte)'~', 1 or 7) => 1,
            ((byte)'F', _) or ((byte)'~', 4 or 8) => 5,
            ((byte)'~', 3) => 4,
            _ => 0,
        };
        Edit(plain, ref output);
    }

    private void Insert(byte key, ref TextOutput output)
    {
        if (_length == LengthMax)
        {
            return;
        }

        Span<byte> line = _line;
        line[_cursor.._length].CopyTo(line[(_cursor + 1)..]);
        line[_cursor] = key;
        _length++;
        int cursor = ++_cursor;
        Echo(line[(cursor - 1).._length], ref output);
        Back(_length - cursor, ref output);
    }

    private void Remove(int start, int count, ref TextOutput output)
    {
        if (start < 0 || count <= 0 || start + count > _length)
        {
            return;
        }

        MoveTo(start, ref output);
        Span<byte> line = _line;
        line[(start + count).._length].CopyTo(line[start..]);
        _length -= count;
        line[_length..].Clear();
        Echo(line[start.._length], ref output);
        for (int i = 0; i < count; i++)
        {
            Echo(" "u8, ref output);
        }

        Back(_length - start + count, ref output);
    }

    private void MoveTo(int place, ref TextOutput output)
    {
        if (place < 0 || place > _length)
        {
            return;
        }

        if (place < _cursor)
        {
            Back(_cursor - place, ref output);
        }
        else
        {
            Echo(Text[_cursor..place], ref output);
        }

        _cursor = place;
    }

    private void Recall(int back, ref TextOutput output)
    {
        if (IsSecret || back < 0 || back > _history.Count)
        {
            return;
        }

        MoveTo(0, ref output);
        Remove(0, _length, ref output);
        Span<byte> line = _line;
        _length = back == 0 ? 0 : _history.Read(back, line);
        _cursor = _length;
        _recalled = back;
        Echo(line[.._length], ref output);
    }

    private readonly int WordStart()
    {
        ReadOnlySpan<byte> text = Text;
        int start = _cursor;
        while (start > 0 && text[start - 1] == (byte)' ')
        {
            start--;
        }

        while (start > 0 && text[start - 1] != (byte)' ')
        {
            start--;
        }

        return start;
    }

    private readonly void Back(int count, ref TextOutput output)
    {
        for (int i = 0; i < count; i++)
        {
            Echo("\b"u8, ref output);
        }
    }

    private readonly void Echo(ReadOnlySpan<byte> text, ref TextOutput output)
    {
        if (IsEchoed && (!IsSecret || text.SequenceEqual("\r\n"u8)))
        {
            output.Write(text);
        }
    }

    [InlineArray(LengthMax)]
    internal struct Line
    {
        private byte _first;
    }
}

using System;
using System.Runtime.CompilerServices;

namespace Sos.RemoteConsole.Shell;

/// <summary>The lines that were typed before.</summary>
internal struct History
{
    /// <summary>Lines at most: what somebody goes back by hand.</summary>
    private const int LinesMax = 16;

    private Lines _lines;
    private Lengths _lengths;
    private int _next;

    /// <summary>Lines.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a line, unless it is empty or the one before.</summary>
    public void Add(ReadOnlySpan<byte> text)
    {
        int last = (_next + LinesMax - 1) % LinesMax;
        if (text.IsEmpty || (Count > 0 && ((ReadOnlySpan<byte>)_lines[last])[.._lengths[last]].SequenceEqual(text)))
        {
            return;
        }

        text.CopyTo(_lines[_next]);
        _lengths[_next] = text.Length;
        _next = (_next + 1) % LinesMax;
        Count = Math.Min(Count + 1, LinesMax);
    }

    /// <summary>Reads a line.</summary>
    /// <param name="back">How many lines back: 1 to <see cref="Count"/>.</param>
    /// <param name="text">Where it goes.</param>
    /// <returns>Its bytes.</returns>
    public readonly int Read(int back, Span<byte> text)
    {
        int place = (_next + LinesMax - back) % LinesMax;
        ((ReadOnlySpan<byte>)_lines[place])[.._lengths[place]].CopyTo(text);
        return _lengths[place];
    }

    [InlineArray(LinesMax)]
    private struct Lines
    {
        private LineEditor.Line _first;
    }

    [InlineArray(LinesMax)]
    private struct Lengths
    {
        private int _first;
    }
}

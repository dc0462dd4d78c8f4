using System;
using Sos.Net.Wire;

namespace Sos.Net.Tcp;

/// <summary>The receiving half of a connection: puts the stream in order and says how much more fits.</summary>
internal struct TcpReceiver
{
    private readonly SequenceRing _ring;
    private RangeSet _early;
    private uint _read;
    private uint _advertised; // right edge of the window as the peer knows it; it never moves back (RFC 9293, 3.8.6)
    private uint _latest; // a number within the range that came last: RFC 2018, 4 wants it first
    private uint _fin;
    private bool _hasFin;

    /// <summary>Begins a stream.</summary>
    /// <param name="ring">Where bytes wait.</param>
    /// <param name="next">The sequence number of its first byte.</param>
    public TcpReceiver(SequenceRing ring, uint next)
    {
        _ring = ring;
        Next = next;
        _read = next;
        _advertised = next + ring.Size;
    }

    /// <summary>The number that is expected next: RCV.NXT.</summary>
    public uint Next { get; private set; }

    /// <summary>Whether the peer's stream has ended and all of it arrived.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Bytes in order that wait to be read.</summary>
    public readonly uint Readable => Next - _read - (HasEnded ? 1u : 0);

    /// <summary>Bytes that the peer may send: RCV.WND, as it was told.</summary>
    public readonly uint Window => SequenceRange.Before(_advertised, Next) ? 0 : _advertised - Next;

    /// <summary>Whether the window has grown so much that the peer should hear of it (RFC 9293, 3.8.6.2.2).</summary>
    /// <param name="segmentSize">Bytes of a full segment.</param>
    public readonly bool WantsUpdate(uint segmentSize)
        => !HasEnded && _read + _ring.Size - _advertised >= Math.Min(_ring.Size / 2, 2 * segmentSize);

    /// <summary>Works out the window to tell. The peer may fill it from then on.</summary>
    /// <param name="segmentSize">Bytes of a full segment.</param>
    public uint Advertise(uint segmentSize)
    {
        // Small steps would invite small segments.
        uint edge = _read + _ring.Size;
        if (edge - _advertised >= Math.Min(_ring.Size / 2, segmentSize))
        {
            _advertised = edge;
        }

        return Window;
    }

    /// <summary>Whether a segment has anything within the window (RFC 9293, 3.10.7.4, first check).</summary>
    public readonly bool IsAcceptable(uint sequence, uint length)
    {
        uint window = Window;
        return length == 0
            ? (window == 0 ? sequence == Next : sequence - Next < window)
            : window != 0 && (sequence - Next < window || sequence + length - 1 - Next < window);
    }

    /// <summary>Takes a segment's data and end.</summary>
    /// <param name="sequence">Number of the first byte.</param>
    /// <param name="data">The data.</param>
    /// <param name="fin">Whether the stream ends behind them.</param>
    /// <returns>Whether it brought the stream forward.</returns>
    public bool Take(uint sequence, ReadOnlySpan<byte> data, bool fin)
    {
        uint before = Next;
        uint end = sequence + (uint)data.Length;

        // An end is taken if it lies within the window, and is the first that was named: a second one elsewhere is no end of this stream.
        if (fin && !_hasFin && !SequenceRange.Before(_advertised, end) && !SequenceRange.Before(end, Next))
        {
            _fin = end;
            _hasFin = true;
        }

        if (SequenceRange.Before(sequence, Next))
        {
            data = data[(int)Math.Min(Next - sequence, (uint)data.Length)..];
            sequence = Next;
        }

        uint limit = _hasFin ? SequenceRange.Earlier(_fin, _advertised) : _advertised;
        uint room = SequenceRange.Before(limit, sequence) ? 0 : limit - sequence;
        data = data[..(int)Math.Min(room, (uint)data.Length)];
        if (!data.IsEmpty && !HasEnded)
        {
            Store(sequence, data);
        }

        if (_hasFin && !HasEnded && Next == _fin)
        {
            Next++;
            HasEnded = true;
        }

        return Next != before;
    }

    /// <summary>The bytes in order that lie side by side, to be read.</summary>
    public readonly ReadOnlySpan<byte> Peek() => _ring.Run(_read, Readable);

    /// <summary>Drops bytes that were read.</summary>
    public void Consume(int count) => _read += (uint)count;

    /// <summary>Adds what came early to an acknowledgment, the latest range first.</summary>
    public readonly void AddBlocks(ref TcpOptions options)
    {
        int first = 0;
        for (int i = 0; i < _early.Count; i++)
        {
            first = _latest - _early[i].Start < _early[i].Length ? i : first;
        }

        for (int i = 0; i < _early.Count; i++)
        {
            options.AddSackBlock(_early[(first + i) % _early.Count]);
        }
    }

    private void Store(uint sequence, ReadOnlySpan<byte> data)
    {
        SequenceRange range = new(sequence, sequence + (uint)data.Length);
        if (sequence != Next)
        {
            if (_early.TryAdd(range))
            {
                _ring.Write(sequence, data);
                _latest = sequence;
            }

            return;
        }

        _ring.Write(sequence, data);
        Next = range.End;
        while (_early.Count > 0 && !SequenceRange.Before(Next, _early[0].Start))
        {
            Next = SequenceRange.Later(Next, _early[0].End);
            _early.RemoveBefore(Next);
        }
    }
}

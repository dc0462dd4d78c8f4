using System;
using Sos.Net.Wire;

namespace Sos.Net.Tcp;

/// <summary>
/// The sending half of a connection: keeps what was not acknowledged, and decides what is sent next. Congestion control is that of RFC 5681 with the
/// recovery of RFC 6582; selective acknowledgments say which holes to fill (RFC 2018).
/// </summary>
internal struct TcpSender
{
    /// <summary>Segments of the first window: RFC 6928.</summary>
    private const uint InitialSegments = 10;

    /// <summary>Acknowledgments of the same byte that tell of a loss: RFC 5681, 3.2.</summary>
    private const int DuplicatesMax = 3;

    private readonly SequenceRing _ring;
    private readonly byte _shift;
    private RangeSet _arrived;
    private uint _congestion;
    private uint _threshold;
    private uint _recover;
    private uint _retransmitted; // what is before it was sent again in this recovery
    private int _duplicates;
    private bool _isRecovering;
    private uint _windowSequence;
    private uint _windowAcknowledgment;
    private bool _finWanted;

    /// <summary>Begins a stream.</summary>
    /// <param name="ring">Where bytes wait.</param>
    /// <param name="next">The sequence number of its first byte.</param>
    /// <param name="shift">By how much the peer's windows are shifted.</param>
    /// <param name="segmentSize">Bytes of a full segment.</param>
    public TcpSender(SequenceRing ring, uint next, byte shift, uint segmentSize)
    {
        _ring = ring;
        _shift = shift;
        Unacknowledged = next;
        Next = next;
        Newest = next;
        Written = next;
        SegmentSize = segmentSize;
        _congestion = InitialSegments * segmentSize;
        _threshold = uint.MaxValue;
        _recover = next;
    }

    /// <summary>Bytes of a full segment.</summary>
    public uint SegmentSize { get; private set; }

    /// <summary>The first byte that was not acknowledged: SND.UNA.</summary>
    public uint Unacknowledged { get; private set; }

    /// <summary>The byte to be sent next; after a time-out it goes back.</summary>
    public uint Next { get; private set; }

    /// <summary>The number behind all that was ever sent: SND.NXT as others see it.</summary>
    public uint Newest { get; private set; }

    /// <summary>The number behind the last byte that was written.</summary>
    public uint Written { get; private set; }

    /// <summary>The peer's window: SND.WND.</summary>
    public uint Window { get; private set; }

    /// <summary>The largest window that the peer has told.</summary>
    public uint WindowMax { get; private set; }

    /// <summary>The congestion window, in bytes.</summary>
    public readonly uint Congestion => _congestion;

    /// <summary>Whether the stream's end was sent and acknowledged.</summary>
    public readonly bool FinAcknowledged => _finWanted && Unacknowledged == Written + 1;

    /// <summary>Whether something was sent and not acknowledged.</summary>
    public readonly bool InFlight => Newest != Unacknowledged;

    /// <summary>Whether something waits that the peer's window does not let out, and nothing is on its way that would tell of a new one.</summary>
    public readonly bool IsBlocked => !InFlight && Unacknowledged != End && !CanSend(out _, out _);

    /// <summary>Bytes that can be written.</summary>
    public readonly uint Room => _finWanted ? 0 : _ring.Size - (Written - Unacknowledged);

    private readonly uint End => Written + (_finWanted ? 1u : 0);

    /// <summary>Places to write to, side by side.</summary>
    public readonly Span<byte> WriteSpace() => _ring.Run(Written, Room);

    /// <summary>Adds bytes that were written to <see cref="WriteSpace"/>.</summary>
    public void Commit(int count) => Written += (uint)count;

    /// <summary>Ends the stream behind what was written.</summary>
    public void Finish() => _finWanted = true;

    /// <summary>Reads bytes to be sent.</summary>
    public readonly void Read(uint sequence, Span<byte> bytes) => _ring.Read(sequence, bytes);

    /// <summary>Takes the window of the connection's first acknowledgment, whatever its numbers.</summary>
    public void Begin(in TcpSegment segment)
    {
        Window = (uint)segment.Header.Window << _shift;
        WindowMax = Window;
        _windowSequence = segment.Header.Sequence;
        _windowAcknowledgment = segment.Header.Acknowledgment;
    }

    /// <summary>Whether an acknowledgment is of something that was sent, and not too old (RFC 5961, 5.2).</summary>
    public readonly bool IsPlausible(uint acknowledgment)
        => acknowledgment - (Unacknowledged - WindowMax) <= WindowMax + (Newest - Unacknowledged);

    /// <summary>Takes a plausible acknowledgment.</summary>
    /// <returns>Bytes that it newly acknowledges.</returns>
    public uint Acknowledge(in TcpSegment segment)
    {
        uint acknowledgment = segment.Header.Acknowledgment;
        uint window = (uint)segment.Header.Window << _shift;
        TakeBlocks(segment.Options);
        uint newly = SequenceRange.Before(Unacknowledged, acknowledgment) ? acknowledgment - Unacknowledged : 0;
        if (newly == 0 && acknowledgment == Unacknowledged && InFlight && segment.Length == 0 && window == Window && window != 0)
        {
            CountDuplicate();
        }

        TakeWindow(segment.Header.Sequence, acknowledgment, window);
        if (newly != 0)
        {
            Unacknowledged = acknowledgment;
            Next = SequenceRange.Later(Next, acknowledgment);
            _arrived.RemoveBefore(acknowledgment);
            Grow(newly);
        }

        return newly;
    }

    /// <summary>Goes back to the first byte that was not acknowledged: the time is over (RFC 5681, 3.1; RFC 6298, 5).</summary>
    /// <param name="isFirst">Whether it is the first time for this byte.</param>
    public void TimeOut(bool isFirst)
    {
        if (isFirst)
        {
            _threshold = Math.Max((Newest - Unacknowledged) / 2, 2 * SegmentSize);
        }

        _congestion = SegmentSize;
        _isRecovering = false;
        _duplicates = 0;
        _recover = Newest;

        // The receiver may have dropped what it took early (RFC 2018, 8).
        _arrived.Clear();
        Next = Unacknowledged;
    }

    /// <summary>Begins anew after a pause: what the network carried then, it may not carry now (RFC 5681, 4.1).</summary>
    public void Restart() => _congestion = Math.Min(_congestion, InitialSegments * SegmentSize);

    /// <summary>Sends smaller segments from now on; what is on its way is sent again.</summary>
    public void Shrink(uint segmentSize)
    {
        SegmentSize = segmentSize;
        Next = Unacknowledged;
        _isRecovering = false;
    }

    /// <summary>The next hole to be filled in a recovery, at most a segment.</summary>
    public readonly bool HasHole(out SequenceRange hole)
    {
        hole = default;
        if (!_isRecovering)
        {
            return false;
        }

        uint start = SequenceRange.Later(_retransmitted, Unacknowledged);
        uint end = SequenceRange.Earlier(start + SegmentSize, _recover);
        bool isFirst = start == Unacknowledged;
        bool isKnown = isFirst;
        for (int i = 0; i < _arrived.Count; i++)
        {
            SequenceRange range = _arrived[i];
            if (!SequenceRange.Before(start, range.Start) && SequenceRange.Before(start, range.End))
            {
                start = range.End;
                end = SequenceRange.Earlier(start + SegmentSize, _recover);
                isKnown = false;
            }
            else if (SequenceRange.Before(start, range.Start))
            {
                end = SequenceRange.Earlier(end, range.Start);
                isKnown = true;
                break;
            }
        }

        hole = new SequenceRange(start, end);
        return isKnown && SequenceRange.Before(start, end);
    }

    /// <summary>Notes that a hole was filled.</summary>
    public void Filled(SequenceRange hole) => _retransmitted = hole.End;

    /// <summary>Whether a segment may be sent, and which.</summary>
    /// <param name="length">Bytes of data.</param>
    /// <param name="fin">Whether the stream ends behind them.</param>
    public readonly bool CanSend(out uint length, out bool fin)
    {
        uint edge = Unacknowledged + Math.Min(Window, _congestion);
        uint waiting = SequenceRange.Before(Next, Written) ? Written - Next : 0;
        uint allowed = SequenceRange.Before(Next, edge) ? edge - Next : 0;
        length = Math.Min(Math.Min(waiting, allowed), SegmentSize);
        fin = _finWanted && Next + length == Written && allowed > length;

        // No small piece of much, unless it is half of what the peer ever takes (RFC 9293, 3.8.6.2.1).
        bool worth = length == waiting || length == SegmentSize || 2 * length >= WindowMax;
        return (length > 0 && worth) || fin;
    }

    /// <summary>Notes what was sent from <see cref="Next"/> on.</summary>
    /// <returns>Whether it was sent for the first time.</returns>
    public bool Sent(uint length)
    {
        bool isNew = Next == Newest;
        Next += length;
        Newest = SequenceRange.Later(Newest, Next);
        return isNew;
    }

    /// <summary>Notes that a probe of a closed window was sent: a byte, or the stream's end.</summary>
    public void Probed() => Newest = SequenceRange.Later(Newest, Unacknowledged + 1);

    private void TakeWindow(uint sequence, uint acknowledgment, uint window)
    {
        if (SequenceRange.Before(_windowSequence, sequence)
            || (_windowSequence == sequence && !SequenceRange.Before(acknowledgment, _windowAcknowledgment)))
        {
            Window = window;
            WindowMax = Math.Max(WindowMax, window);
            _windowSequence = sequence;
            _windowAcknowledgment = acknowledgment;
        }
    }

    /// <summary>Takes the blocks of a selective acknowledgment that name something on its way.</summary>
    private void TakeBlocks(in TcpOptions options)
    {
        for (int i = 0; i < options.SackCount; i++)
        {
            SequenceRange block = options.SackBlock(i);
            if (SequenceRange.Before(block.Start, block.End)
                && SequenceRange.Before(Unacknowledged, block.Start)
                && !SequenceRange.Before(Newest, block.End))
            {
                _ = _arrived.TryAdd(block);
            }
        }
    }

    private void CountDuplicate()
    {
        _duplicates++;
        if (_isRecovering)
        {
            _congestion += SegmentSize;
        }
        else if (_duplicates == DuplicatesMax && !SequenceRange.Before(Unacknowledged, _recover))
        {
            _threshold = Math.Max((Newest - Unacknowledged) / 2, 2 * SegmentSize);
            _congestion = _threshold + (DuplicatesMax * SegmentSize);
            _recover = Newest;
            _retransmitted = Unacknowledged;
            _isRecovering = true;
        }
    }

    private void Grow(uint newly)
    {
        _duplicates = 0;
        if (_isRecovering && SequenceRange.Before(Unacknowledged, _recover))
        {
            // RFC 6582, 3.2: a part arrived, so the next hole is where it ends.
            _congestion = Math.Max(_congestion - Math.Min(newly, _congestion), SegmentSize) + SegmentSize;
            _retransmitted = SequenceRange.Later(_retransmitted, Unacknowledged);
            return;
        }

        if (_isRecovering)
        {
            _isRecovering = false;
            _congestion = _threshold;
            return;
        }

        if (_congestion < _threshold)
        {
            _congestion += Math.Min(newly, SegmentSize);
        }
        else
        {
            _congestion += Math.Max(1, (uint)((ulong)SegmentSize * SegmentSize / _congestion));
        }

        // More than the ring holds is never used.
        _congestion = Math.Min(_congestion, 2 * _ring.Size);
        if (!SequenceRange.Before(Unacknowledged, _recover))
        {
            _recover = Unacknowledged;
        }
    }
}

using System.Runtime.CompilerServices;
using Sos.Net.Wire;

namespace Sos.Net.Tcp;

/// <summary>A few ranges of a stream that neither touch nor overlap, in order.</summary>
internal struct RangeSet
{
    /// <summary>Ranges at most: as many as a selective acknowledgment can name.</summary>
    public const int Capacity = TcpOptions.SackBlocksMax;

    private Slots _slots;

    /// <summary>Ranges.</summary>
    public int Count { get; private set; }

    /// <summary>A range.</summary>
    public readonly SequenceRange this[int index] => _slots[index];

    /// <summary>Forgets all.</summary>
    public void Clear() => Count = 0;

    /// <summary>Adds a range and joins what it touches.</summary>
    /// <returns>False when it would be one too many.</returns>
    public bool TryAdd(SequenceRange range)
    {
        int kept = 0;
        SequenceRange joined = range;
        Slots rest = default;
        for (int i = 0; i < Count; i++)
        {
            SequenceRange other = _slots[i];
            if (SequenceRange.Before(other.End, joined.Start) || SequenceRange.Before(joined.End, other.Start))
            {
                rest[kept++] = other;
            }
            else
            {
                joined = new SequenceRange(SequenceRange.Earlier(joined.Start, other.Start), SequenceRange.Later(joined.End, other.End));
            }
        }

        if (kept == Capacity)
        {
            return false;
        }

        int place = kept;
        for (; place > 0 && SequenceRange.Before(joined.Start, rest[place - 1].Start); place--)
        {
            rest[place] = rest[place - 1];
        }

        rest[place] = joined;
        _slots = rest;
        Count = kept + 1;
        return true;
    }

    /// <summary>Forgets what comes before a number.</summary>
    public void RemoveBefore(uint sequence)
    {
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            SequenceRange range = _slots[i];
            if (SequenceRange.Before(sequence, range.End))
            {
                _slots[kept++] = range with { Start = SequenceRange.Later(range.Start, sequence) };
            }
        }

        Count = kept;
    }

    [InlineArray(Capacity)]
    private struct Slots
    {
        private SequenceRange _first;
    }
}

using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;

namespace Sos.Sdk.Statistics;

/// <summary>Records values into a histogram in shared memory, in constant time; see <see cref="HistogramLayout"/>. Copies share it.</summary>
public readonly unsafe struct Histogram
{
    private const int HalfBits = HistogramLayout.PrecisionBits - 1;

    private readonly HistogramLayout* _layout;
    private readonly ulong* _counts;

    private Histogram(HistogramLayout* layout)
    {
        _layout = layout;
        _counts = (ulong*)((byte*)layout + HistogramLayout.HeaderSize);
    }

    /// <summary>Empties the histogram at <paramref name="memory"/>.</summary>
    /// <param name="memory">Aligned to a cache line.</param>
    /// <param name="size">At least <see cref="HistogramLayout.TotalSize"/>.</param>
    /// <param name="threshold">A value from here on is an event.</param>
    /// <param name="now">The TSC.</param>
    /// <param name="histogram">The histogram.</param>
    public static bool TryCreate(void* memory, ulong size, ulong threshold, ulong now, out Histogram histogram)
    {
        histogram = default;
        if (memory == null || ((nuint)memory & 63) != 0 || size < HistogramLayout.TotalSize)
        {
            return false;
        }

        // Touches every page as well: the first value of a bucket costs no page fault.
        new Span<byte>(memory, HistogramLayout.TotalSize).Clear();
        HistogramLayout* layout = (HistogramLayout*)memory;
        layout->Minimum = ulong.MaxValue;
        layout->Threshold = threshold;
        layout->StartTsc = now;
        layout->LastTsc = now;
        layout->Magic = HistogramLayout.MagicValue;
        histogram = new Histogram(layout);
        return true;
    }

    /// <summary>The bucket of a value: with HdrHistogram's numbering, its counts array index.</summary>
    public static int BucketOf(ulong value)
    {
        value = value > HistogramLayout.ValueMax ? HistogramLayout.ValueMax : value;
        int shift = 63 - BitOperations.LeadingZeroCount(value | ((1UL << HalfBits) - 1 + (1UL << HalfBits))) - HalfBits;
        return (shift << HalfBits) + (int)(value >> shift);
    }

    /// <summary>The least value of a bucket.</summary>
    public static ulong LeastOf(int bucket)
    {
        int shift = bucket < (2 << HalfBits) ? 0 : (bucket >> HalfBits) - 1;
        return (ulong)(bucket - (shift << HalfBits)) << shift;
    }

    /// <summary>The least value beyond a bucket.</summary>
    public static ulong EndOf(int bucket) => bucket + 1 < HistogramLayout.BucketCount ? LeastOf(bucket + 1) : HistogramLayout.ValueMax + 1;

    /// <summary>Records a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="tsc">When.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Record(ulong value, ulong tsc)
    {
        HistogramLayout* layout = _layout;
        _counts[BucketOf(value)]++;
        layout->Count++;
        layout->LastTsc = tsc;
        if (value < layout->Minimum)
        {
            layout->Minimum = value;
        }

        if (value >= layout->Threshold)
        {
            RecordEvent(value, tsc);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RecordEvent(ulong value, ulong tsc)
    {
        HistogramLayout* layout = _layout;
        layout->Events++;
        layout->EventSum += value;
        layout->Maximum = value > layout->Maximum ? value : layout->Maximum;
        HistogramLayout.Event* events = (HistogramLayout.Event*)Unsafe.AsPointer(ref layout->Largest);
        int least = 0;
        for (int i = 1; i < HistogramLayout.LargestCount; i++)
        {
            least = events[i].Value < events[least].Value ? i : least;
        }

        if (value > events[least].Value)
        {
            events[least] = new HistogramLayout.Event { Value = value, Tsc = tsc };
        }
    }
}

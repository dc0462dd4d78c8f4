using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>
/// A histogram in shared memory: this header, then <see cref="BucketCount"/> counts of 64 bits. The buckets are those of HdrHistogram
/// with 3 significant digits: the value of a bucket differs from what was recorded by less than a thousandth.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = HeaderSize)]
public struct HistogramLayout
{
    /// <summary>Bytes of this header.</summary>
    public const int HeaderSize = 1152;

    /// <summary>"SOSHIST1".</summary>
    public const ulong MagicValue = 0x3154534948534f53;

    /// <summary>Bits of a value that are kept: 2048 sub-buckets resolve 3 decimal digits.</summary>
    public const int PrecisionBits = 11;

    /// <summary>Values of that many bits can be recorded, in TSC ticks about half an hour; larger ones count as the largest.</summary>
    public const int ValueBits = 42;

    /// <summary>The largest value.</summary>
    public const ulong ValueMax = (1UL << ValueBits) - 1;

    /// <summary>Counts: one full range of sub-buckets, and half of one for each further bit.</summary>
    public const int BucketCount = (ValueBits - PrecisionBits + 2) << (PrecisionBits - 1);

    /// <summary>Bytes of the whole.</summary>
    public const int TotalSize = HeaderSize + (BucketCount * sizeof(ulong));

    /// <summary>Largest values that are kept with their times.</summary>
    public const int LargestCount = 64;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>Values recorded.</summary>
    [FieldOffset(8)] public ulong Count;

    /// <summary>The least; <see cref="ulong.MaxValue"/> without any.</summary>
    [FieldOffset(16)] public ulong Minimum;

    /// <summary>The greatest.</summary>
    [FieldOffset(24)] public ulong Maximum;

    /// <summary>A value from here on is an event.</summary>
    [FieldOffset(32)] public ulong Threshold;

    /// <summary>Events.</summary>
    [FieldOffset(40)] public ulong Events;

    /// <summary>Sum of the events.</summary>
    [FieldOffset(48)] public ulong EventSum;

    /// <summary>TSC when it was emptied.</summary>
    [FieldOffset(56)] public ulong StartTsc;

    /// <summary>TSC of the last value.</summary>
    [FieldOffset(64)] public ulong LastTsc;

    /// <summary>The largest events, in no order; a value of 0 is none.</summary>
    [FieldOffset(128)] public LargestList Largest;

    /// <summary>A value and when it was recorded.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Event
    {
        /// <summary>The value.</summary>
        public ulong Value;

        /// <summary>The TSC then: the end of a gap.</summary>
        public ulong Tsc;
    }

    /// <summary>The fixed array of events.</summary>
    [InlineArray(LargestCount)]
    public struct LargestList
    {
        private Event _first;
    }
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using HdrHistogram;
using Sos.Sdk.Control;
using Sos.Sdk.Statistics;

namespace Sos.Noise.Report;

/// <summary>A gap, and when it ended.</summary>
/// <param name="Ns">How long it was.</param>
/// <param name="Tsc">The TSC at its end.</param>
public sealed record Gap(double Ns, ulong Tsc);

/// <summary>The noise service's records, as read from its memory: numbers of gaps and quantiles of their lengths in ns.</summary>
public sealed class GapHistogram
{
    private const int Digits = 3;

    private readonly byte[] _bytes;
    private readonly LongHistogram _histogram = new(1, (long)HistogramLayout.ValueMax, Digits);

    /// <summary>Takes a copy of the service's memory.</summary>
    /// <param name="bytes">At least <see cref="HistogramLayout.TotalSize"/> bytes.</param>
    /// <param name="tscKhz">Frequency of the TSC in kHz.</param>
    /// <exception cref="InvalidDataException">It is no histogram.</exception>
    public GapHistogram(ReadOnlySpan<byte> bytes, ulong tscKhz)
    {
        if (bytes.Length < HistogramLayout.TotalSize || Header(bytes).Magic != HistogramLayout.MagicValue || tscKhz == 0)
        {
            throw new InvalidDataException("this is no histogram of the noise service: measure again with 'sosctl noise run'");
        }

        _bytes = bytes[..HistogramLayout.TotalSize].ToArray();
        TscKhz = tscKhz;
        ReadOnlySpan<ulong> counts = MemoryMarshal.Cast<byte, ulong>(_bytes.AsSpan(HistogramLayout.HeaderSize));
        for (int bucket = 0; bucket < counts.Length; bucket++)
        {
            if (counts[bucket] is > 0 and <= long.MaxValue)
            {
                _histogram.RecordValueWithCount((long)Histogram.LeastOf(bucket), (long)counts[bucket]);
            }
        }
    }

    /// <summary>The memory, to be kept in a file.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Frequency of the TSC in kHz.</summary>
    public ulong TscKhz { get; }

    /// <summary>Gaps: readings of the TSC but one.</summary>
    public ulong Count => Layout.Count;

    /// <summary>The shortest, which the measurement itself takes.</summary>
    public double MinimumNs => Layout.Count == 0 ? 0 : ToNs(Layout.Minimum);

    /// <summary>The longest.</summary>
    public double MaximumNs => Layout.Events > 0 ? ToNs(Layout.Maximum) : QuantileNs(100);

    /// <summary>A gap from here on is an event.</summary>
    public double ThresholdNs => ToNs(Layout.Threshold);

    /// <summary>Gaps from the threshold on.</summary>
    public ulong Events => Layout.Events;

    /// <summary>How long was measured.</summary>
    public double Seconds => ToNs(Layout.LastTsc - Layout.StartTsc) / 1e9;

    /// <summary>Events per second.</summary>
    public double EventsPerSecond => Seconds > 0 ? Layout.Events / Seconds : 0;

    /// <summary>The part of the time that events took, 0 to 1.</summary>
    public double LostTime => Seconds > 0 ? ToNs(Layout.EventSum) / 1e9 / Seconds : 0;

    /// <summary>The longest events, longest first.</summary>
    public IReadOnlyList<Gap> Largest
    {
        get
        {
            List<Gap> gaps = [];
            foreach (HistogramLayout.Event gap in (ReadOnlySpan<HistogramLayout.Event>)Layout.Largest)
            {
                if (gap.Value != 0)
                {
                    gaps.Add(new Gap(ToNs(gap.Value), gap.Tsc));
                }
            }

            return [.. gaps.OrderByDescending(gap => gap.Ns)];
        }
    }

    private ref readonly HistogramLayout Layout => ref Header(_bytes);

    /// <summary>The length that so many percent of all gaps do not exceed.</summary>
    public double QuantileNs(double percent)
        => _histogram.TotalCount == 0 ? 0 : ToNs((ulong)_histogram.GetValueAtPercentile(percent));

    /// <summary>Writes the percentile distribution in HdrHistogram's format (.hgrm), in ns.</summary>
    public void WriteDistribution(TextWriter writer)
        => _histogram.OutputPercentileDistribution(writer, percentileTicksPerHalfDistance: 5, outputValueUnitScalingRatio: TscKhz / 1e6);

    private static ref readonly HistogramLayout Header(ReadOnlySpan<byte> bytes)
        => ref MemoryMarshal.AsRef<HistogramLayout>(bytes[..HistogramLayout.HeaderSize]);

    private double ToNs(ulong ticks) => ticks * 1e6 / TscKhz;
}

using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using CsCheck;
using HdrHistogram;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Image;
using Sos.Noise.Report;
using Sos.Sdk.Control;
using Sos.Sdk.Statistics;
using Xunit;

namespace Sos.Timer.Tests;

/// <summary>The histogram of gaps against HdrHistogram's own, what is read of Linux, and the built image in a thread.</summary>
public sealed unsafe class NoiseTests : IDisposable
{
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(HistogramLayout.TotalSize, 64);

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    [Fact]
    public void BucketsCoverAllValuesToAThousandth()
        => Gen.ULong[0, HistogramLayout.ValueMax].Sample(value =>
        {
            int bucket = Histogram.BucketOf(value);
            Assert.InRange(bucket, 0, HistogramLayout.BucketCount - 1);
            Assert.InRange(value, Histogram.LeastOf(bucket), Histogram.EndOf(bucket) - 1);
            Assert.True(Histogram.EndOf(bucket) - Histogram.LeastOf(bucket) <= 1 + (value / 1000));
        });

    [Fact]
    public void QuantilesAreThoseOfHdrHistogram()
        => Gen.ULong[1, 1 << 20].Array[1, 500].Sample(values =>
        {
            LongHistogram expected = new(1, (long)HistogramLayout.ValueMax, 3);
            Assert.True(Histogram.TryCreate(_memory, HistogramLayout.TotalSize, 1000, 0, out Histogram histogram));
            foreach (ulong value in values)
            {
                histogram.Record(value, 5);
                expected.RecordValue((long)value);
            }

            GapHistogram read = new(new ReadOnlySpan<byte>(_memory, HistogramLayout.TotalSize), 1_000_000);
            Assert.Equal((ulong)values.Length, read.Count);
            foreach (double percent in (double[])[0, 50, 99, 99.9, 100])
            {
                Assert.Equal(expected.GetValueAtPercentile(percent), (long)read.QuantileNs(percent));
            }

            ulong[] events = [.. values.Where(value => value >= 1000).OrderDescending().Take(HistogramLayout.LargestCount)];
            Assert.Equal((ulong)values.Count(value => value >= 1000), read.Events);
            Assert.Equal(events.Select(value => (double)value), read.Largest.Select(gap => gap.Ns));
        }, threads: 1);

    [Fact]
    public void ForeignMemoryIsNoHistogram()
        => Assert.Throws<InvalidDataException>(() => new GapHistogram(new byte[HistogramLayout.TotalSize], 1000));

    [Fact]
    public void LinuxsFilesAreReadByCpu()
    {
        const string Interrupts =
            """
                       CPU0       CPU2
              4:         12         34   IO-APIC    4-edge      ttyS0
            LOC:        100        200   Local timer interrupts
            RES:          3          4   Rescheduling interrupts
            CAL:          5          6   Function call interrupts
            TLB:          1          2   TLB shootdowns
            ERR:          0
            """;
        const string Softirqs =
            """
                                CPU0       CPU1       CPU2
                      HI:          1          0          2
                   TIMER:         10         20         30
            """;
        const string Scheduler = "cpu#0, 2100.000 MHz\n  .nr_running : 1\n  .nr_switches                   : 77\n\ncpu#2, 2100.000 MHz\n  .nr_switches : 88\n";
        Assert.Equal(new LinuxCounts(34, 200, 4, 8, 0, 32, 88), LinuxCountsReader.Parse(2, Interrupts, Softirqs, Scheduler));
        Assert.Equal(new LinuxCounts(12, 100, 3, 6, 0, 11, 77), LinuxCountsReader.Parse(0, Interrupts, Softirqs, Scheduler));
        Assert.Null(LinuxCountsReader.Parse(1, Interrupts, Softirqs, Scheduler));
    }

    [Fact]
    public void AGapIsExplainedByWhatWasCountedAroundIt()
    {
        LinuxCounts none = new(0, 0, 0, 0, 0, 0, 0);
        CountSample[] samples = [new(100, none, 1, 0), new(200, none with { TimerInterrupts = 2 }, 2, 0), new(300, none with { TimerInterrupts = 2 }, 2, 0)];
        Assert.StartsWith("2 timer interrupts, 1 SMI", GapCauses.Explain(150, samples), StringComparison.Ordinal);
        Assert.StartsWith("nothing that Linux counts", GapCauses.Explain(250, samples), StringComparison.Ordinal);
        Assert.StartsWith("not known", GapCauses.Explain(400, samples), StringComparison.Ordinal);
    }

    /// <summary>The image in a plain thread of this machine: the report adds up, and its exports are what they should be.</summary>
    [Fact]
    public void MeasuresAThreadAndExports()
    {
        string image = NativeTimerTests.Metadata("Noise");
        using ProgramCores threads = new(NativeTimerTests.Metadata("Runner"), lockMemory: true);
        using IServiceCore thread = threads.Add(0);
        ServiceOperations services = new(threads.BackEnds, new CompanionCatalogue([new NoiseCompanion()]));
        NoiseRequest request = new(0, NoisePlace.Thread, TimeSpan.FromSeconds(1), 5000, image, ServiceImage.Read(image));
        (NoiseResult result, GapHistogram histogram) = NoiseRun.Measure(thread, services, request);
        Assert.Null(result.BackEnd);
        Assert.Equal((CoreState.Reserved, null), (thread.GetStatus().State, CoreRecord.Read(0, threads.BackEnds.Folder)));
        Assert.True(result.Gaps > 1000);
        Assert.True(result.MinNs > 0 && result.MinNs <= result.P50Ns && result.P50Ns <= result.P99Ns && result.P9999Ns <= result.MaxNs * 1.001);
        Assert.InRange(result.ThresholdNs, 4990, 5010);
        Assert.True(result.Largest.All(gap => gap.Ns >= result.ThresholdNs));
        Assert.True(result.LinuxAfter.Interrupts >= result.LinuxBefore.Interrupts);
        using StringWriter distribution = new();
        histogram.WriteDistribution(distribution);
        Assert.Contains("TotalCount", distribution.ToString(), StringComparison.Ordinal);
        string plot = PercentilePlot.Draw("a < b", [("thread", histogram.QuantileNs)]);
        Assert.Equal("svg", System.Xml.Linq.XDocument.Parse(plot).Root!.Name.LocalName);

        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-noise");
        try
        {
            result.Write(histogram, folder.FullName);
            (NoiseResult read, GapHistogram again) = NoiseResult.Read(result.Cpu, folder.FullName);
            Assert.Equal((result.Gaps, result.MaxNs, histogram.Count), (read.Gaps, read.MaxNs, again.Count));
            SosException missing = Assert.Throws<SosException>(() => NoiseResult.Read(7, folder.FullName));
            Assert.Equal(SosError.NotFound, missing.Error);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}

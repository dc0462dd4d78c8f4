using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Sos.Bench.Contenders;
using Sos.Bench.Workloads;

namespace Sos.Bench.Measuring;

/// <summary>The subject of a comparison, as tables name it.</summary>
/// <param name="Workload">Kind of the workload.</param>
/// <param name="Size">Prefixes, rules or routes.</param>
/// <param name="FrameLength">Bytes of a frame; 0 where there are none.</param>
internal sealed record Subject(string Workload, int Size, int FrameLength);

/// <summary>Runs contenders on one workload in interleaved blocks.</summary>
internal static class Comparison
{
    private const int PacketsMax = 1 << 26;

    /// <summary>Measures.</summary>
    /// <param name="workload">The workload.</param>
    /// <param name="contenders">Who, and with which bursts each.</param>
    /// <param name="options">Rounds, each of which runs one block of everything, and the length of a block.</param>
    /// <param name="progress">Told of each step.</param>
    public static List<Measurement> Run(Workload workload, IReadOnlyList<(IContender Contender, int[] Bursts)> contenders, BenchOptions options,
        BenchProgress progress)
    {
        foreach (IContender contender in contenders.Select(pair => pair.Contender))
        {
            progress.Step($"{contender.Name}: comparing verdicts");
            workload.Check(contender.Name, contender.Judge(), contender.JudgesByCount);
        }

        return Run(new Subject($"{workload.Kind}", workload.Size, workload.Trace.FrameLength), contenders, options, progress);
    }

    /// <summary>Measures; verdicts are compared before.</summary>
    /// <param name="subject">What is measured.</param>
    /// <param name="contenders">Who, and with which bursts each.</param>
    /// <param name="options">Rounds, each of which runs one block of everything, and the length of a block.</param>
    /// <param name="progress">Told of each step.</param>
    public static List<Measurement> Run(Subject subject, IReadOnlyList<(IContender Contender, int[] Bursts)> contenders, BenchOptions options,
        BenchProgress progress)
    {
        List<Entry> entries = [.. contenders.SelectMany(pair => pair.Bursts.Select(burst => new Entry(pair.Contender, burst)))];
        foreach (Entry entry in entries)
        {
            // The first block warms the caches up and tells how many packets fill a block's time.
            double ns = entry.Contender.Run(entry.Burst, 1 << 14);
            entry.Packets = (int)Math.Clamp(options.BlockNs / Math.Max(ns, 1), 1 << 12, PacketsMax) / 64 * 64;
        }

        for (int round = 0; round < options.Rounds; round++)
        {
            progress.Step($"round {round + 1} of {options.Rounds}");
            foreach (Entry entry in entries)
            {
                double harness = entry.Contender.RunHarness(entry.Burst, entry.Packets);
                double total = entry.Contender.Run(entry.Burst, entry.Packets);
                entry.Add(total, harness);

                // SCHED_FIFO may take 950 ms of every second: the pauses keep the throttle away.
                Thread.Sleep(2);
            }
        }

        return [.. entries.Select(entry => entry.Sum(subject))];
    }

    private sealed class Entry(IContender contender, int burst)
    {
        private readonly List<double> _totals = [];
        private readonly List<double> _harnesses = [];

        public IContender Contender => contender;

        public int Burst => burst;

        public int Packets { get; set; }

        public void Add(double total, double harness)
        {
            _totals.Add(total);
            _harnesses.Add(harness);
        }

        public Measurement Sum(Subject subject) => new(
            subject.Workload,
            subject.Size,
            contender.Name,
            burst,
            subject.FrameLength,
            Spread.Of(_totals),
            Spread.Of(_harnesses),
            Spread.Of(_totals.Zip(_harnesses, (total, harness) => total - harness)));
    }
}

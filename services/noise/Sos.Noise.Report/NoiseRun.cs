using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Native;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Cores.Services;
using Sos.Image;
using Sos.Sdk.Control;
using Sos.Sdk.Time;

namespace Sos.Noise.Report;

/// <summary>A measurement to make.</summary>
/// <param name="Cpu">Logical id.</param>
/// <param name="Place">Where the service runs.</param>
/// <param name="Duration">How long.</param>
/// <param name="ThresholdNs">A gap from here on is an event.</param>
/// <param name="ImagePath">The noise service's image.</param>
/// <param name="Image">The same, verified.</param>
public sealed record NoiseRequest(int Cpu, NoisePlace Place, TimeSpan Duration, ulong ThresholdNs, string ImagePath, ServiceImage Image);

/// <summary>Measures with the same image, whatever keeps the core.</summary>
public static class NoiseRun
{
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Measures on a core that is reserved and empty; it is so again afterwards.</summary>
    /// <param name="core">The core: a service core, or one of this program's own for a thread of Linux.</param>
    /// <param name="services">Starts and stops the service.</param>
    /// <param name="request">What to measure.</param>
    /// <param name="interrupted">Ends the measurement early, without a result.</param>
    /// <exception cref="SosException">It was interrupted, or the service ended by itself.</exception>
    public static (NoiseResult Result, GapHistogram Histogram) Measure(
        IServiceCore core, ServiceOperations services, NoiseRequest request, CancellationToken interrupted = default)
    {
        ArgumentNullException.ThrowIfNull(core);
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(request);
        LinuxCounts before = core.GetLinuxCounts();
        StartResult started = services.Start(core, request.Image, Plan(request));
        CoreRecord record = started.Record;
        List<string> notes = [.. started.Notes];
        try
        {
            if (request.Place != NoisePlace.Core)
            {
                notes.AddRange(core.GetStatus().Remarks);
            }

            using RunningService running = RunningService.Attach(core, record);
            using MappedMemory memory = core.Map(record.SharedMemory[0].MapOffset, record.SharedMemory[0].Size);
            return Finish(request, core, memory, running, Sample(request.Duration, core, running, interrupted), before, notes);
        }
        finally
        {
            notes.AddRange(services.StopIfStill(core, record, StopTimeout));
        }
    }

    // Linux may keep a thread of its own waiting for as long as it likes: that is measured, and no reason to end it.
    private static ServicePlan Plan(NoiseRequest request) => new()
    {
        Image = System.IO.Path.GetFullPath(request.ImagePath),
        Parameters = new Dictionary<string, string>
        {
            [NoiseCompanion.ThresholdParameter] = request.ThresholdNs.ToString(CultureInfo.InvariantCulture),
        },
        Scheduling = request.Place == NoisePlace.Fifo ? SchedulingWish.Fifo : SchedulingWish.Auto,
        Watchdog = request.Place == NoisePlace.Core ? null : TimeSpan.Zero,
    };

    // Each sample costs a few system calls on another cpu, not on the one that is measured.
    private static List<CountSample> Sample(TimeSpan duration, IServiceCore core, RunningService running, CancellationToken interrupted)
    {
        // An unplugged cpu's registers cannot be read from Linux, but an SMI stops all cpus.
        int smiCpu = core.BackEnd.LeavesLinux() ? 0 : core.Cpu;
        List<CountSample> samples = [];
        DateTime end = DateTime.UtcNow + duration;
        while (true)
        {
            if (interrupted.IsCancellationRequested)
            {
                throw new SosException(SosError.Failed, "interrupted: nothing was measured; the core is empty again");
            }

            CoreStatus status = core.GetStatus();
            if (status.State != CoreState.Running || running.State == ServiceState.Ended)
            {
                throw new SosException(SosError.Failed, "the noise service ended: see 'sosctl service status'");
            }

            samples.Add(new CountSample(MonotonicNs(), core.GetLinuxCounts(), SmiCount.TryRead(smiCpu), status.Nmis));
            TimeSpan left = end - DateTime.UtcNow;
            if (left <= TimeSpan.Zero)
            {
                return samples;
            }

            Thread.Sleep(left < SampleInterval ? left : SampleInterval);
        }
    }

    private static ulong MonotonicNs() => (ulong)(System.Diagnostics.Stopwatch.GetTimestamp() * (1e9 / System.Diagnostics.Stopwatch.Frequency));

    private static unsafe (NoiseResult Result, GapHistogram Histogram) Finish(
        NoiseRequest request, IServiceCore core, MappedMemory memory, RunningService running, List<CountSample> samples, LinuxCounts before,
        List<string> notes)
    {
        GapHistogram histogram = new(memory.Slice(0, HistogramLayout.TotalSize), running.TscKhz);
        LinuxCounts after = core.GetLinuxCounts();

        // What was recorded since the last sample lies before this one.
        samples.Add(samples[^1] with { Ns = MonotonicNs(), Linux = after });
        ClockLayout layout = running.Clock;
        TscClock clock = new(&layout);
        ulong start = samples[0].Ns;
        return (
            new NoiseResult
            {
                Cpu = request.Cpu,
                Place = request.Place,
                BackEnd = request.Place == NoisePlace.Core ? core.BackEnd : null,
                Started = DateTimeOffset.UtcNow - request.Duration,
                Seconds = histogram.Seconds,
                Gaps = histogram.Count,
                MinNs = histogram.MinimumNs,
                P50Ns = histogram.QuantileNs(50),
                P99Ns = histogram.QuantileNs(99),
                P999Ns = histogram.QuantileNs(99.9),
                P9999Ns = histogram.QuantileNs(99.99),
                MaxNs = histogram.MaximumNs,
                ThresholdNs = histogram.ThresholdNs,
                Events = histogram.Events,
                EventsPerSecond = histogram.EventsPerSecond,
                LostTime = histogram.LostTime,
                LinuxBefore = before,
                LinuxAfter = after,
                Smis = samples[^1].Smis - samples[0].Smis,
                Largest =
                [
                    .. histogram.Largest.Take(NoiseResult.LargestShown).Select(gap => new GapEntry(
                        gap.Ns, (clock.MonotonicNs(gap.Tsc) - (double)start) / 1e9, GapCauses.Explain(clock.MonotonicNs(gap.Tsc), samples))),
                ],
                Notes = notes,
                TscKhz = running.TscKhz,
            },
            histogram);
    }
}

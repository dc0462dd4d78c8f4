using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text.Json;
using System.Threading.Tasks;

namespace Sos.TimerBench;

/// <summary>The measurements of one machine, under one load. Each that fails is told, and the others go on.</summary>
public sealed class Series(IPlace place, string load, Action<string> progress)
{
    private const int PeriodNs = 1_000_000;
    private const int Count = 3000;
    private const int Seconds = 3;
    private const int Priority = 90;
    private const int StopAttemptsMax = 10;

    /// <summary>The measurements.</summary>
    public List<Measurement> Measurements { get; } = [];

    /// <summary>The measurements that were left out, and why.</summary>
    public List<string> Failures { get; } = [];

    /// <summary>Wake-ups by what Linux has, and Linux's own measures.</summary>
    public async Task MeasureLinuxAsync()
    {
        await ProbeAsync("clock_nanosleep", "nanosleep", 0);
        await ProbeAsync("clock_nanosleep, SCHED_FIFO", "nanosleep", Priority);
        await ProbeAsync("timerfd, SCHED_FIFO", "timerfd", Priority);
        await ProbeAsync("spinning on the clock, plain thread", "spin", 0);
        await ProbeAsync("spinning on the clock, SCHED_FIFO", "spin", Priority);
        await TryAsync("cyclictest", async () =>
        {
            await place.RunAsync($"cyclictest -q -m -t 1 -p {Priority} -a {place.Cpu} -i {PeriodNs / 1000} -l {Count} --json=/tmp/cyclictest.json");
            using JsonDocument document = JsonDocument.Parse(await place.RunAsync("cat /tmp/cyclictest.json"));
            JsonElement thread = document.RootElement.GetProperty("thread").GetProperty("0");
            Add("timer", "cyclictest, SCHED_FIFO", null, null, null, thread.GetProperty("max").GetDouble() * 1000, "in whole us");
        });
        await TryAsync("oslat", async () =>
        {
            await place.RunAsync($"oslat -q --cpu-list {place.Cpu} --rtprio {Priority} --duration {Seconds} --json=/tmp/oslat.json");
            using JsonDocument document = JsonDocument.Parse(await place.RunAsync("cat /tmp/oslat.json"));
            JsonElement thread = document.RootElement.GetProperty("thread").GetProperty("0");
            Add("noise", "oslat, SCHED_FIFO", null, null, null, thread.GetProperty("max").GetDouble() * 1000, "in whole us");
        });
    }

    /// <summary>A wake-up by the timer service.</summary>
    /// <param name="name">Where the service runs.</param>
    /// <param name="cpu">The cpu of the program that waits.</param>
    /// <param name="socket">The service's socket.</param>
    public async Task MeasureServiceAsync(string name, int cpu, string socket)
    {
        await ProbeAsync($"{name}, client spins, SCHED_FIFO", "sos-spin", Priority, cpu, socket);
        await ProbeAsync($"{name}, client sleeps on the eventfd", "sos-sleep", Priority, cpu, socket);
    }

    /// <summary>Takes over a result of the noise service.</summary>
    public void AddNoise(string name, JsonElement result)
    {
        double Get(string key) => result.GetProperty(key).GetDouble();
        ulong Change(string key)
            => result.GetProperty("linux_after").GetProperty(key).GetUInt64() - result.GetProperty("linux_before").GetProperty(key).GetUInt64();
        ulong interrupts = Change("timer_interrupts") + Change("device_interrupts") + Change("reschedule_interrupts") + Change("call_interrupts")
            + Change("other_interrupts");
        Add(
            "noise", name, Get("p50_ns"), Get("p99_ns"), Get("p999_ns"), Get("max_ns"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Get("events_per_second"):F0} gaps over 1 us a second; Linux counted {interrupts} interrupts, {Change("soft_interrupts")} softirqs, "
                + $"{Change("context_switches")} context switches"));
    }

    /// <summary>Waits until the core has no service any more: what gives back may need another try, and the next line must not suffer from it.</summary>
    /// <exception cref="InvalidOperationException">The service cannot be stopped.</exception>
    public async Task FreeCoreAsync()
    {
        for (int attempt = 1; ; attempt++)
        {
            using JsonDocument status = JsonDocument.Parse(await place.RunAsync($"sosctl service status {place.Cpu} --json"));
            if (status.RootElement.GetProperty("state").GetString() == "Reserved")
            {
                return;
            }

            try
            {
                await place.RunAsync($"sosctl service stop {place.Cpu}");
            }
            catch (InvalidOperationException) when (attempt < StopAttemptsMax)
            {
                // The state tells whether there is more to do.
            }
        }
    }

    /// <summary>Does something that may fail.</summary>
    public async Task TryAsync(string name, Func<Task> measure)
    {
        progress($"{place.Name}, {load}: {name}");
        try
        {
            await measure();
        }
        catch (Exception e) when (e is InvalidOperationException or JsonException or TimeoutException or Sos.Cores.SosException or System.IO.IOException)
        {
            Failures.Add($"{place.Name}, {load}: {name}: {e.Message.Trim()}");
        }
    }

    private Task ProbeAsync(string name, string mode, int priority, int? cpu = null, string socket = "") => TryAsync(name, async () =>
    {
        using JsonDocument document = JsonDocument.Parse(
            await place.RunAsync($"timer_probe {mode} {cpu ?? place.Cpu} {priority} {PeriodNs} {Count} {socket}"));
        JsonElement result = document.RootElement;
        double Get(string key) => result.GetProperty(key).GetDouble();
        string note = result.TryGetProperty("core_max_ns", out JsonElement core)
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"the service itself at most {core.GetDouble() / 1000:F1} us late, {result.GetProperty("misses").GetUInt64()} misses counted")
            : "";
        Add("timer", name, Get("p50_ns"), Get("p99_ns"), Get("p999_ns"), Get("max_ns"), note);
    });

    private void Add(string kind, string name, double? p50, double? p99, double? p999, double max, string note)
        => Measurements.Add(new Measurement(place.Name, load, kind, name, p50, p99, p999, max, note));
}

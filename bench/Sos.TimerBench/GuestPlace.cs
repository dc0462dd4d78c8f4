using System;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Lab.Agent;
using Sos.Lab.Guest;
using Sos.Lab.Machine;

namespace Sos.TimerBench;

/// <summary>The lab's machine: cpu 3 is the one that is measured, as Linux's own and as a service core.</summary>
public sealed class GuestPlace : IPlace, IAsyncDisposable
{
    private const int MeasuredCpu = 3;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly LabMachine _machine;

    private GuestPlace(LabMachine machine) => _machine = machine;

    /// <inheritdoc/>
    public string Name => "vm";

    /// <inheritdoc/>
    public int Cpu => MeasuredCpu;

    /// <summary>Boots a machine with the tools of the measurement.</summary>
    public static async Task<GuestPlace> BootAsync(string probe)
    {
        LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions
        {
            Files =
            [
                new GuestFile(probe, "/usr/bin/timer_probe"),
                new GuestFile("/usr/bin/cyclictest", "/usr/bin/cyclictest"),
                new GuestFile("/usr/bin/oslat", "/usr/bin/oslat"),
                new GuestFile("/usr/bin/stress-ng", "/usr/bin/stress-ng"),
            ],
        });

        // Otherwise the host's scheduler would be what is measured, wherever it has fewer cpus than the machine.
        await HostPlacement.Choose().ApplyAsync(machine, MeasuredCpu);
        await machine.CheckAsync("ulimit -l unlimited; echo 950000 > /proc/sys/kernel/sched_rt_runtime_us");
        return new GuestPlace(machine);
    }

    /// <summary>The kernel, its clock source, and who makes the cpus.</summary>
    public async Task<string> DescribeAsync()
        => $"Linux {await RunAsync("uname -r")}, clock source {await RunAsync("cat /sys/devices/system/clocksource/clocksource0/current_clocksource")}, "
            + $"{(_machine.Accelerator == Accelerator.Kvm ? "KVM" : "emulation, no KVM")}";

    /// <inheritdoc/>
    public async Task<string> RunAsync(string line)
    {
        CommandResult result = await _machine.RunAsync(line, Limit);
        return result.ExitCode == 0 ? result.Output.Trim() : throw new InvalidOperationException($"{line}: {result.Error}{result.Output}");
    }

    /// <summary>All measurements under one load.</summary>
    public async Task MeasureAsync(Series series, bool loaded)
    {
        GuestCommand? stress = loaded ? _machine.Start("exec stress-ng --cpu 2 --switch 1 --vm 1 --vm-bytes 32M --timer 1 --timer-freq 1000 -q") : null;
        try
        {
            await series.MeasureLinuxAsync();
            await NoiseAsync(series, "noise, plain thread", "--on thread");
            await NoiseAsync(series, "noise, SCHED_FIFO thread, isolated cpuset", "--on fifo");
            await RunAsync("sosctl core reserve 3");
            await NoiseAsync(series, "noise, service core", "--on core");
            await TryServeAsync(series, "timer service on a core", "");
            await TryServeAsync(series, "timer service on a core, idle=pause", "-p idle=pause -p idle-bound-ns=2000");
            await RunAsync("sosctl core release 3");
            await RunAsync("sosctl core reserve 3 --isolated");
            await NoiseAsync(series, "noise, isolated core", "--on core");
            await TryServeAsync(series, "timer service on an isolated core", "");
            await RunAsync("sosctl core release 3");
        }
        finally
        {
            if (stress is not null)
            {
                stress.Kill();
                await stress.WaitAsync(Limit);
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    private Task NoiseAsync(Series series, string name, string where) => series.TryAsync(name, async () =>
    {
        using JsonDocument document = JsonDocument.Parse(await RunAsync($"sosctl noise run 3 {where} --duration 3 --json"));
        series.AddNoise(name, document.RootElement);
    });

    private Task TryServeAsync(Series series, string name, string parameters) => series.TryAsync(name, async () =>
    {
        GuestCommand server = _machine.Start($"exec sosctl timer serve 3 {parameters}");
        try
        {
            await RunAsync("until test -S /run/sos/timer.sock; do pidof sosctl > /dev/null || exit 1; sleep 0.1; done");
            await series.MeasureServiceAsync(name, 2, "/run/sos/timer.sock");
        }
        finally
        {
            await RunAsync("kill -TERM $(pidof sosctl) || true");
            await server.WaitAsync(Limit);
            await series.FreeCoreAsync();
        }
    });
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;

namespace Sos.Lab.Matrix;

/// <summary>
/// Tries the driver on one kernel: builds and loads it, runs the ABI's checks, reserves a core, runs the firewall on it between a good
/// peer and a bad one, stops, releases and unloads.
/// </summary>
public sealed class KernelTrial
{
    private const string Rules = "/tmp/rules.nft";
    private const string Image = "/usr/lib/sos/firewall.sosimg";
    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan SmokeLimit = TimeSpan.FromMinutes(3);
    private readonly MatrixCase _case;
    private readonly List<MatrixStep> _steps = [];
    private LabMachine? _machine;
    private double _reserveMs;
    private double _releaseMs;

    private KernelTrial(MatrixCase matrixCase) => _case = matrixCase;

    /// <summary>Tries one kernel; whatever goes wrong is in the result.</summary>
    /// <param name="matrixCase">Which, and how it boots.</param>
    public static async Task<MatrixResult> RunAsync(MatrixCase matrixCase)
    {
        KernelTrial trial = new(matrixCase);
        await using LabNetwork network = await LabNetwork.CreateAsync();
        LabPeer good = await network.AddPeerAsync("client");
        LabPeer bad = await network.AddPeerAsync("attacker");
        string processor = "";
        bool passed = false;
        try
        {
            await trial.StepAsync("build", trial.BuildAsync);
            await trial.StepAsync("load", () => trial.LoadAsync(network));
            processor = await trial.ProcessorAsync();
            await trial.StepAsync("abi", trial.SmokeAsync);
            await trial.StepAsync("reserve", trial.ReserveAsync);
            await trial.StepAsync("firewall", () => trial.FirewallAsync(good, bad));
            await trial.StepAsync("release", trial.ReleaseAsync);
            await trial.StepAsync("unload", () => trial.Machine.CheckAsync("rmmod sos && ! test -e /dev/sos"));
            await trial.StepAsync("kernel log", trial.HealthAsync);
            passed = true;
        }
        catch (TrialFailedException)
        {
            // The step that failed is the last one in the list.
        }
        finally
        {
            if (trial._machine is not null)
            {
                await trial._machine.DisposeAsync();
            }
        }

        return new MatrixResult(
            matrixCase.Kernel, trial._machine?.Kernel.Release ?? "", matrixCase.Arguments, processor, trial._steps,
            trial._reserveMs, trial._releaseMs)
        {
            Passed = passed,
        };
    }

    private LabMachine Machine => _machine!;

    private async Task StepAsync(string name, Func<Task> step)
    {
        try
        {
            await step();
            _steps.Add(new MatrixStep(name, null));
        }
        catch (Exception problem) when (problem is LabException or TimeoutException or IOException)
        {
            _steps.Add(new MatrixStep(name, problem.Message));
            throw new TrialFailedException();
        }
    }

    private async Task BuildAsync() => (await HostProcess.RunAsync(
        [Path.Combine(LabPaths.Repository, "eng", "driver.sh"), _case.Kernel], BuildLimit)).EnsureSuccess();

    private async Task LoadAsync(LabNetwork network)
    {
        LabMachineOptions options = new() { Kernel = _case.Kernel, Network = network, KernelArguments = _case.Arguments };
        _machine = await LabMachine.BootAsync(options);
        await _machine.CheckAsync("test -c /dev/sos");
    }

    // IBT and PTI are told in the kernel log, LA57 among the flags.
    private async Task<string> ProcessorAsync()
    {
        string flags = await Machine.CheckAsync("grep -m 1 ^flags /proc/cpuinfo");
        string log = await Machine.CheckAsync("dmesg");
        List<string> uses = [];
        if (flags.Split(' ').Contains("la57") && !_case.Arguments.Contains("no5lvl", StringComparison.Ordinal))
        {
            uses.Add("LA57");
        }

        if (log.Contains("Indirect Branch Tracking enabled", StringComparison.Ordinal))
        {
            uses.Add("IBT");
        }

        if (log.Contains("page tables isolation: enabled", StringComparison.OrdinalIgnoreCase))
        {
            uses.Add("PTI");
        }

        return string.Join(' ', uses);
    }

    private async Task SmokeAsync()
    {
        CommandResult smoke = await Machine.RunAsync("/usr/lib/sos/tests/abi_smoke 2", SmokeLimit);
        if (smoke.ExitCode != 0)
        {
            throw new LabException(string.Join('\n', smoke.Output.Split('\n').Where(line => !line.StartsWith("ok", StringComparison.Ordinal))));
        }
    }

    private async Task ReserveAsync()
    {
        _reserveMs = Duration(await Machine.CheckAsync("sosctl core reserve 3 --json"));
        await Machine.CheckAsync("test $(cat /sys/devices/system/cpu/online) = 0-2");
    }

    private async Task FirewallAsync(LabPeer good, LabPeer bad)
    {
        await Machine.ConfigureAsync("eth0");
        await Machine.CheckAsync(
            $"echo 'table inet t {{ chain i {{ type filter hook input priority 0; ip saddr {bad.IPv4} counter drop; }}; }}' > {Rules}");
        await Machine.CheckAsync($"sosctl service start 3 {Image} --device eth0 --rules {Rules}");
        (await good.RunAsync($"ping -q -c 3 -i 0.2 -W 10 {LabNetwork.MachineIPv4()}")).EnsureSuccess();
        if ((await bad.RunAsync($"ping -q -c 2 -i 0.2 -W 1 {LabNetwork.MachineIPv4()}")).ExitCode == 0)
        {
            throw new LabException("the firewall passed what its rules drop");
        }

        await Machine.CheckAsync("sosctl service status 3 --json | grep -q '\"state\": *\"Running\"'");
        await Machine.CheckAsync("sosctl service stop 3");
        (await bad.RunAsync($"ping -q -c 3 -i 0.2 -W 10 {LabNetwork.MachineIPv4()}")).EnsureSuccess();
    }

    private async Task ReleaseAsync()
    {
        _releaseMs = Duration(await Machine.CheckAsync("sosctl core release 3 --json"));
        await Machine.CheckAsync("test $(cat /sys/devices/system/cpu/online) = 0-3");
    }

    private Task HealthAsync()
    {
        Machine.EnsureHealthy();
        return Task.CompletedTask;
    }

    private static double Duration(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.GetProperty("duration_ms").GetDouble();
    }

    private sealed class TrialFailedException : Exception;
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Sos.Demo.Report;
using Sos.Demo.Rules;
using Sos.Demo.Scenes;
using Sos.Lab;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Sos.Traffic.Wire;

namespace Sos.Demo;

/// <summary>The demo, from an empty machine to its result. Whatever it makes is gone when this returns or throws.</summary>
internal sealed class Demo(Progress progress)
{
    private const int Cpus = 3;
    private const int FloodCpu = Cpus - 1;
    private const int BlockedSources = 10_000;
    private const int FloodSources = 16_384;
    private const int Seed = 2;
    private static readonly TimeSpan ProbeTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(200);

    /// <summary>The measurements of both scenes, for the plot.</summary>
    public (SceneMeasurement Linux, SceneMeasurement Sos) Measurements { get; private set; }

    /// <summary>Runs it.</summary>
    /// <exception cref="LabException">The lab, or one of the scenes, could not be set up.</exception>
    public async Task<DemoResult> RunAsync()
    {
        string folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), RunId.Next())).FullName;
        try
        {
            BlockList blocked = new(BlockedSources, Seed);
            string sources = Path.Combine(folder, "sources");
            await File.WriteAllLinesAsync(sources, blocked.Sources(FloodSources).Select(source => source.ToString()));
            progress.Say("network and wire");
            await using LabNetwork network = await LabNetwork.CreateAsync();
            LabPeer client = await network.AddPeerAsync("client");
            string socket = Path.Combine(folder, "card.sock");
            await using Wire wire = await Wire.StartAsync(network, socket, sources);
            progress.Say($"booting a machine with {Cpus} CPUs");
            await using LabMachine machine = await LabMachine.BootAsync(
                new LabMachineOptions { Cpus = Cpus, CardSocket = socket });
            progress.Say($"Linux {machine.Kernel.Release} is up ({machine.Accelerator}): servers and rules");
            await GuestFiles.InstallAsync(machine, blocked.Ruleset());
            await Placement.ApplyAsync(machine, wire, FloodCpu);
            DemoResult result = await CompareAsync(machine, client, wire);
            machine.EnsureHealthy();
            return result;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<DemoResult> CompareAsync(LabMachine machine, LabPeer client, Wire wire)
    {
        (long rate, IReadOnlyList<RateStep> steps) = await FindRateAsync(machine, wire);
        SceneRun run = new(machine, client, wire, progress);

        progress.Say("Linux alone: loading the rules into nftables");
        LinuxScene linux = await LinuxScene.SetUpAsync(machine, FloodCpu);
        SceneMeasurement alone = await run.MeasureAsync("Linux alone", linux, rate);
        await linux.TearDownAsync();

        progress.Say("with SOS: taking a CPU from Linux, starting the firewall on it");
        SosScene sos = await SosScene.SetUpAsync(machine, FloodCpu);
        SceneMeasurement served = await run.MeasureAsync("with SOS", sos, rate);
        progress.Say("giving the CPU back to Linux");
        double releaseMs = await sos.TearDownAsync();
        Measurements = (alone, served);
        return new DemoResult
        {
            Kernel = machine.Kernel.Release,
            Accelerator = machine.Accelerator.ToString(),
            Cpus = Cpus,
            BlockedSources = BlockedSources,
            RateSteps = steps,
            Linux = SceneSummary.Of(alone),
            Sos = SceneSummary.Of(served),
            BackEnd = sos.BackEnd,
            ReserveMs = sos.ReserveMs,
            ReleaseMs = releaseMs,
        };
    }

    // What wire and card carry is found with a service core behind them, since it empties the ring as fast as anything here can.
    private async Task<(long PacketsPerSecond, IReadOnlyList<RateStep> Steps)> FindRateAsync(LabMachine machine, Wire wire)
    {
        progress.Say("finding the flood's rate: taking a CPU from Linux");
        SosScene scene = await SosScene.SetUpAsync(machine, FloodCpu);
        (long rate, IReadOnlyList<RateStep> steps) = await RateSearch.RunAsync(async offered =>
        {
            progress.Say($"finding the flood's rate: does the lab carry {offered:N0} packets/s?");
            return await ProbeAsync(wire, offered);
        });
        _ = await scene.TearDownAsync();
        return rate > 0
            ? (rate, steps)
            : throw new LabException(
                $"the lab does not even carry {RateSearch.First} packets/s: {steps[^1].LostShare:P1} were lost");
    }

    private static async Task<double> ProbeAsync(Wire wire, long offered)
    {
        WireStatistics before = await wire.ReadAsync();
        await wire.FloodAsync(offered);
        await Task.Delay(ProbeTime);
        await wire.FloodAsync(0);
        WireStatistics flood = (await wire.ReadAsync()).Since(before);
        await Task.Delay(SettleTime);
        return (double)(flood.FloodLate + flood.FloodRingFull) / flood.FloodOffered;
    }
}

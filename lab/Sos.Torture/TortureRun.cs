using System;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Sos.Torture.Parts;
using Sos.Torture.Report;

namespace Sos.Torture;

/// <summary>How much of everything.</summary>
/// <param name="Tries">Of each fault and hang, and of killed owners.</param>
/// <param name="Panics">Machines brought down in each way; in turn with 4 and 3 CPUs.</param>
/// <param name="Cycles">Of one core.</param>
/// <param name="Seed">Of the random times.</param>
internal sealed record TortureExtent(int Tries, int Panics, int Cycles, int Seed);

/// <summary>Runs every part on one kernel.</summary>
internal sealed class TortureRun(string kernel, TortureExtent extent, TortureReport report, Action<string> progress)
{
    /// <summary>Runs them.</summary>
    public async Task RunAsync()
    {
        await RunInOneMachineAsync();
        foreach (DownfallCase downfall in extent.Panics == 0 ? [] : PanicPart.Cases)
        {
            progress($"{kernel} {downfall.Name}");
            TortureRow row = new(kernel, downfall.Name);
            for (int i = 0; i < extent.Panics; i++)
            {
                await PanicPart.RunAsync(kernel, downfall, i % 2 == 0 ? 4 : 3, row);
            }

            report.Add(row);
        }
    }

    private async Task RunInOneMachineAsync()
    {
        await using LabNetwork network = await LabNetwork.CreateAsync();
        LabPeer client = await network.AddPeerAsync("client");
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, Network = network });
        await machine.ConfigureAsync("eth0");
        Subject subject = new(machine, client);
        await using ChecksumWorkload workload = await ChecksumWorkload.StartAsync(machine);
        foreach (FaultCase fault in extent.Tries == 0 ? [] : FaultPart.Cases)
        {
            progress($"{kernel} {fault.Name}");
            report.Add(await FaultPart.RunAsync(subject, fault, extent.Tries, workload));
        }

        if (extent.Tries != 0)
        {
            progress($"{kernel} hangs");
            report.Add(await HangPart.WatchdogAsync(subject, extent.Tries, workload));
            report.Add(await HangPart.ForcedStopAsync(subject, extent.Tries, workload));
            report.Add(await HangPart.MachineCheckAsync(subject, extent.Tries, workload));
            progress($"{kernel} owners");
            report.Add(await OwnerPart.RunAsync(subject, extent.Tries, new Random(extent.Seed), workload));
        }

        if (extent.Cycles != 0)
        {
            progress($"{kernel} {extent.Cycles} cycles");
            (TortureRow row, CyclePhases phases) = await CyclePart.RunAsync(subject, extent.Cycles, workload);
            report.Add(row);
            report.Add(phases);
        }
    }
}

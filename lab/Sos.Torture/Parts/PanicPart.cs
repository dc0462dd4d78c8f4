using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Lab.Agent;
using Sos.Lab.Guest;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Sos.Torture.Report;

namespace Sos.Torture.Parts;

/// <summary>A way for Linux to go down.</summary>
/// <param name="Name">The kind.</param>
/// <param name="Arguments">Added to the kernel's command line.</param>
/// <param name="Command">What brings it down.</param>
/// <param name="Evidence">What the console shows then.</param>
/// <param name="Survives">Whether Linux lives on.</param>
/// <param name="Reboots">Whether the machine restarts after a while.</param>
internal sealed record DownfallCase(string Name, string Arguments, string Command, string Evidence, bool Survives = false, bool Reboots = false);

/// <summary>Linux goes down; the service answers on. Each try has a machine of its own.</summary>
internal static class PanicPart
{
    private const string Havoc = "/usr/lib/sos/tests/sos_havoc.ko";
    private const int PingCount = 20;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>The kinds.</summary>
    public static IReadOnlyList<DownfallCase> Cases { get; } =
    [
        new("panic", "panic=0", "echo c > /proc/sysrq-trigger", "end Kernel panic"),
        new("panic=10", "panic=10", "echo c > /proc/sysrq-trigger", "Rebooting in 10 seconds", Reboots: true),
        new("panic, NMI to all CPUs", "panic=0 crash_kexec_post_notifiers", "echo c > /proc/sysrq-trigger", "end Kernel panic"),
        new("lockup of every CPU", "", $"insmod {Havoc}", "sos_havoc: every CPU hangs now"),
        new("out of memory", "", "for i in 1 2 3; do tail /dev/zero & done; wait", "Out of memory: Killed process", Survives: true),
    ];

    /// <summary>Brings a machine down.</summary>
    /// <param name="kernel">The kernel series.</param>
    /// <param name="downfall">How.</param>
    /// <param name="cpus">CPUs of the machine.</param>
    /// <param name="row">Gets the outcome.</param>
    public static async Task RunAsync(string kernel, DownfallCase downfall, int cpus, TortureRow row)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync();
        LabPeer client = await network.AddPeerAsync("client");
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions
        {
            Kernel = kernel,
            Cpus = cpus,
            MemoryMiB = 512,
            Network = network,
            KernelArguments = downfall.Arguments,
            Files = [new GuestFile(Path.Combine(LabPaths.Artifacts, "driver", kernel, "havoc", "sos_havoc.ko"), Havoc)],
        });
        Subject subject = new(machine, client);
        await machine.ConfigureAsync("eth0");
        await machine.CheckAsync($"sosctl core reserve {subject.Cpu} && {subject.StartEcho}");
        await subject.AwaitAnswerAsync(Subject.EchoAddress);
        await subject.AwaitAnswerAsync(LabNetwork.MachineIPv4());

        row.Tries++;
        GuestCommand command = machine.Start(downfall.Command);
        await machine.Console.WaitForAsync(downfall.Evidence, Limit);
        int answered = await subject.PingAsync(Subject.EchoAddress, PingCount, 10);
        bool dead = downfall.Survives || await subject.PingAsync(LabNetwork.MachineIPv4(), 3, 1) == 0;
        row.Contained += answered == PingCount && dead ? 1 : 0;
        if (answered != PingCount || !dead)
        {
            row.Problems.Add(
                $"{cpus} CPUs: {answered} of {PingCount} pings answered, Linux {(dead ? "is down" : "still answers")}; see {machine.Console.Path}");
        }

        if (downfall.Reboots)
        {
            await machine.WaitForExitAsync().WaitAsync(Limit);
        }

        if (downfall.Survives)
        {
            _ = await command.WaitAsync(Limit);
            CommandResult back = await machine.RunAsync($"sosctl service stop {subject.Cpu} --json && sosctl core release {subject.Cpu} && nproc", Limit);
            bool good = back.ExitCode == 0 && back.Output.Contains("\"Stopped\"", StringComparison.Ordinal)
                && back.Text.EndsWith($"{cpus}", StringComparison.Ordinal);
            row.CoreReturned = (row.CoreReturned ?? 0) + (good ? 1 : 0);
            if (!good)
            {
                row.Problems.Add(back.Output + back.Error);
            }
        }
    }
}

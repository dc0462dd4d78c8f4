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
/// <param name="MemoryMiB">Memory of the machine.</param>
internal sealed record DownfallCase(
    string Name, string Arguments, string Command, string Evidence, bool Survives = false, bool Reboots = false, int MemoryMiB = 512);

/// <summary>Linux goes down; the service answers on. Each try has a machine of its own.</summary>
internal static class PanicPart
{
    private const string Havoc = "/usr/lib/sos/tests/sos_havoc.ko";
    /// <summary>Where <see cref="LoadCrashKernel"/> expects the kernel's image.</summary>
    public const string KernelImage = "/boot/vmlinuz";

    /// <summary>
    /// A crash kernel as kdump loads it, whose userland says that it is there. It must leave the claimed card alone: where Linux's driver for that is built in,
    /// as virtio's is from 6.12 on, it is not started.
    /// </summary>
    public const string LoadCrashKernel =
        "mkdir -p /tmp/crash/bin /tmp/crash/dev && cp /bin/busybox /tmp/crash/bin/ && cd /tmp/crash && "
        + "printf '%s\n' '#!/bin/busybox sh' '/bin/busybox mount -t devtmpfs dev /dev' 'echo \"crash kernel: up\" > /dev/kmsg' "
        + "'while :; do /bin/busybox sleep 1; done' > init && chmod +x init && find . | cpio -o -H newc > /tmp/crash.img && "
        + $"/usr/lib/sos/tests/kexec_again -p {KernelImage} 'console=ttyS0 nr_cpus=1 irqpoll reset_devices panic=0 "
        + "initcall_blacklist=virtio_pci_driver_init' /tmp/crash.img";
    private const int PingCount = 20;

    /// <summary>Two seconds' worth, of the ten until the machine restarts.</summary>
    private const int PingCountBeforeRestart = 10;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>The kinds.</summary>
    public static IReadOnlyList<DownfallCase> Cases { get; } =
    [
        new("panic", "panic=0", "echo c > /proc/sysrq-trigger", "end Kernel panic"),
        new("panic=10", "panic=10", "echo c > /proc/sysrq-trigger", "Rebooting in 10 seconds", Reboots: true),
        new("panic, NMI to all CPUs", "panic=0 crash_kexec_post_notifiers", "echo c > /proc/sysrq-trigger", "end Kernel panic"),
        new("kdump", "crashkernel=192M", $"{LoadCrashKernel} && echo c > /proc/sysrq-trigger", "crash kernel: up", MemoryMiB: 1024),
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
            MemoryMiB = downfall.MemoryMiB,
            Network = network,
            KernelArguments = downfall.Arguments,
            Files =
            [
                new GuestFile(Path.Combine(LabPaths.Artifacts, "driver", kernel, "havoc", "sos_havoc.ko"), Havoc),
                new GuestFile((await GuestKernel.GetAsync(kernel)).BootImage, KernelImage),
            ],
        });
        Subject subject = new(machine, client);
        await machine.ConfigureAsync("eth0");
        await machine.CheckAsync($"sosctl core reserve {subject.Cpu} && {subject.StartEcho}");
        await subject.AwaitAnswerAsync(Subject.EchoAddress);
        await subject.AwaitAnswerAsync(LabNetwork.MachineIPv4());

        row.Tries++;
        GuestCommand command = machine.Start(downfall.Command);
        await machine.Console.WaitForAsync(downfall.Evidence, Limit);
        int asked = downfall.Reboots ? PingCountBeforeRestart : PingCount;
        int answered = await subject.PingAsync(Subject.EchoAddress, asked, 10);
        bool dead = downfall.Survives || await subject.PingAsync(LabNetwork.MachineIPv4(), 3, 1) == 0;
        row.Contained += answered == asked && dead ? 1 : 0;
        if (answered != asked || !dead)
        {
            row.Problems.Add(
                $"{cpus} CPUs: {answered} of {asked} pings answered, Linux {(dead ? "is down" : "still answers")}; see {machine.Console.Path}");
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

using System;
using System.Linq;
using System.Threading.Tasks;
using Sos.Lab.Guest;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Sos.Torture.Parts;
using Sos.Torture.Report;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>Linux goes down, by accident or in order, in machines that nothing else uses.</summary>
public sealed class DownfallScenarios
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>With 3 and 4 CPUs: with 2, Linux uses no broadcast to stop the others.</summary>
    [Theory]
    [InlineData("6.1", "panic", 4)]
    [InlineData("6.12", "panic, NMI to all CPUs", 3)]
    [InlineData("6.1", "lockup of every CPU", 3)]
    [InlineData("6.12", "out of memory", 4)]
    public Task ServiceGoesOn(string kernel, string downfall, int cpus) => BringDownAsync(kernel, downfall, cpus);

    /// <summary>A crash kernel boots beside the service; the console's scenarios have one beside a console.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task ServiceGoesOnBesideACrashKernel() => BringDownAsync("6.1", "kdump", 4);

    private static async Task BringDownAsync(string kernel, string downfall, int cpus)
    {
        TortureRow row = new(kernel, downfall);
        await PanicPart.RunAsync(kernel, PanicPart.Cases.Single(candidate => candidate.Name == downfall), cpus, row);
        Assert.True(row.Passed, row.ToString());
    }

    /// <summary>A reboot ends the service and gives the core back before it; the machine then restarts, which ends QEMU here.</summary>
    [Theory]
    [InlineData("6.1", "reboot -f")]
    [InlineData("6.12", "poweroff -f")]
    public async Task CoreGoesBackBeforeTheEnd(string kernel, string command)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync();
        await using LabMachine machine = await StartEchoAsync(kernel, network);
        _ = machine.Start(command);
        await machine.WaitForExitAsync().WaitAsync(Limit);
        await machine.Console.WaitForAsync("sos: cpu 3 released", Limit);
        machine.EnsureHealthy();
    }

    /// <summary>The next kernel finds every CPU where it expects it.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task KexecFindsEveryCpu(string kernel)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync();
        GuestKernel next = await GuestKernel.GetAsync(kernel);
        await using LabMachine machine = await StartEchoAsync(kernel, network, new GuestFile(next.BootImage, "/boot/vmlinuz"));
        _ = machine.Start("/usr/lib/sos/tests/kexec_again /boot/vmlinuz 'console=ttyS0 panic=-1 sos.again'");
        await machine.Console.WaitForAsync("sos: cpu 3 released", Limit);
        await machine.Console.WaitForAsync(@"Command line: .*sos\.again[\s\S]*Brought up 1 node, 4 CPUs", Limit);
    }

    private static async Task<LabMachine> StartEchoAsync(string kernel, LabNetwork network, params GuestFile[] files)
    {
        LabPeer client = await network.AddPeerAsync("client");
        LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, Network = network, Files = files });
        await machine.ConfigureAsync("eth0");
        Subject subject = new(machine, client);
        await machine.CheckAsync($"sosctl core reserve {subject.Cpu} && {subject.StartEcho}");
        await subject.AwaitAnswerAsync(Subject.EchoAddress);
        return machine;
    }
}

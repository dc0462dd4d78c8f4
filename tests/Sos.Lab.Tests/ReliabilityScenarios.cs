using System;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Sos.Torture.Parts;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>Leases, restarts, and what else in Linux has its hands on CPUs and cards.</summary>
public abstract class ReliabilityScenarios(LabFixture lab) : Scenario(lab)
{
    private const string BusMaster = "od -An -tx1 -j4 -N1 /sys/bus/pci/devices/0000:00:10.0/config"; // PCI command register; bit 2 masters the bus

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private Subject Subject => new(Machine, Client);

    protected override string CleanUp =>
        "sosctl service stop 3; sosctl core release 3; "
        + "kill $(cat /tmp/sosd.pid) && for i in $(seq 50); do grep -q 'services go on' /tmp/sosd.log && break; sleep 0.1; done; "
        + "rm -f /tmp/sosd.pid /tmp/sosd.log";

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Machine.ConfigureAsync("eth0");
    }

    [Fact]
    public async Task LeaseGivesCoreAndCardBack()
    {
        await Machine.CheckAsync($"sosctl core reserve 3 --lease 1h && {Subject.StartEcho}");
        await Subject.AwaitAnswerAsync(Subject.EchoAddress);
        double left = Subject.Parse(await Machine.CheckAsync("sosctl core list --json")).GetProperty("cores")[3].GetProperty("lease_seconds").GetDouble();
        Assert.InRange(left, 1, 3600);
        await Machine.CheckAsync("sosctl core renew 3 && sosctl core renew 3 500ms");
        await Machine.AwaitAsync("cat /sys/devices/system/cpu/online", "0-3");
        Assert.Equal(0, await Subject.PingAsync(Subject.EchoAddress, 2, 1));

        // Without sosd the card waits for whoever comes next.
        await Machine.CheckAsync("sosctl core release 3");
        await Machine.AwaitAsync("ip -br addr show eth0 | grep -o 10.77.0.2", LabNetwork.MachineIPv4());
        await Subject.AwaitAnswerAsync(LabNetwork.MachineIPv4());
    }

    [Fact]
    public async Task WithoutSosdTheCommandSaysSo()
    {
        await Machine.CheckAsync("sosctl core reserve 3");
        string started = await Machine.CheckAsync(Subject.StartFault("-p fault=0 -p address=0 --restart on-fault"));
        Assert.Contains("sosd does not run", started, StringComparison.Ordinal);
        CommandResult bad = await Machine.RunAsync(Subject.StartFault("-p fault=0 -p address=0 --restart sometimes"));
        Assert.Equal(2, bad.ExitCode);
    }

    [Fact]
    public async Task SosdRestartsUpToTheLimit()
    {
        await StartDaemonAsync();
        await Machine.CheckAsync("sosctl core reserve 3");
        string started = await Machine.CheckAsync(Subject.StartFault("-p fault=1 -p address=64 -p delay=1000 --restart on-fault --restart-limit 2"));
        Assert.DoesNotContain("sosd does not run", started, StringComparison.Ordinal);
        await Machine.AwaitAsync("grep -o 'given up after 2 restarts' /tmp/sosd.log", "given up after 2 restarts");
        string log = await Machine.CheckAsync("cat /tmp/sosd.log");
        Assert.Contains("restart 1 in 1 s", log, StringComparison.Ordinal);
        Assert.Contains("restart 2 in 2 s", log, StringComparison.Ordinal);
        JsonElement status = await Subject.StatusAsync();
        Assert.Equal(("Failed", 3ul), (status.GetProperty("state").GetString(), status.GetProperty("faults").GetUInt64()));
    }

    [Fact]
    public async Task SosdRestartsAServiceWithItsCardAndEndsLeases()
    {
        await StartDaemonAsync();
        await Machine.CheckAsync($"sosctl core reserve 3 && {Subject.StartEcho} --restart on-fault");
        await Subject.AwaitAnswerAsync(Subject.EchoAddress);
        const string Addresses = "ip -o addr show eth0 | sed 's/^[0-9]*: //; s/ *valid_lft.*//; s/ tentative//'";
        string before = await Machine.CheckAsync(Addresses);
        await Machine.RaiseMachineCheckAsync(3);
        await Machine.AwaitAsync("grep -o 'Echo restarted' /tmp/sosd.log", "Echo restarted");
        await Subject.AwaitAnswerAsync(Subject.EchoAddress);
        await Subject.AwaitAnswerAsync(LabNetwork.MachineIPv4());
        await Machine.AwaitAsync(Addresses, before);

        await Machine.CheckAsync("sosctl core renew 3 500ms");
        await Machine.AwaitAsync("grep -o 'its lease was over' /tmp/sosd.log", "its lease was over");
        await Machine.AwaitAsync("basename $(readlink /sys/bus/pci/devices/0000:00:10.0/driver)", "virtio-pci");
        await Machine.AwaitAsync("ip -br addr show eth0 | grep -o 10.77.0.2", LabNetwork.MachineIPv4());
        await Subject.AwaitAnswerAsync(LabNetwork.MachineIPv4());
    }

    [Fact]
    public async Task FaultOfABusyCardLeavesItQuiet()
    {
        await Machine.CheckAsync($"sosctl core reserve 3 && {Subject.StartEcho}");
        await Subject.AwaitAnswerAsync(Subject.EchoAddress);
        Assert.NotEqual(0, 4 & Convert.ToInt32((await Machine.CheckAsync(BusMaster)).Trim(), 16));
        Task<CommandResult> flood = Attacker.RunAsync($"ping -q -f -w 10 {Subject.EchoAddress}", Limit);
        await Machine.RaiseMachineCheckAsync(3);
        await Machine.CheckAsync(Subject.AwaitState("Failed"));
        Assert.Equal(0, 4 & Convert.ToInt32((await Machine.CheckAsync(BusMaster)).Trim(), 16));
        await flood;
        await Machine.CheckAsync("sosctl service restart 3");
        await Subject.AwaitAnswerAsync(Subject.EchoAddress);
    }

    [Fact]
    public async Task SleepIsRefusedWhileACoreIsReserved()
    {
        await Machine.CheckAsync("sosctl core reserve 3");
        foreach (string state in (await Machine.CheckAsync("cat /sys/power/state")).Split(' '))
        {
            // The shell calls every write that fails an I/O error: the driver's word for it is in the kernel log.
            const string Refusals = "dmesg | grep -c 'no sleep while' || true";
            string before = await Machine.CheckAsync(Refusals);
            CommandResult sleep = await Machine.RunAsync($"echo {state} > /sys/power/state");
            Assert.NotEqual(0, sleep.ExitCode);
            Assert.NotEqual(before, await Machine.CheckAsync(Refusals));
        }

        Assert.Equal("0-2", await Machine.CheckAsync("cat /sys/devices/system/cpu/online"));
    }

    [Fact]
    public async Task OtherCpusComeAndGoWhileAServiceRuns()
    {
        await Machine.CheckAsync($"sosctl core reserve 3 && {Subject.StartEcho}");
        await Subject.AwaitAnswerAsync(Subject.EchoAddress);
        await Machine.CheckAsync(
            "cd /sys/devices/system/cpu; for i in 1 2 3; do for c in 1 2; do echo 0 > cpu$c/online; done; "
            + "for c in 1 2; do echo 1 > cpu$c/online; done; done",
            Limit);
        Assert.NotEqual(0, (await Machine.RunAsync("echo 1 > /sys/devices/system/cpu/cpu3/online")).ExitCode);
        Assert.NotEqual(0, (await Machine.RunAsync("rmmod sos")).ExitCode);
        Assert.Equal("3", await Machine.CheckAsync("cat /sys/class/misc/sos/reserved_cpus"));

        // Where the kernel has it, late loading of microcode wants every CPU online, and says no.
        Assert.NotEqual(0, (await Machine.RunAsync("echo 1 > /sys/devices/system/cpu/microcode/reload")).ExitCode);
        Assert.Equal(10, await Subject.PingAsync(Subject.EchoAddress, 10, 10));
        Assert.Equal("Running", (await Subject.StatusAsync()).GetProperty("state").GetString());
    }

    [Fact]
    public async Task CardThatIsRemovedEndsItsService()
    {
        await Machine.CheckAsync($"sosctl core reserve 3 && {Subject.StartEcho}");
        await Subject.AwaitAnswerAsync(Subject.EchoAddress);
        await Machine.CheckAsync("echo 1 > /sys/bus/pci/devices/0000:00:10.0/remove");
        Assert.Contains((await Subject.StatusAsync()).GetProperty("state").GetString(), new[] { "Stopped", "Failed" });
        CommandResult restart = await Machine.RunAsync("sosctl service restart 3");
        Assert.Equal(6, restart.ExitCode);
        await Machine.CheckAsync("echo 1 > /sys/bus/pci/rescan; sosctl core release 3");
        await Machine.AwaitAsync("ip -br addr show eth0 | grep -o 10.77.0.2", LabNetwork.MachineIPv4());
    }

    private Task StartDaemonAsync() => Machine.CheckAsync(
        "sosd > /tmp/sosd.log 2>&1 & echo $! > /tmp/sosd.pid; n=0; until grep -q started /tmp/sosd.log || [ $n = 300 ]; do sleep 0.1; n=$((n + 1)); done");
}

[Collection("6.1")]
public sealed class ReliabilityScenariosOn61(Linux61 lab) : ReliabilityScenarios(lab);

[Collection("6.12")]
public sealed class ReliabilityScenariosOn612(Linux612 lab) : ReliabilityScenarios(lab);

/// <summary>Machines with special hardware.</summary>
public sealed class SpecialMachineScenarios
{
    /// <summary>With an IOMMU the card reaches the service's memory alone, and sosctl says so.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task IommuConfinesTheCard(string kernel)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync();
        LabPeer client = await network.AddPeerAsync("client");
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, Network = network, Iommu = true });
        await machine.ConfigureAsync("eth0");
        Subject subject = new(machine, client);
        JsonElement card = Subject.Parse(await machine.CheckAsync("sosctl device list --json")).GetProperty("devices")[0];
        Assert.True(card.GetProperty("confined").GetBoolean());
        string started = await machine.CheckAsync($"sosctl core reserve 3 > /dev/null && {subject.StartEcho} --json");
        Assert.True(Subject.Parse(started).GetProperty("confined").GetBoolean());
        await subject.AwaitAnswerAsync(Subject.EchoAddress);
        await subject.AwaitAnswerAsync(LabNetwork.MachineIPv4());
        Assert.True((await subject.StatusAsync()).GetProperty("confined").GetBoolean());
        await machine.CheckAsync("sosctl core release 3");
        await subject.AwaitAnswerAsync(LabNetwork.MachineIPv4());
        machine.EnsureHealthy();
    }

    /// <summary>A lent thread stays lent while its processor's threads are switched off and on; Linux takes it back once it may.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task SmtControlLeavesALentThreadAlone(string kernel)
    {
        const string Control = "/sys/devices/system/cpu/smt/control";
        const string Online = "cat /sys/devices/system/cpu/online";
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, ThreadsPerCore = 2 });
        Assert.Equal("on", await machine.CheckAsync($"cat {Control}"));
        Assert.Contains("2", await machine.CheckAsync("sosctl core reserve 3 --share-core"), StringComparison.Ordinal);
        await machine.CheckAsync("sosctl service start 3 /usr/lib/sos/samples/Hello.sosimg");
        await machine.CheckAsync($"echo off > {Control}");
        Assert.Equal("0,2", await machine.CheckAsync(Online));
        Assert.Equal("Running", await StateAsync(machine));

        CommandResult early = await machine.RunAsync("sosctl core release 3");
        Assert.NotEqual(0, early.ExitCode);
        Assert.Contains(Control, early.Error, StringComparison.Ordinal);

        // 'on' starts threads in their order and ends at the first that it cannot start: ours, the last.
        Assert.NotEqual(0, (await machine.RunAsync($"echo on > {Control}")).ExitCode);
        Assert.Equal("0-2", await machine.CheckAsync(Online));
        await machine.CheckAsync("sosctl core release 3");
        Assert.Equal("0-3", await machine.CheckAsync(Online));
        machine.EnsureHealthy();
    }

    private static async Task<string?> StateAsync(LabMachine machine)
        => Subject.Parse(await machine.CheckAsync("sosctl service status 3 --json")).GetProperty("state").GetString();
}

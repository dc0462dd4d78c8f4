using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Sos.Lab.Agent;
using Sos.Lab.Guest;
using Sos.Lab.Machine;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The driver on machines whose hardware misbehaves, or confines a card half. tests/kernel/hardware_smoke.c asks it.</summary>
public sealed class HardwareScenarios
{
    private const string Online = "cat /sys/devices/system/cpu/online";
    private const string Smoke = "/usr/lib/sos/tests/hardware_smoke";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    /// <summary>A CPU that is reserved cannot be taken out of the machine; one that has come back can.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task ReservedCpuStaysInTheMachine(string kernel)
    {
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, SpareCpu = true });
        Assert.Equal("0-3", await machine.CheckAsync(Online));
        GuestCommand holder = machine.Start($"{Smoke} reserve 3 0");
        await machine.AwaitAsync(Online, "0-2");
        Assert.Equal("", await machine.MonitorAsync($"device_del {LabMachineOptions.SpareCpuDevice}"));
        await machine.Console.WaitForAsync("processor cpu3: Offline (failed|disabled)", Limit);
        Assert.Equal("3", await machine.CheckAsync("cat /sys/class/misc/sos/reserved_cpus"));
        await machine.CheckAsync("test -e /sys/devices/system/cpu/cpu3");
        holder.EndInput();
        Assert.Equal(0, (await holder.WaitAsync(Limit)).ExitCode);
        await machine.AwaitAsync(Online, "0-3");

        Assert.Equal("", await machine.MonitorAsync($"device_del {LabMachineOptions.SpareCpuDevice}"));
        await machine.AwaitAsync(Online, "0-2");
        await machine.AwaitAsync("test -e /sys/devices/system/cpu/cpu3; echo $?", "1");
        machine.EnsureHealthy();
    }

    /// <summary>A fault on the way into the monitor is no arrival: the CPU comes back, and the next reservation works.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task FaultOnTheWayIsNoArrival(string kernel)
    {
        GuestFile spoil = new(Path.Combine(LabPaths.Artifacts, "driver", kernel, "havoc", "sos_spoil.ko"), "/usr/lib/sos/tests/sos_spoil.ko");
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, Files = [spoil] });
        await machine.CheckAsync($"insmod {spoil.GuestPath}");
        CommandResult refused = await machine.RunAsync($"{Smoke} reserve 3 0");
        Assert.Equal("reserve EIO", refused.Text);
        await machine.Console.WaitForAsync("sos: cpu 3: fault on its way, vector 13", Limit);
        Assert.Equal("0-3", await machine.CheckAsync(Online));
        await machine.CheckAsync($"rmmod sos_spoil && {Smoke} reserve 3 0");
        machine.EnsureHealthy();
    }

    /// <summary>A device that cannot be reset is refused, and has no bus afterwards. Linux has no reset for this one.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task DeviceWithoutResetIsRefused(string kernel)
    {
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, Devices = ["pci-testdev,addr=0x18"] });
        await BindAsync(machine, "0000:00:18.0");
        CommandResult claim = await machine.RunAsync($"{Smoke} claim 3 0000:00:18.0");
        Assert.Equal("siblings 0\nclaim EIO", claim.Text);
        string command = await machine.CheckAsync("od -An -tx1 -j4 -N1 /sys/bus/pci/devices/0000:00:18.0/config");
        Assert.Equal(0, Convert.ToInt32(command.Trim(), 16) & 4);
        await machine.Console.WaitForAsync("0000:00:18.0: could not be reset", Limit);
        machine.EnsureHealthy();
    }

    /// <summary>A device that only its bridge can reset is reset by that, with the bridge's registers held: Linux misses nothing.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task DeviceIsResetByItsBridge(string kernel)
    {
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions
        {
            Kernel = kernel,
            Devices = ["pcie-root-port,id=bridge,addr=0x18,chassis=1", "pci-testdev,bus=bridge"],
        });
        string device = Path.GetFileName(await machine.CheckAsync("ls -d /sys/bus/pci/devices/0000:00:18.0/0000:??:??.?"));
        Assert.Equal("bus", await machine.CheckAsync($"cat /sys/bus/pci/devices/{device}/reset_method"));
        await BindAsync(machine, device);
        Assert.Contains("claim works", await machine.CheckAsync($"{Smoke} claim 3 {device}"), StringComparison.Ordinal);
        Assert.DoesNotContain("unlocked secondary bus reset", await machine.CheckAsync("dmesg"), StringComparison.Ordinal);

        // The bridge itself is nobody's: the bus is taken from it, and given to it, for all that lies behind.
        await machine.CheckAsync("cd /sys/bus/pci/devices/0000:00:18.0; echo 0000:00:18.0 > driver/unbind; echo sos > driver_override");
        _ = await machine.RunAsync("echo 0000:00:18.0 > /sys/bus/pci/drivers_probe");
        await machine.CheckAsync("test ! -e /sys/bus/pci/devices/0000:00:18.0/driver");
        machine.EnsureHealthy();
    }

    /// <summary>An error on PCI of the port above it ends the service of a card; Linux resets the link, and the card serves again.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task ErrorOnPciEndsTheServiceAndTheCardServesAgain(string kernel)
    {
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions
        {
            Kernel = kernel,
            Devices = ["pcie-root-port,id=bridge,addr=0x18,chassis=1", "igb,bus=bridge,romfile="],
        });
        string device = Path.GetFileName(await machine.CheckAsync("ls -d /sys/bus/pci/devices/0000:00:18.0/0000:??:??.?"));
        await BindAsync(machine, device);
        GuestCommand service = machine.Start($"{Smoke} outlive 3 {device} > /tmp/outlive");
        await machine.AwaitAsync("tail -n 1 /tmp/outlive", "runs 0");
        Assert.Contains("OK", await machine.MonitorAsync("pcie_aer_inject_error bridge COMP_ABORT"), StringComparison.Ordinal); // not fatal: no reset
        await machine.AwaitAsync("tail -n 1 /tmp/outlive", "runs 1");
        Assert.Contains("OK", await machine.MonitorAsync("pcie_aer_inject_error bridge MALF_TLP"), StringComparison.Ordinal); // fatal: the link is reset
        (await service.WaitAsync(Limit)).EnsureSuccess();
        const int Stopped = 5;
        Assert.EndsWith($"runs 0\nstate {Stopped}\nruns 1\nstate {Stopped}", await machine.CheckAsync("cat /tmp/outlive"), StringComparison.Ordinal);
        Assert.Contains($"{device}: PCI error: its service is to stop", await machine.CheckAsync("dmesg"), StringComparison.Ordinal);
        Assert.Contains("claim works", await machine.CheckAsync($"{Smoke} claim 3 {device}"), StringComparison.Ordinal);
        machine.EnsureHealthy();
    }

    /// <summary>The driver sets the card up anew with its own defaults, and the settings of before are given back.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task RingsAndTheLinkOfTheCardComeBack(string kernel)
    {
        const string tell = "ethtool -g eth0 | sed -n '/Current/,$p' | grep -E '^(RX|TX):'; ethtool eth0 | grep -E 'Speed|Duplex'";
        await using LabMachine machine = await LabMachine.BootAsync(
            new LabMachineOptions { Kernel = kernel, Devices = ["virtio-net-pci,addr=0x18,disable-legacy=on,rx_queue_size=1024,romfile="] });
        string fresh = await machine.CheckAsync(tell);

        // Not "ethtool -C eth0 tx-frames 0", though virtio-net has that, too: 6.12 then frees twice what it has sent when the card is taken from it.
        await machine.CheckAsync("ethtool -G eth0 rx 256 tx 128; ethtool -s eth0 speed 1000 duplex full; ip link set eth0 up");
        string set = await machine.CheckAsync(tell);
        Assert.Empty(set.Split('\n').Intersect(fresh.Split('\n')));
        await machine.CheckAsync("sosctl core reserve 3; sosctl service start 3 /usr/lib/sos/samples/Forwarder.sosimg --device eth0; sosctl service restart 3");
        string notes = await machine.CheckAsync("sosctl service stop 3 2>&1; sosctl core release 3");
        string now = await machine.CheckAsync(tell);
        Assert.True(set == now, $"{now}\n{notes}");
        machine.EnsureHealthy();
    }

    /// <summary>A card that shares what it receives among queues by a hash: key and fields are the card's again after a service had it.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task AReceiveHashComesBackWithTheCard(string kernel)
    {
        const string tell = "ethtool -x eth0; ethtool -n eth0 rx-flow-hash udp4";
        await using LabMachine machine = await LabMachine.BootAsync(
            new LabMachineOptions { Kernel = kernel, Devices = ["virtio-net-pci,addr=0x18,disable-legacy=on,rss=on,romfile="] });
        string fresh = await machine.CheckAsync(tell);
        string key = string.Join(':', Enumerable.Range(1, 40).Select(part => part.ToString("x2", CultureInfo.InvariantCulture)));
        await machine.CheckAsync($"ethtool -X eth0 hkey {key}; ethtool -N eth0 rx-flow-hash udp4 sd");
        string set = await machine.CheckAsync(tell);
        Assert.Contains(key, set, StringComparison.Ordinal);
        Assert.NotEqual(fresh, set);
        await machine.CheckAsync("sosctl core reserve 3; sosctl service start 3 /usr/lib/sos/samples/Forwarder.sosimg --device eth0");
        string notes = await machine.CheckAsync("sosctl service stop 3 2>&1; sosctl core release 3");
        Assert.True(set == await machine.CheckAsync(tell), notes);
        machine.EnsureHealthy();
    }

    /// <summary>Without interrupt remapping, or with a neighbour in its group, a card is confined by half, and taken by force only.</summary>
    [Theory]
    [InlineData("6.1", false)]
    [InlineData("6.1", true)]
    [InlineData("6.12", false)]
    [InlineData("6.12", true)]
    public async Task HalfConfinedCardNeedsForce(string kernel, bool interruptRemapping)
    {
        // Two functions of one device, without ACS between them, are one group.
        string[] devices = ["virtio-net-pci,addr=0x18.0,multifunction=on,disable-legacy=on,iommu_platform=on,romfile=",
            "virtio-net-pci,addr=0x18.1,disable-legacy=on,iommu_platform=on,romfile=", "virtio-net-pci,addr=0x19,disable-legacy=on,iommu_platform=on,romfile="];
        await using LabMachine machine = await LabMachine.BootAsync(
            new LabMachineOptions { Kernel = kernel, Iommu = true, InterruptRemapping = interruptRemapping, Devices = devices });
        await BindAsync(machine, "0000:00:18.0");
        await BindAsync(machine, "0000:00:19.0");
        string remapping = interruptRemapping ? "1" : "0";

        Assert.Equal("siblings 0\nclaim EXDEV", (await machine.RunAsync($"{Smoke} claim 3 0000:00:18.0")).Text);
        Assert.Equal($"siblings 0\nclaim works\nmemory 1\ninterrupts {remapping}\ngroup 0", await machine.CheckAsync($"{Smoke} claim 3 0000:00:18.0 force"));
        CommandResult alone = await machine.RunAsync($"{Smoke} claim 3 0000:00:19.0");
        Assert.Equal(interruptRemapping ? "siblings 0\nclaim works\nmemory 1\ninterrupts 1\ngroup 1" : "siblings 0\nclaim EXDEV", alone.Text);

        if (interruptRemapping)
        {
            // Both functions for one service: nobody else is in the group, and one region is mapped for each.
            await BindAsync(machine, "0000:00:18.1");
            await machine.CheckAsync($"{Smoke} claim 3 0000:00:18.0");
            Assert.EndsWith("other ENOENT", await machine.CheckAsync($"{Smoke} share 3 0000:00:18.0 0000:00:19.0"), StringComparison.Ordinal);
        }

        machine.EnsureHealthy();
    }

    /// <summary>Where threads of a core read each other, both leave Linux and both come back; who wants one alone says so.</summary>
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task BothThreadsOfALeakyCoreLeave(string kernel)
    {
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, ThreadsPerCore = 2 });
        GuestCommand holder = machine.Start($"{Smoke} reserve 3 0");
        await machine.AwaitAsync(Online, "0-1");
        Assert.Equal("2-3", await machine.CheckAsync("cat /sys/class/misc/sos/reserved_cpus"));
        Assert.NotEqual(0, (await machine.RunAsync("echo 1 > /sys/devices/system/cpu/cpu2/online")).ExitCode);
        Assert.Equal("reserve EBUSY", (await machine.RunAsync($"{Smoke} reserve 2 0")).Text);
        holder.EndInput();
        Assert.Equal("siblings 1", (await holder.WaitAsync(Limit)).EnsureSuccess().Text);
        await machine.AwaitAsync(Online, "0-3");

        Assert.Equal("reserve EXDEV", (await machine.RunAsync($"{Smoke} reserve 1 0")).Text); // its other thread is cpu 0
        Assert.Equal("0-3", await machine.CheckAsync(Online));
        const int ShareCore = 2;
        holder = machine.Start($"{Smoke} reserve 1 {ShareCore}");
        await machine.AwaitAsync(Online, "0,2-3");
        holder.EndInput();
        Assert.Equal("siblings 0", (await holder.WaitAsync(Limit)).EnsureSuccess().Text);
        await machine.AwaitAsync(Online, "0-3");

        // A thread that was offline before stays so while the core is a service's, and afterwards until somebody wants it.
        await machine.CheckAsync("echo 0 > /sys/devices/system/cpu/cpu2/online");
        holder = machine.Start($"{Smoke} reserve 3 0");
        await machine.AwaitAsync(Online, "0-1");
        Assert.Equal("2-3", await machine.CheckAsync("cat /sys/class/misc/sos/reserved_cpus"));
        Assert.NotEqual(0, (await machine.RunAsync("echo 1 > /sys/devices/system/cpu/cpu2/online")).ExitCode);
        holder.EndInput();
        Assert.Equal("siblings 1", (await holder.WaitAsync(Limit)).EnsureSuccess().Text);
        await machine.AwaitAsync(Online, "0-1,3");
        await machine.CheckAsync("echo 1 > /sys/devices/system/cpu/cpu2/online");
        await machine.AwaitAsync(Online, "0-3");
        machine.EnsureHealthy();
    }

    /// <summary>Memory in blocks of 1 GiB: what there is can be had, from Linux and from the pool, and goes back; more cannot.</summary>
    [Fact]
    public Task HugeMemoryIsHadAndGivenBack() => TryHugeMemoryAsync("6.12");

    /// <summary>The same on the older kernel.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task HugeMemoryIsHadAndGivenBackOnTheOlderKernel() => TryHugeMemoryAsync("6.1");

    private static async Task TryHugeMemoryAsync(string kernel)
    {
        // What cannot move (the kernel, its page structs, the root file system) spoils three or four blocks of each boot.
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, MemoryMiB = 10240 });
        const string Works = "siblings 0\nstate 5\nsum right";
        Assert.Equal("siblings 0\nregion ENOMEM", (await machine.RunAsync($"{Smoke} huge 3 10", Limit)).Text);
        for (int round = 0; round < 2; round++)
        {
            // Linux empties a block by moving what lies there, and a page that somebody holds just then stays: ENOMEM until it is let go.
            await machine.AwaitAsync($"{Smoke} huge 3 2", Works);
        }

        await machine.AwaitAsync($"rmmod sos && modprobe sos pool_huge=2 && {Smoke} huge 3 2", Works);
        const string FreeKiB = "awk '$1 == \"MemFree:\" { print $2 }' /proc/meminfo";
        int with = int.Parse(await machine.CheckAsync(FreeKiB), CultureInfo.InvariantCulture);
        await machine.CheckAsync("rmmod sos", Limit);
        int without = int.Parse(await machine.CheckAsync(FreeKiB), CultureInfo.InvariantCulture);
        Assert.True(without - with > 1 << 20, $"{with} KiB were free with the pool, {without} without");
        machine.EnsureHealthy();
    }

    private static Task BindAsync(LabMachine machine, string address) => machine.CheckAsync(
        $"cd /sys/bus/pci/devices/{address}; test ! -e driver || echo {address} > driver/unbind; echo sos > driver_override; "
        + $"echo {address} > /sys/bus/pci/drivers_probe; test $(basename $(readlink driver)) = sos");
}

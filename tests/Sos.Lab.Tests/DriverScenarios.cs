using System;
using System.Globalization;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The driver on a stock kernel, without the control plane.</summary>
public abstract class DriverScenarios(LabFixture lab) : Scenario(lab)
{
    private static readonly TimeSpan SmokeLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan BannerLimit = TimeSpan.FromSeconds(30);
    private const int FuzzSeconds = 20;

    [Fact]
    public Task BannerStatesVersionAndAbi()
        => Machine.Console.WaitForAsync(@"sos: version \d+\.\d+\.\d+\S*, ABI \d+", BannerLimit); // dmesg forgets what is old

    [Fact]
    public async Task UnloadsAndLoadsAgain()
    {
        for (int round = 0; round < 3; round++)
        {
            await Machine.CheckAsync("rmmod sos");
            Assert.NotEqual(0, (await Machine.RunAsync("test -e /dev/sos")).ExitCode);
            await Machine.CheckAsync("modprobe sos && test -c /dev/sos");
        }
    }

    /// <summary>tests/kernel/abi_smoke.c: every ioctl, its errors, faults of services, lifetimes.</summary>
    [Fact]
    public Task AbiSmokePasses() => TryAbiSmokeAsync(cpu: 1, second: 2);

    /// <summary>The same on the last CPU of the machine.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task AbiSmokePassesOnTheLastCpu() => TryAbiSmokeAsync(cpu: 3, second: 1);

    private async Task TryAbiSmokeAsync(int cpu, int second)
    {
        CommandResult result = await Machine.RunAsync($"/usr/lib/sos/tests/abi_smoke {cpu} - {second}", SmokeLimit);
        string[] failures = result.Output.Split('\n').Where(line => line.StartsWith("not ok", StringComparison.Ordinal)).ToArray();
        Assert.True(result.ExitCode == 0 && failures.Length == 0, $"exit code {result.ExitCode}\n{string.Join('\n', failures)}");
        Assert.Equal("4", await Machine.CheckAsync("nproc"));
    }

    /// <summary>A pool is what services get their memory from; all of it is back when the driver goes.</summary>
    [Fact]
    public async Task PoolIsTakenAtLoadAndGivenBack()
    {
        const string FreeKiB = "echo 3 > /proc/sys/vm/drop_caches; awk '$1 == \"MemFree:\" { print $2 }' /proc/meminfo";
        const int PoolMiB = 128;
        await Machine.CheckAsync("rmmod sos");
        try
        {
            int before = int.Parse(await Machine.CheckAsync(FreeKiB), CultureInfo.InvariantCulture);
            await Machine.CheckAsync($"modprobe sos pool={PoolMiB}");
            int during = int.Parse(await Machine.CheckAsync(FreeKiB), CultureInfo.InvariantCulture);
            Assert.True(before - during > PoolMiB * 1024 / 2, $"{before} KiB were free, {during} with the pool");
            await Machine.CheckAsync(
                "for i in 1 2 3; do sosctl core reserve 3 && sosctl service start 3 /usr/lib/sos/samples/Hello.sosimg && sosctl core release 3 || exit; done",
                SmokeLimit);
            await Machine.CheckAsync("rmmod sos");
            int after = int.Parse(await Machine.CheckAsync(FreeKiB), CultureInfo.InvariantCulture);
            Assert.True(before - after < PoolMiB * 1024 / 2, $"{before} KiB were free, {after} afterwards");
        }
        finally
        {
            await Machine.RunAsync("rmmod sos; modprobe sos");
        }
    }

    /// <summary>tests/kernel/abi_fuzz.c: concurrent callers with good and bad arguments; every answer is documented, every core comes back.</summary>
    [Fact]
    public async Task WithstandsItsCallers()
    {
        CommandResult result = await Machine.RunAsync($"/usr/lib/sos/tests/abi_fuzz {FuzzSeconds} 0 2 3", SmokeLimit);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}\n{result.Output}");
        Assert.Equal("4", await Machine.CheckAsync("nproc"));
        await Machine.CheckAsync("rmmod sos && modprobe sos");
    }
}

[Collection("6.1")]
public sealed class DriverScenariosOn61(Linux61 lab) : DriverScenarios(lab);

[Collection("6.12")]
public sealed class DriverScenariosOn612(Linux612 lab) : DriverScenarios(lab);

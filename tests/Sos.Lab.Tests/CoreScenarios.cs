using System;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>Cores go to SOS and back by <c>sosctl</c>, and wrong commands are refused with advice.</summary>
public abstract class CoreScenarios(LabFixture lab) : Scenario(lab)
{
    private const string Online = "cat /sys/devices/system/cpu/online";

    [Fact]
    public async Task ReservedCoreIsOfflineForLinuxAndComesBack()
    {
        Assert.Equal("0-3", await Machine.CheckAsync(Online));
        await Machine.CheckAsync("sosctl core reserve 3");
        Assert.Equal("0-2", await Machine.CheckAsync(Online));
        Assert.Equal("3", await Machine.CheckAsync("nproc"));
        JsonElement core = (await CoresAsync())[3];
        Assert.Equal(("sos", "Reserved"), (core.GetProperty("owner").GetString(), core.GetProperty("state").GetString()));

        await Machine.CheckAsync("sosctl core release 3");
        Assert.Equal("0-3", await Machine.CheckAsync(Online));
        Assert.Equal("linux", (await CoresAsync())[3].GetProperty("owner").GetString());
        Assert.Equal("3", await Machine.CheckAsync("taskset -c 3 sh -c \"awk '{print \\$39}' /proc/self/stat\""));
    }

    [Fact]
    public async Task AllCoresButTheFirstGoAndComeBack()
    {
        await Machine.CheckAsync("for cpu in 1 2 3; do sosctl core reserve $cpu || exit; done");
        Assert.Equal("0", await Machine.CheckAsync(Online));
        await Machine.CheckAsync("for cpu in 2 1 3; do sosctl core release $cpu || exit; done");
        Assert.Equal("0-3", await Machine.CheckAsync(Online));
    }

    [Fact]
    public async Task CoreGoesWhileLinuxIsBusyOnIt()
    {
        await Machine.CheckAsync("for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done > /dev/null 2>&1; echo $! > /tmp/busy");
        try
        {
            for (int round = 0; round < 3; round++)
            {
                await Machine.CheckAsync("sosctl core reserve 2");
                // Calls to all CPUs, which Linux may broadcast to those that are offline too.
                await Machine.CheckAsync("echo 1 > /proc/sys/vm/drop_caches; echo l > /proc/sysrq-trigger; modprobe dummy; rmmod dummy");
                await Machine.CheckAsync("sosctl core release 2");
            }
        }
        finally
        {
            _ = await Machine.RunAsync("kill -9 -$(awk '{print $5}' /proc/$(cat /tmp/busy)/stat)");
        }
    }

    [Fact]
    public async Task DriverStaysWhileACoreIsReserved()
    {
        await Machine.CheckAsync("sosctl core reserve 1");
        Assert.NotEqual(0, (await Machine.RunAsync("rmmod sos")).ExitCode);
        await Machine.CheckAsync("sosctl core release 1");
    }

    /// <summary>Usage errors end with 2, refusals with 5, missing things with 6; the message says what to do next.</summary>
    [Theory]
    [InlineData("", 2)]
    [InlineData("nonsense", 2)]
    [InlineData("core", 2)]
    [InlineData("core nonsense", 2)]
    [InlineData("core reserve", 2)]
    [InlineData("core reserve three", 2)]
    [InlineData("core reserve -1", 6)]
    [InlineData("core reserve 3 4 5", 2)]
    [InlineData("core reserve 99999999999999999999", 2)]
    [InlineData("core reserve 4", 6)]
    [InlineData("core reserve 0", 5)]
    [InlineData("core release", 2)]
    [InlineData("core release 0", 6)]
    [InlineData("core release 3", 6)]
    [InlineData("core release 77", 6)]
    [InlineData("core list 3", 2)]
    [InlineData("core list --nonsense", 2)]
    [InlineData("version 1", 2)]
    public async Task BadCommandIsRefusedWithAdvice(string arguments, int exitCode)
    {
        CommandResult result = await Machine.RunAsync("sosctl " + arguments);
        Assert.True(exitCode == result.ExitCode, $"exit code {result.ExitCode}\n{result.Output}{result.Error}");
        Assert.StartsWith("sosctl: ", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.Equal("0-3", await Machine.CheckAsync(Online));
    }

    [Fact]
    public async Task ReservingTwiceIsRefused()
    {
        await Machine.CheckAsync("sosctl core reserve 3");
        CommandResult again = await Machine.RunAsync("sosctl core reserve 3");
        await Machine.CheckAsync("sosctl core release 3");
        Assert.Equal(5, again.ExitCode);
    }

    [Fact]
    public async Task WithoutTheDriverEveryCommandSaysSo()
    {
        await Machine.CheckAsync("rmmod sos");
        CommandResult result = await Machine.RunAsync("sosctl core reserve 3");
        await Machine.CheckAsync("modprobe sos");
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("modprobe sos", result.Error, StringComparison.Ordinal);
    }

    private async Task<JsonElement[]> CoresAsync()
    {
        using JsonDocument document = JsonDocument.Parse(await Machine.CheckAsync("sosctl core list --json"));
        return document.RootElement.GetProperty("cores").EnumerateArray().Select(core => core.Clone()).ToArray();
    }
}

[Collection("6.1")]
public sealed class CoreScenariosOn61(Linux61 lab) : CoreScenarios(lab);

[Collection("6.12")]
public sealed class CoreScenariosOn612(Linux612 lab) : CoreScenarios(lab);

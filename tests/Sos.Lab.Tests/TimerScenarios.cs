using System;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Agent;
using Sos.Lab.Machine;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The timer service on a core: two Linux programs, all clocks, a clock that is set meanwhile, and clients that die.</summary>
public abstract class TimerScenarios(LabFixture lab) : Scenario(lab)
{
    private const string Clients = "/usr/lib/sos/tests/timer_clients";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private GuestCommand? _server;

    protected override string CleanUp =>
        "kill $(pidof sosctl); for i in $(seq 100); do pidof sosctl > /dev/null || break; sleep 0.1; done; "
        + "sosctl service stop 3; sosctl core release 3";

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Machine.CheckAsync("rm -f /tmp/stop /tmp/out*; sosctl core reserve 3");
        _server = Machine.Start("exec sosctl timer serve 3 > /tmp/serve 2>&1");
        await AwaitAsync("test -S /run/sos/timer.sock", "the broker does not listen");
    }

    [Fact]
    public async Task TwoProgramsTimersFireOnAllClocksAcrossAStepAndNoneIsSkipped()
    {
        GuestCommand first = Machine.Start($"exec {Clients} /tmp/stop > /tmp/out1 2>&1");
        GuestCommand second = Machine.Start($"exec {Clients} /tmp/stop > /tmp/out2 2>&1");
        await AwaitAsync("grep -q armed /tmp/out1 && grep -q armed /tmp/out2", "the clients do not arm", "cat /tmp/out*");
        JsonElement before = await StatAsync();
        Assert.True(before.GetProperty("armed").GetUInt32() >= 1000, before.ToString());
        Assert.Equal(2, before.GetProperty("clients").GetArrayLength());
        await Machine.CheckAsync("date -s @$(($(date +%s) + 3600))");
        try
        {
            await AwaitAsync(
                $"sosctl timer stat 3 --json | grep -q '\"clock_steps\":{before.GetProperty("clock_steps").GetUInt64() + 2}'", "the step did not come through");
            await Machine.CheckAsync("touch /tmp/stop");
            CommandResult[] ends = [await first.WaitAsync(Limit), await second.WaitAsync(Limit)];
            string output = await Machine.CheckAsync("cat /tmp/out1 /tmp/out2");
            Assert.True(ends.All(end => end.ExitCode == 0), output);
            Assert.DoesNotContain("not ok", output, StringComparison.Ordinal);
        }
        finally
        {
            await Machine.CheckAsync("date -s @$(($(date +%s) - 3600))");
        }

        await AwaitAsync("sosctl timer stat --json | grep -q '\"armed\":0,'", "the timers of ended clients are not reclaimed");
        JsonElement after = await StatAsync();
        Assert.True(after.GetProperty("expirations").GetUInt64() > 1200, after.ToString());
        Assert.True(after.GetProperty("misses").GetUInt64() <= after.GetProperty("expirations").GetUInt64());
    }

    [Fact]
    public async Task AKilledClientsTimersAreReclaimedAndAnotherUserIsRefused()
    {
        GuestCommand client = Machine.Start($"exec {Clients} /tmp/stop > /tmp/out1 2>&1");
        await AwaitAsync("grep -q armed /tmp/out1", "the client does not arm", "cat /tmp/out1");
        Assert.Contains("Armed", await Machine.CheckAsync("sosctl timer list"), StringComparison.Ordinal);
        await Machine.CheckAsync("kill -9 $(pidof timer_clients)");
        Assert.NotEqual(0, (await client.WaitAsync(Limit)).ExitCode);
        await AwaitAsync("sosctl timer stat --json | grep -q '\"armed\":0,'", "the timers of a killed client are not reclaimed");

        // The socket is root's alone, unless --allow names others.
        CommandResult other = await Machine.RunAsync("su -s /bin/sh nobody -c '/usr/lib/sos/samples/control_loop 1000 1'");
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("Permission denied", other.Error, StringComparison.Ordinal);
        string loop = await Machine.CheckAsync("/usr/lib/sos/samples/control_loop 500 1");
        Assert.True(int.Parse(loop.Split(' ')[0], CultureInfo.InvariantCulture) >= 500, loop); // More, if several were due at the last.
    }

    [Fact]
    public async Task TheServiceStopsOnASignalAndTheCoreIsEmptyAgain()
    {
        await Machine.CheckAsync("kill -TERM $(pidof sosctl)");
        CommandResult end = await _server!.WaitAsync(Limit);
        Assert.True(end.ExitCode == 0, await Machine.CheckAsync("cat /tmp/serve"));
        await Machine.CheckAsync("! test -e /run/sos/timer.sock");
        Assert.Contains("Reserved", await Machine.CheckAsync("sosctl core list"), StringComparison.Ordinal);
        Assert.Equal(6, (await Machine.RunAsync("sosctl timer stat")).ExitCode);
        Assert.Equal(1, (await Machine.RunAsync("/usr/lib/sos/samples/control_loop")).ExitCode);
    }

    private async Task<JsonElement> StatAsync()
    {
        using JsonDocument document = JsonDocument.Parse(await Machine.CheckAsync("sosctl timer stat --json"));
        return document.RootElement.Clone();
    }

    private async Task AwaitAsync(string condition, string problem, string? show = null)
    {
        string script = string.Create(
            CultureInfo.InvariantCulture, $"for i in $(seq 300); do if {condition}; then exit 0; fi; sleep 0.2; done; {show ?? "cat /tmp/serve"}; exit 1");
        CommandResult result = await Machine.RunAsync(script, Limit);
        Assert.True(result.ExitCode == 0, $"{problem}\n{result.Output}{result.Error}");
    }
}

[Collection("6.1")]
public sealed class TimerScenariosOn61(Linux61 lab) : TimerScenarios(lab);

[Collection("6.12")]
public sealed class TimerScenariosOn612(Linux612 lab) : TimerScenarios(lab);

/// <summary>
/// A Linux that calibrated the TSC while its host took the CPU away believes in a wrong frequency. With another clock source its own clocks are right, and so
/// are a core's.
/// </summary>
public sealed class WrongFrequencyScenarios
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("6.1", 100_000)]
    [InlineData("6.12", 700_000)]
    public async Task TimersFollowLinuxsClocksAllTheSame(string kernel, int khz)
    {
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, KernelArguments = $"tsc_early_khz={khz}" });
        await machine.CheckAsync("sosctl core reserve 3");
        _ = machine.Start("exec sosctl timer serve 3 > /tmp/serve 2>&1");
        await machine.AwaitAsync("test -S /run/sos/timer.sock && echo yes", "yes", Limit, "cat /tmp/serve");
        GuestCommand client = machine.Start("exec /usr/lib/sos/tests/timer_clients /tmp/stop > /tmp/out 2>&1");
        await machine.AwaitAsync("grep -c ^armed /tmp/out", "1", Limit, "cat /tmp/out");
        await machine.CheckAsync("date -s @$(($(date +%s) + 3600))");
        await machine.AwaitAsync("sosctl timer stat 3 --json | grep -o '\"clock_steps\":[1-9]' | cut -d: -f2", "2", Limit, "sosctl timer stat 3");
        await machine.CheckAsync("touch /tmp/stop");
        CommandResult end = await client.WaitAsync(Limit);
        Assert.True(end.ExitCode == 0, await machine.CheckAsync("cat /tmp/out"));
        machine.EnsureHealthy();
    }
}

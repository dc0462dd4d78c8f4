using System;
using System.Text.Json;
using System.Threading.Tasks;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The proof of quiet, in a machine under load: Linux counts nothing on a service core, and does on the same cpu when it is its own.</summary>
public abstract class NoiseScenarios(LabFixture lab) : Scenario(lab)
{
    protected override string CleanUp
        => "kill -9 -$(awk '{print $5}' /proc/$(cat /tmp/busy)/stat); sosctl service stop 3; sosctl core release 3";

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Machine.CheckAsync(
            "for i in 1 2 3 4; do (while :; do :; done) & done > /dev/null 2>&1; (while :; do ls -R /proc > /dev/null 2>&1; done) & echo $! > /tmp/busy");
    }

    [Fact]
    public async Task LinuxCountsNothingOnAServiceCoreAndDoesOnItsOwn()
    {
        await Machine.CheckAsync("sosctl core reserve 3");
        JsonElement core = await MeasureAsync("");
        Assert.Equal("Core", core.GetProperty("place").GetString());
        foreach (JsonProperty count in core.GetProperty("linux_before").EnumerateObject())
        {
            Assert.Equal((count.Name, count.Value.GetUInt64()), (count.Name, core.GetProperty("linux_after").GetProperty(count.Name).GetUInt64()));
        }

        Assert.True(core.GetProperty("linux_before").GetProperty("timer_interrupts").GetUInt64() > 0, core.ToString());
        Assert.True(core.GetProperty("linux_before").GetProperty("context_switches").GetUInt64() > 0, core.ToString());
        await Machine.CheckAsync("sosctl core release 3");

        JsonElement thread = await MeasureAsync("--on thread");
        Assert.Equal("Thread", thread.GetProperty("place").GetString());
        foreach (string name in (string[])["timer_interrupts", "soft_interrupts", "context_switches"])
        {
            Assert.True(
                thread.GetProperty("linux_after").GetProperty(name).GetUInt64() > thread.GetProperty("linux_before").GetProperty(name).GetUInt64(), name);
        }

        Assert.Contains("timer interrupt", thread.GetProperty("largest").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFifoThreadIsMeasuredShownAndExported()
    {
        JsonElement fifo = await MeasureAsync("--on fifo");
        Assert.Equal("Fifo", fifo.GetProperty("place").GetString());
        Assert.DoesNotContain("no isolated cpuset", fifo.GetProperty("notes").ToString(), StringComparison.Ordinal);
        string text = await Machine.CheckAsync("sosctl noise show 3");
        Assert.Contains("P99.99", text, StringComparison.Ordinal);
        Assert.Contains("context switches", text, StringComparison.Ordinal);
        await Machine.CheckAsync("sosctl noise export 3 --output /tmp/noise");
        await Machine.CheckAsync("grep -q Percentile /tmp/noise/noise-3.hgrm && grep -q '<svg' /tmp/noise/noise-3.svg");
        Assert.Equal("0", await Machine.CheckAsync("ls -d /sys/fs/cgroup/sos-thread-* 2>/dev/null | wc -l"));
    }

    [Theory]
    [InlineData("noise show 2", 6)]
    [InlineData("noise run 3 --on core", 6)]
    [InlineData("noise run 77", 6)]
    [InlineData("noise run 3 --duration 0", 2)]
    [InlineData("noise run 3 --on moon", 2)]
    [InlineData("noise run 3 --image /bin/busybox", 7)]
    [InlineData("timer serve 3", 6)]
    [InlineData("timer list 3", 6)]
    public async Task BadCommandIsRefusedWithAdvice(string arguments, int exitCode)
    {
        CommandResult result = await Machine.RunAsync("sosctl " + arguments);
        Assert.True(exitCode == result.ExitCode, $"exit code {result.ExitCode}\n{result.Output}{result.Error}");
        Assert.StartsWith("sosctl: ", result.Error, StringComparison.Ordinal);
    }

    private async Task<JsonElement> MeasureAsync(string where)
    {
        using JsonDocument document = JsonDocument.Parse(
            await Machine.CheckAsync($"sosctl noise run 3 {where} --duration 3 --json", TimeSpan.FromMinutes(1)));
        return document.RootElement.Clone();
    }
}

[Collection("6.1")]
public sealed class NoiseScenariosOn61(Linux61 lab) : NoiseScenarios(lab);

[Collection("6.12")]
public sealed class NoiseScenariosOn612(Linux612 lab) : NoiseScenarios(lab);

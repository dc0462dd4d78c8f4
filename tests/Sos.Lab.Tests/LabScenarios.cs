using System;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Sos.Lab.Agent;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The lab itself: what the other scenarios stand on.</summary>
public abstract class LabScenarios(LabFixture lab) : Scenario(lab)
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task RunsTheKernelThatWasAskedFor()
    {
        string release = await Machine.CheckAsync("uname -r");
        Assert.Equal(Machine.Kernel.Release, release);
        Assert.StartsWith(Machine.Options.Kernel + ".", release, StringComparison.Ordinal);
        Assert.Equal("4", await Machine.CheckAsync("nproc"));
    }

    [Fact]
    public async Task ReturnsExitCodeAndBothOutputs()
    {
        CommandResult result = await Machine.RunAsync("echo good; echo bad >&2; exit 7");
        Assert.Equal((7, "good\n", "bad\n"), (result.ExitCode, result.Output, result.Error));
        Assert.Equal(127, (await Machine.RunAsync("no-such-command")).ExitCode);
        await Assert.ThrowsAsync<LabException>(() => Machine.CheckAsync("false"));
    }

    [Fact]
    public async Task CarriesFilesBothWays()
    {
        byte[] content = new byte[300_000];
        new Random(1).NextBytes(content);
        await Machine.WriteFileAsync("/tmp/content", content);
        Assert.Equal(content, await Machine.ReadFileAsync("/tmp/content"));
    }

    [Fact]
    public async Task RunsCommandsAtOnceAndKillsThem()
    {
        GuestCommand sleeper = Machine.Start("sleep 1000 & sleep 1000; echo never");
        GuestCommand echo = Machine.Start("cat");
        echo.WriteInput("through\n"u8);
        echo.EndInput();
        Assert.Equal("through\n", (await echo.WaitAsync(Short)).Output);
        Assert.False(sleeper.HasEnded);
        sleeper.Kill();
        CommandResult killed = await sleeper.WaitAsync(Short);
        Assert.Equal((137, ""), (killed.ExitCode, killed.Output));
        Assert.Equal("", await Machine.CheckAsync("pgrep -f '^sleep 1000' || true"));
    }

    [Fact]
    public async Task LimitsACommand()
    {
        await Assert.ThrowsAsync<TimeoutException>(() => Machine.RunAsync("sleep 100", TimeSpan.FromSeconds(1)));
        Assert.Equal("here", await Machine.CheckAsync("echo here"));
    }

    [Fact]
    public async Task BackgroundWorkDoesNotHoldUpItsStarter()
    {
        CommandResult result = await Machine.RunAsync("sleep 30 & echo started", Short);
        Assert.Equal((0, "started\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public async Task PeersReachTheMachineThroughItsCard()
    {
        await Machine.ConfigureAsync("eth0");
        (await Client.RunAsync($"ping -c 2 -W 5 {LabNetwork.MachineIPv4()}")).EnsureSuccess();
        (await Attacker.RunAsync($"ping -c 2 -W 5 {LabNetwork.MachineIPv6()}")).EnsureSuccess();
        Assert.Equal(
            LabMachine.CardAddress(), await Machine.CheckAsync("basename $(readlink -f /sys/class/net/eth0/device/..)"));
    }

    [Fact]
    public async Task PeersUseTheGuestsServers()
    {
        await Machine.ConfigureAsync("eth0");
        await Machine.StartSshAsync();
        CommandResult ssh = await Client.RunAsync(Machine.SshCommand() + " uname -n", TimeSpan.FromSeconds(60));
        Assert.Equal("sos", ssh.EnsureSuccess().Text);

        await Machine.CheckAsync("mkdir -p /tmp/www && echo hello > /tmp/www/index.html && httpd -p 80 -h /tmp/www");
        CommandResult http = await Client.RunAsync($"curl -sS --max-time 20 http://{LabNetwork.MachineIPv4()}/");
        Assert.Equal("hello", http.EnsureSuccess().Text);

        await Machine.CheckAsync("iperf3 -s -D -1 > /dev/null");
        (await Client.RunAsync($"iperf3 -c {LabNetwork.MachineIPv4()} -n 2M -J")).EnsureSuccess();
        await Machine.CheckAsync("killall httpd dropbear");
    }

    [Fact]
    public async Task NftablesWorksInTheGuest()
    {
        string rules = await Machine.CheckAsync(
            "unshare -n nft -f /dev/stdin -j -c <<'END' && echo fine\n"
            + """{"nftables":[{"add":{"table":{"family":"inet","name":"t"}}}]}""" + "\nEND");
        Assert.Equal("fine", rules);
        string kernelLog = Encoding.UTF8.GetString(await Machine.ReadFileAsync("/proc/modules"));
        Assert.Contains("nf_tables", kernelLog.Split('\n').Select(line => line.Split(' ')[0]));
    }
}

[Collection("6.1")]
public sealed class LabScenariosOn61(Linux61 lab) : LabScenarios(lab);

[Collection("6.12")]
public sealed class LabScenariosOn612(Linux612 lab) : LabScenarios(lab);

using System;
using System.Threading.Tasks;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// The cable of the machine's card is drawn and put back (QEMU's set_link) while a service has the card. Linux sees it as the carrier of its own
/// device, and its connections go on as soon as the cable is back.
/// </summary>
public abstract class LinkScenarios(LabFixture lab) : Scenario(lab)
{
    private const string Rules = "/tmp/link.nft";
    private const string Firewall = "/usr/lib/sos/firewall.sosimg --rules " + Rules;
    private const string Forwarder = "/usr/lib/sos/samples/Forwarder.sosimg";
    private const string Pacing = "/usr/lib/sos/samples/Pacing.sosimg -p packets-per-second=100000";
    private const string Echo = "/usr/lib/sos/samples/Echo.sosimg -p address=167772414"; // 10.0.0.254

    private static readonly string Address = LabNetwork.MachineIPv4();

    protected override string CleanUp => "sosctl service stop 3; sosctl core release 3";

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Machine.ConfigureAsync("eth0");
        await Machine.CheckAsync(
            $"echo 'table inet f {{ chain c {{ type filter hook input priority 0; policy accept; udp dport 9 drop; }}; }}' > {Rules}");
        await Machine.CheckAsync("sosctl core reserve 3");
    }

    public override async Task DisposeAsync()
    {
        if (Machine.IsRunning)
        {
            await SetLinkAsync(up: true);
        }

        await base.DisposeAsync();
    }

    [Theory]
    [InlineData(Firewall)]
    [InlineData(Forwarder)]
    [InlineData(Pacing)]
    [InlineData(Echo)]
    public async Task ACardWithoutLinkAtTheStartWorksOnceItHasOne(string service)
    {
        await SetLinkAsync(up: false);
        await Machine.CheckAsync($"sosctl service start 3 {service} --device eth0");
        await AwaitCarrierAsync(0);
        await SetLinkAsync(up: true);
        await AwaitCarrierAsync(1);
        await PingAsync();
    }

    [Theory]
    [InlineData(Firewall)]
    [InlineData(Forwarder)]
    public async Task AFlappingLinkIsFollowedAndTrafficComesBack(string service)
    {
        await Machine.CheckAsync($"sosctl service start 3 {service} --device eth0");
        await AwaitCarrierAsync(1);
        for (int i = 0; i < 5; i++)
        {
            await SetLinkAsync(up: false);
            await AwaitCarrierAsync(0);
            await SetLinkAsync(up: true);
            await AwaitCarrierAsync(1);
        }

        await PingAsync();
        string changes = await Machine.CheckAsync("sosctl service status 3 --json");
        Assert.Contains("\"nic.link_changes\":11", changes.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("\"nic.failures\":0", changes.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    private async Task SetLinkAsync(bool up) => Assert.Equal("", await Machine.MonitorAsync($"set_link net0 {(up ? "on" : "off")}"));

    /// <summary>Waits until Linux's device has that carrier. A device that is down tells of none.</summary>
    private async Task AwaitCarrierAsync(int carrier)
    {
        string last = "";
        for (int attempt = 0; attempt < 300 && last != $"{carrier}"; attempt++)
        {
            last = (await Machine.RunAsync("cat /sys/class/net/eth0/carrier")).Output.Trim();
            await Task.Delay(last == $"{carrier}" ? 0 : 200);
        }

        Assert.True(last == $"{carrier}", $"carrier {last}\n" + await Machine.CheckAsync("ip link show dev eth0; sosctl service log 3"));
    }

    private async Task PingAsync()
    {
        CommandResult ping = await Client.RunAsync($"ping -q -c 4 -i 0.2 -W 10 {Address}");
        Assert.True(ping.ExitCode == 0, ping.Output + ping.Error);
    }
}

[Collection("6.1")]
public sealed class LinkScenariosOn61(Linux61 lab) : LinkScenarios(lab);

[Collection("6.12")]
public sealed class LinkScenariosOn612(Linux612 lab) : LinkScenarios(lab);

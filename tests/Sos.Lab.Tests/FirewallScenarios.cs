using System;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// The firewall on a core of its own, in front of the machine's card: Linux keeps its address and its connections, what the rules
/// block does not arrive, and the rules change under traffic.
/// </summary>
public abstract class FirewallScenarios(LabFixture lab) : Scenario(lab)
{
    private const string Rules = "/tmp/rules.nft";

    /// <summary>Without the state of the link, which Linux does not know at once.</summary>
    private const string Addresses = "ip -o addr show eth0 | sed 's/^[0-9]*: //; s/ *valid_lft.*//'; ip route";
    private const string Image = "/usr/lib/sos/firewall.sosimg";
    private const int ReloadsMin = 3;
    private const int ReloadsMax = 40;
    private const int RoundsMax = 5;

    private static readonly string Address = LabNetwork.MachineIPv4();

    protected override string CleanUp
        => "kill $(cat /tmp/sosd.pid); rm -f /tmp/sosd.pid; sosctl service disable edge; sosctl service stop 3; sosctl core release 3";

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Machine.ConfigureAsync("eth0");
        await WriteRulesAsync($"ip saddr {Attacker.IPv4} counter drop");
    }

    [Fact]
    public async Task GoodTrafficPassesBadIsDroppedAndEverythingComesBack()
    {
        Assert.Equal("1", await WaitForAsync("ip -6 -o addr show dev eth0 scope link | grep -c fe80 || true", "1"));
        string before = await Machine.CheckAsync(Addresses);
        await StartAsync();
        Assert.Equal("0-2", await Machine.CheckAsync("cat /sys/devices/system/cpu/online"));
        Assert.Equal(before, await WaitForAsync(Addresses, before));
        Assert.Equal("sos", (await Machine.CheckAsync("ethtool -i eth0 | awk '/^driver/ {print $2}'")).Trim());

        await PingAsync(Client, succeeds: true);
        await PingAsync(Attacker, succeeds: false);
        await Machine.CheckAsync("mkdir -p /tmp/www && echo hello > /tmp/www/index.html && httpd -p 80 -h /tmp/www");
        CommandResult http = await Client.RunAsync($"curl -sS --max-time 20 http://{Address}/");
        Assert.True(http.ExitCode == 0 && http.Output.Trim() == "hello", http.Output + http.Error);
        await Machine.CheckAsync("iperf3 -s -D -1 > /dev/null");
        (await Client.RunAsync($"iperf3 -c {Address} -n 2M -J")).EnsureSuccess();
        await Machine.StartSshAsync();
        CommandResult ssh = await Client.RunAsync(Machine.SshCommand() + " uname -s", TimeSpan.FromSeconds(60));
        Assert.True(ssh.Output.Trim() == "Linux", ssh.Output + ssh.Error);
        await Machine.CheckAsync("killall httpd dropbear");

        JsonElement status = await StatusAsync();
        Assert.Equal("Running", status.GetProperty("state").GetString());
        Assert.True(Counter(status, "firewall.dropped_by_rule") >= 2);
        ulong polls = status.GetProperty("polls").GetUInt64();
        Assert.True((await StatusAsync()).GetProperty("polls").GetUInt64() > polls);
        Assert.Contains("nic.rx_packets", await Machine.CheckAsync("sosctl service status 3"), StringComparison.Ordinal);
        Assert.Contains("firewall", await Machine.CheckAsync("sosctl top --once --interval 0.2"), StringComparison.Ordinal);

        await Machine.CheckAsync("sosctl service stop 3");
        await Machine.CheckAsync("sosctl core release 3");
        Assert.Equal(before, await WaitForAsync(Addresses, before));
        await PingAsync(Attacker, succeeds: true);
    }

    /// <summary>As at a boot: nobody has configured the card, sosd starts what is enabled, and the network is configured after that.</summary>
    [Fact]
    public async Task AnEnabledServiceFiltersAfterABoot()
    {
        const string Progress = "sosctl service list --json | grep -o '\"since_boot\":\"[A-Za-z]*' | cut -d '\"' -f 4";
        await Machine.CheckAsync("ip addr flush dev eth0; ip link set eth0 down; rm -rf /run/sos/enabled");
        await Machine.CheckAsync($"sosctl service enable edge {Image} --core 3 --device eth0 --rules {Rules} --restart on-fault --before-network");
        Assert.Contains("edge: can be started", await Machine.CheckAsync("sosctl service check"), StringComparison.Ordinal);
        await Machine.CheckAsync("sosd > /tmp/sosd.log 2>&1 & echo $! > /tmp/sosd.pid");
        Assert.Equal("Started", await WaitForAsync(Progress, "Started"));
        await Machine.ConfigureAsync("eth0");
        Assert.Equal("up", await WaitForAsync("cat /sys/class/net/eth0/operstate", "up"));
        await PingAsync(Client, succeeds: true);
        await PingAsync(Attacker, succeeds: false);

        // Another sosd does not start again what somebody stopped.
        await Machine.CheckAsync("sosctl service stop 3; kill $(cat /tmp/sosd.pid); rm /tmp/sosd.log; sosd > /tmp/sosd.log 2>&1 & echo $! > /tmp/sosd.pid");
        Assert.Equal("started", await WaitForAsync("grep -o started /tmp/sosd.log | head -n 1", "started"));
        Assert.Equal("Reserved", (await StatusAsync()).GetProperty("state").GetString());
        await PingAsync(Attacker, succeeds: true);
    }

    [Fact]
    public async Task ReloadUnderTrafficLosesAndMisjudgesNothing()
    {
        await StartAsync();
        await PingAsync(Client, succeeds: true);
        int reloads = 0;

        // However slow the machine is: traffic goes on until there were enough reloads in it.
        for (int round = 0; round < RoundsMax && reloads < ReloadsMin; round++)
        {
            Task<CommandResult> good = Client.RunAsync($"ping -q -i 0.02 -c 400 -W 5 {Address}", TimeSpan.FromSeconds(90));
            Task<CommandResult> bad = Attacker.RunAsync($"ping -q -i 0.02 -c 400 -W 1 {Address}", TimeSpan.FromSeconds(90));
            while (!good.IsCompleted && reloads < ReloadsMax)
            {
                await WriteRulesAsync($"ip saddr {{ {Attacker.IPv4}, 192.0.2.{reloads + 1} }} counter drop");
                await Machine.CheckAsync($"sosctl firewall apply 3 {Rules}");
                reloads++;
            }

            Assert.Equal(400, Received(await good));
            Assert.Equal(0, Received(await bad));
        }

        Assert.True(reloads >= ReloadsMin, $"{reloads} reloads");
        Assert.Equal((ulong)reloads + 1, (await StatusAsync()).GetProperty("table_generation").GetUInt64());
    }

    [Fact]
    public async Task BadRulesAreRefusedByNameAndTheOldOnesStay()
    {
        await StartAsync();
        await WriteRulesAsync("meta cpu 5 accept");
        CommandResult apply = await Machine.RunAsync($"sosctl firewall apply 3 {Rules}");
        Assert.Equal(8, apply.ExitCode);
        Assert.Contains("meta cpu", apply.Error + apply.Output, StringComparison.Ordinal);
        Assert.Equal(1ul, (await StatusAsync()).GetProperty("table_generation").GetUInt64());
        await PingAsync(Attacker, succeeds: false);
        await PingAsync(Client, succeeds: true);
    }

    [Theory]
    [InlineData("service start 3 /nonexistent.sosimg", 6)]
    [InlineData("service start 3 /bin/busybox", 7)]
    [InlineData("service start 2 " + Image, 6)]
    [InlineData("service start 3 " + Image + " --device eth9", 6)]
    [InlineData("service start 3 " + Image + " --parameter nonsense", 2)]
    [InlineData("service stop 3", 6)]
    [InlineData("service status 2", 6)]
    [InlineData("service log 3", 6)]
    [InlineData("firewall apply 3 /nonexistent.nft", 6)]
    [InlineData("firewall check /nonexistent.nft", 6)]
    [InlineData("image show /nonexistent.sosimg", 6)]
    [InlineData("image verify /bin/busybox", 7)]
    [InlineData("device claim eth9", 6)]
    [InlineData("top --interval 0", 2)]
    [InlineData("completion cmd", 2)]
    public async Task BadCommandLeavesTheCoreReserved(string arguments, int exitCode)
    {
        await Machine.CheckAsync("sosctl core reserve 3");
        CommandResult result = await Machine.RunAsync("sosctl " + arguments);
        Assert.True(exitCode == result.ExitCode, $"exit code {result.ExitCode}\n{result.Output}{result.Error}");
        Assert.StartsWith("sosctl: ", result.Error, StringComparison.Ordinal);
        using JsonDocument cores = JsonDocument.Parse(await Machine.CheckAsync("sosctl core list --json"));
        Assert.Equal("Reserved", cores.RootElement.GetProperty("cores")[3].GetProperty("state").GetString());
        await Machine.CheckAsync("ip link show eth0");
    }

    private static ulong Counter(JsonElement status, string name) => status.GetProperty("counters").GetProperty(name).GetUInt64();

    private static int Received(CommandResult ping)
    {
        Match match = Regex.Match(ping.Output, @"(\d+) (packets )?received");
        Assert.True(match.Success, ping.Output + ping.Error);
        return int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static async Task PingAsync(LabPeer peer, bool succeeds)
    {
        CommandResult ping = await peer.RunAsync($"ping -q -c 3 -i 0.2 -W {(succeeds ? 10 : 1)} {Address}");
        Assert.True(succeeds == (Received(ping) > 0), ping.Output + ping.Error);
    }

    private async Task StartAsync()
    {
        await Machine.CheckAsync("sosctl core reserve 3");
        await Machine.CheckAsync($"sosctl service start 3 {Image} --device eth0 --rules {Rules}");
        Assert.Equal("up", await WaitForAsync("cat /sys/class/net/eth0/operstate", "up"));
    }

    private Task WriteRulesAsync(string rule) => Machine.CheckAsync(
        $"printf '%s\\n' 'table inet filter {{' 'chain input {{' 'type filter hook input priority 0; policy accept;' '{rule}' '}}' '}}' > {Rules}");

    private async Task<JsonElement> StatusAsync()
    {
        using JsonDocument document = JsonDocument.Parse(await Machine.CheckAsync("sosctl service status 3 --json"));
        return document.RootElement.Clone();
    }

    /// <summary>Addresses settle (IPv6's duplicate detection), links come up: waits for what is expected, and returns what there was last.</summary>
    private async Task<string> WaitForAsync(string command, string expected)
    {
        string last = "";
        for (int attempt = 0; attempt < 100 && last != expected; attempt++)
        {
            last = await Machine.CheckAsync(command);
            await Task.Delay(last == expected ? 0 : 200);
        }

        return last;
    }
}

[Collection("6.1")]
public sealed class FirewallScenariosOn61(Linux61 lab) : FirewallScenarios(lab);

[Collection("6.12")]
public sealed class FirewallScenariosOn612(Linux612 lab) : FirewallScenarios(lab);

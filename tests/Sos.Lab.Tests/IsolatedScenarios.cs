using System;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The isolated back end on a machine with cgroup v2: a partition of its own, and AF_XDP in front of a real driver.</summary>
public abstract class IsolatedScenarios(LabFixture lab) : Scenario(lab)
{
    private const string Hello = "/usr/lib/sos/samples/Hello.sosimg";
    private const string Firewall = "/usr/lib/sos/firewall.sosimg";
    private const string Partition = "/sys/fs/cgroup/sos-3/cpuset.cpus.partition";

    /// <summary>Reads what a fence changes.</summary>
    private const string Settings =
        "cat /sys/fs/cgroup/cgroup.subtree_control /proc/irq/default_smp_affinity /proc/irq/*/smp_affinity_list /sys/devices/virtual/workqueue/cpumask; "
        + "ls -d /sys/fs/cgroup/*/; grep -h Cpus_allowed_list /proc/1/status /proc/2/status /proc/self/status";

    private const string Configuration =
        "ip -4 -o addr; ip route; ip -br link show dev eth0; ethtool -i eth0 | head -1; ethtool -l eth0; tc qdisc show dev eth0";

    private static readonly string Address = LabNetwork.MachineIPv4();

    protected override string CleanUp => "sosctl core release 3";

    [Fact]
    public async Task AFencedCoreIsAPartitionOfItsOwnAndGoesBack()
    {
        string before = await Machine.CheckAsync(Settings);
        string reserved = await Machine.CheckAsync("sosctl core reserve 3 --isolated");
        Assert.Contains("partition of cgroup v2", reserved, StringComparison.Ordinal);
        Assert.Equal("isolated", await Machine.CheckAsync($"cat {Partition}"));
        Assert.Equal("0-3", await Machine.CheckAsync("cat /sys/devices/system/cpu/online"));
        Assert.Equal("0-2", await Machine.CheckAsync("sh -c \"grep Cpus_allowed_list /proc/self/status\" | cut -f 2"));

        await Machine.CheckAsync($"sosctl service start 3 {Hello}");
        using JsonDocument status = JsonDocument.Parse(await Machine.CheckAsync("sosctl service status 3 --json"));
        Assert.Equal(("Running", "Isolated"), (
            status.RootElement.GetProperty("state").GetString(), status.RootElement.GetProperty("back_end").GetString()));
        Assert.Equal("3", await Machine.CheckAsync("grep Cpus_allowed_list /proc/$(cat /sys/fs/cgroup/sos-3/cgroup.procs)/status | cut -f 2"));
        await Machine.CheckAsync("sosctl service stop 3");
        await Machine.CheckAsync("sosctl core release 3");
        Assert.Equal(before, await Machine.CheckAsync(Settings));
    }

    [Fact]
    public async Task TheSameImageRunsInBothBackEnds()
    {
        await Machine.ConfigureAsync("eth0");
        string offline = await HashAsync("");
        string isolated = await HashAsync(" --isolated");
        Assert.Equal(offline, isolated);
        Assert.StartsWith(offline, await Machine.CheckAsync($"sha256sum {Firewall}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheFirewallFiltersInFrontOfACardThatLinuxDrives()
    {
        await Machine.ConfigureAsync("eth0");
        await PingAsync(Client, succeeds: true);
        string before = await Machine.CheckAsync(Configuration);
        await WriteRulesAsync();
        await Machine.CheckAsync("modprobe tun; sosctl core reserve 3 --isolated");
        await Machine.CheckAsync($"sosctl service start 3 {Firewall} --device eth0 --rules /tmp/isolated.nft");
        Assert.Equal(before, await Machine.CheckAsync(Configuration));
        await PingAsync(Client, succeeds: true);
        await PingAsync(Attacker, succeeds: false);
        Assert.Contains("native XDP", await Machine.CheckAsync("sosctl service status 3"), StringComparison.Ordinal);
        await Machine.CheckAsync("sosctl service restart 3");
        await PingAsync(Client, succeeds: true);
        await PingAsync(Attacker, succeeds: false);
        await Machine.CheckAsync("sosctl service stop 3");
        await Machine.CheckAsync("sosctl core release 3");
        Assert.Equal(before, await Machine.CheckAsync(Configuration));
        await PingAsync(Attacker, succeeds: true);
    }

    /// <summary>A bridge with the card as its port: no driver runs XDP programs for it, and up to Linux 6.5 a queueing discipline is needed.</summary>
    [Fact]
    public async Task TheFirewallFiltersInFrontOfADeviceThatIsMadeOfSoftware()
    {
        await Machine.ConfigureAsync("eth0");
        string address = (await Machine.CheckAsync("ip -4 -o addr show eth0 | awk '{ print $4 }'")).Trim();
        await Machine.CheckAsync(
            "ip link add bridge0 type bridge; ip addr flush dev eth0; ip link set eth0 master bridge0; "
            + $"ip link set bridge0 up; ip addr add {address} dev bridge0");
        try
        {
            await PingAsync(Client, succeeds: true);
            string before = await Machine.CheckAsync(Configuration + "; tc qdisc show dev bridge0");
            await WriteRulesAsync();
            await Machine.CheckAsync("modprobe tun; sosctl core reserve 3 --isolated");
            await Machine.CheckAsync($"sosctl service start 3 {Firewall} --device bridge0 --rules /tmp/isolated.nft");
            Assert.Contains("at its ingress", await Machine.CheckAsync("sosctl service status 3"), StringComparison.Ordinal);
            await PingAsync(Client, succeeds: true);
            await PingAsync(Attacker, succeeds: false);
            await Machine.CheckAsync("sosctl core release 3");
            Assert.Equal(before, await Machine.CheckAsync(Configuration + "; tc qdisc show dev bridge0"));
            await PingAsync(Attacker, succeeds: true);
        }
        finally
        {
            // Down: its link-local address was flushed, and Linux gives it one as it comes up.
            await Machine.CheckAsync("sosctl core release 3 || true; ip link del bridge0; ip link set eth0 down");
        }
    }

    private async Task WriteRulesAsync() => await Machine.CheckAsync(
        "printf '%s\\n' 'table inet filter {' 'chain input {' 'type filter hook input priority 0; policy accept;' "
        + $"'ip saddr {Attacker.IPv4} counter drop' '}}' '}}' > /tmp/isolated.nft");

    private static async Task PingAsync(LabPeer peer, bool succeeds)
    {
        CommandResult ping = await peer.RunAsync($"ping -q -c 3 -i 0.2 -W {(succeeds ? 10 : 1)} {Address}");
        Match received = Regex.Match(ping.Output, @"(\d+) (packets )?received");
        Assert.True(received.Success, ping.Output + ping.Error);
        Assert.True(succeeds == (int.Parse(received.Groups[1].Value, CultureInfo.InvariantCulture) > 0), ping.Output + ping.Error);
    }

    /// <summary>SHA-256 of the firewall's image as it was loaded in a back end, in front of the card.</summary>
    private async Task<string> HashAsync(string backEnd)
    {
        await Machine.CheckAsync($"modprobe tun; sosctl core reserve 3{backEnd}");
        await Machine.CheckAsync($"sosctl service start 3 {Firewall} --device eth0");
        using JsonDocument status = JsonDocument.Parse(await Machine.CheckAsync("sosctl service status 3 --json"));
        await Machine.CheckAsync("sosctl core release 3");
        Assert.Equal(backEnd.Length == 0 ? "Offline" : "Isolated", status.RootElement.GetProperty("back_end").GetString());
        return status.RootElement.GetProperty("image_sha256").GetString()!;
    }
}

[Collection("6.1")]
public sealed class IsolatedScenariosOn61(Linux61 lab) : IsolatedScenarios(lab);

[Collection("6.12")]
public sealed class IsolatedScenariosOn612(Linux612 lab) : IsolatedScenarios(lab);

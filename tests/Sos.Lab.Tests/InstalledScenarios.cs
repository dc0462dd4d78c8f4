using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>A Debian that systemd starts, in which SOS is installed, kept over a reboot, upgraded and removed by apt, as its administrator would.</summary>
[Trait("Length", "long")]
public sealed class InstalledScenarios : IAsyncLifetime
{
    private const string Image = "/usr/lib/sos/firewall.sosimg";
    private const string Install = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /root/packages/";
    private const string Rules = "/etc/sos/edge.nft";
    private const string Enabled = "/etc/sos/services/edge.toml";
    private const string Progress = "sosctl service list --json | grep -o '\"since_boot\":\"[A-Za-z]*' | cut -d '\"' -f 4";
    private const string Journal = "journalctl -b -u sosd --no-pager | tail -n 20";

    private static readonly TimeSpan DiskLimit = TimeSpan.FromMinutes(9);
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);
    private static readonly string Address = LabNetwork.MachineIPv4();

    private readonly string _disk = Path.Combine(Path.GetTempPath(), $"{RunId.Next()}.disk");

    public async Task InitializeAsync()
        => (await HostProcess.RunAsync([Path.Combine(LabPaths.Repository, "eng", "debian-disk.sh"), _disk], DiskLimit)).EnsureSuccess();

    public Task DisposeAsync()
    {
        File.Delete(_disk);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task AMachineFiltersAgainAfterARebootAndIsUpgradedAndFreed()
    {
        await using LabNetwork network = await LabNetwork.CreateAsync();
        LabPeer client = await network.AddPeerAsync("client");
        LabPeer attacker = await network.AddPeerAsync("attacker");
        await using (LabMachine machine = await BootAsync(network))
        {
            await machine.CheckAsync($"{Install}sos.deb", Limit);
            Assert.Equal("active", await machine.CheckAsync("systemctl is-active sosd"));
            string rules = $"table inet filter {{ chain input {{ type filter hook input priority 0; ip saddr {attacker.IPv4} counter drop\n}}\n}}\n";
            await machine.WriteFileAsync(Rules, Encoding.ASCII.GetBytes(rules));
            await machine.CheckAsync($"sosctl service enable edge {Image} --core 3 --device eth0 --rules {Rules} --restart on-fault --before-network");
            await PingAsync(attacker, succeeds: true);

            // What init and systemd do at a reboot, up to the reset, which ends QEMU here.
            _ = machine.Start("systemctl reboot");
            await machine.WaitForExitAsync().WaitAsync(Limit);
            machine.EnsureHealthy();
        }

        await using (LabMachine machine = await BootAsync(network))
        {
            await machine.AwaitAsync(Progress, "Started", Limit, Journal);
            await machine.AwaitAsync("ip -o -4 address show dev eth0 | awk '{print $4}'", $"{Address}/24", Limit, Journal);
            await PingAsync(client, succeeds: true);
            await PingAsync(attacker, succeeds: false);
            Assert.Equal("0-2", await machine.CheckAsync("cat /sys/devices/system/cpu/online"));

            // sosd is another; the service is the same, and not a packet of the client is lost on the way.
            string started = await StartedAsync(machine);
            string daemon = await machine.CheckAsync("systemctl show -p MainPID --value sosd");
            Process ping = client.Start($"exec ping -q -i 0.2 {Address}");
            await machine.CheckAsync($"{Install}sos-next.deb", Limit);
            Assert.InRange(await EndPingAsync(client, ping), 0, 1); // the last may be on its way
            Assert.Equal("active", await machine.CheckAsync("systemctl is-active sosd"));
            Assert.NotEqual(daemon, await machine.CheckAsync("systemctl show -p MainPID --value sosd"));
            Assert.Equal(started, await StartedAsync(machine));
            await PingAsync(attacker, succeeds: false);

            await machine.CheckAsync("apt-get remove -y sos", Limit);
            Assert.Equal("0-3", await machine.CheckAsync("cat /sys/devices/system/cpu/online"));
            Assert.Equal("virtio_net", await machine.CheckAsync("basename $(readlink /sys/class/net/eth0/device/driver)"));
            await PingAsync(attacker, succeeds: true);
            await machine.CheckAsync($"test -e {Enabled} && apt-get purge -y sos && test ! -e /etc/sos", Limit);
            machine.EnsureHealthy();
        }
    }

    /// <summary>systemd-networkd sees one device go and another come, and has the same lease again: the server knows the card by its address.</summary>
    [Fact]
    public async Task ANetworkManagerKeepsItsLease()
    {
        const string show = "journalctl -b -u systemd-networkd --no-pager | tail -n 40; networkctl status eth0 --no-pager; ip address show dev eth0";
        await using LabNetwork network = await LabNetwork.CreateAsync();
        LabPeer client = await network.AddPeerAsync("client");
        using DhcpServer server = DhcpServer.Start(client);
        await using LabMachine machine = await BootAsync(network);
        await machine.CheckAsync($"{Install}sos.deb", Limit);
        await machine.WriteFileAsync(
            "/etc/systemd/network/eth0.network", Encoding.ASCII.GetBytes("[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n"));
        await machine.CheckAsync("networkctl reload; networkctl reconfigure eth0");
        await AssertLeaseAsync();
        await machine.CheckAsync($"sosctl core reserve 3 && sosctl service start 3 {Image} --device eth0", Limit);
        await AssertLeaseAsync();
        await machine.CheckAsync("sosctl service restart 3", Limit);
        await AssertLeaseAsync();
        await machine.CheckAsync("sosctl service stop 3 && sosctl core release 3", Limit);
        await AssertLeaseAsync();
        machine.EnsureHealthy();

        async Task AssertLeaseAsync()
        {
            // Twice: what comes first may have been on its way, and a renewal shows that the client works on this device.
            await server.AwaitLeaseAsync(machine, show);
            await server.AwaitLeaseAsync(machine, show);
            await machine.AwaitAsync("ip -o -4 address show dev eth0 | awk '{print $4}'", $"{DhcpServer.Given}/24", Limit, show);
            await machine.AwaitAsync("networkctl list eth0 --no-legend --no-pager | awk '{print $5}'", "configured", Limit, show);
            CommandResult ping = await client.RunAsync($"ping -c 3 -i 0.2 -W 20 {DhcpServer.Given}", Limit);
            Assert.True(ping.ExitCode == 0, $"{ping.Output}{ping.Error}{(await machine.RunAsync(show)).Text}");
        }
    }

    private Task<LabMachine> BootAsync(LabNetwork network)
        => LabMachine.BootAsync(new LabMachineOptions { Kernel = "6.1", Network = network, Disk = _disk, BootLimit = BootLimit });

    /// <summary>Returns when the service, which must run, was started.</summary>
    private static async Task<string> StartedAsync(LabMachine machine)
    {
        using JsonDocument status = JsonDocument.Parse(await machine.CheckAsync("sosctl service status 3 --json"));
        Assert.Equal("Running", status.RootElement.GetProperty("state").GetString());
        return status.RootElement.GetProperty("started").GetString()!;
    }

    private static async Task PingAsync(LabPeer peer, bool succeeds)
    {
        CommandResult ping = await peer.RunAsync(succeeds ? $"ping -c 3 -i 0.2 -W 20 {Address}" : $"ping -c 3 -i 0.2 -W 2 {Address}", Limit);
        Assert.True(ping.ExitCode == 0 == succeeds, $"{peer.Name}: {ping.Output}{ping.Error}");
    }

    /// <summary>Interrupts a ping, and returns how many answers it has missed.</summary>
    private static async Task<int> EndPingAsync(LabPeer peer, Process ping)
    {
        (await peer.RunAsync($"kill -INT {ping.Id}")).EnsureSuccess();
        string told = await ping.StandardOutput.ReadToEndAsync();
        Match counts = Regex.Match(told, "([0-9]+) packets transmitted, ([0-9]+) received");
        Assert.True(counts.Success, told);
        return Number(1) - Number(2);

        int Number(int group) => int.Parse(counts.Groups[group].Value, CultureInfo.InvariantCulture);
    }
}

using System.Text;
using System.Threading.Tasks;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// A card whose address is a DHCP server's goes to an unplugged core: its client, whose sockets are bound to the device, goes on renewing the lease on the host
/// port, and on the card that comes back.
/// </summary>
public abstract class LeaseScenarios(LabFixture lab) : Scenario(lab)
{
    private const string Forwarder = "/usr/lib/sos/samples/Forwarder.sosimg";
    private const string Show = "cat /tmp/leases /tmp/udhcpc.log; ip addr show dev eth0; cat /proc/net/packet /proc/net/udp";

    private const string Script =
        "#!/bin/sh\necho \"$1\" >> /tmp/leases\n"
        + "case $1 in bound|renew) ip addr replace \"$ip/24\" dev \"$interface\" valid_lft \"$lease\" preferred_lft \"$lease\";; esac\n";

    protected override string CleanUp
        => "kill $(cat /tmp/udhcpc.pid); sosctl service stop 3; sosctl core release 3; rm -f /tmp/leases; ip addr flush dev eth0; ip link set eth0 down";

    [Fact]
    public async Task AClientGoesOnRenewingItsLease()
    {
        using DhcpServer server = DhcpServer.Start(Client);
        await Machine.WriteFileAsync("/tmp/lease.sh", Encoding.ASCII.GetBytes(Script));
        await Machine.CheckAsync(
            "chmod +x /tmp/lease.sh; ip addr flush dev eth0; ip link set eth0 up; "
                + "busybox udhcpc -i eth0 -b -p /tmp/udhcpc.pid -s /tmp/lease.sh > /tmp/udhcpc.log 2>&1");
        await AssertLeaseAsync("bound", server);
        await Machine.CheckAsync($"sosctl core reserve 3; sosctl service start 3 {Forwarder} --device eth0");
        await AssertLeaseAsync("the service runs", server);
        await Machine.CheckAsync("sosctl service restart 3");
        await AssertLeaseAsync("the service was restarted", server);
        await Machine.CheckAsync("sosctl service stop 3");
        await AssertLeaseAsync("the service was stopped", server);

        // It never gave the address up, nor had it to ask for one anew.
        Assert.Equal("deconfig bound", await Machine.CheckAsync("echo $(grep -v renew /tmp/leases)"));
    }

    private async Task AssertLeaseAsync(string when, DhcpServer server)
    {
        await server.AwaitLeaseAsync(Machine, Show);
        await Machine.AwaitAsync("ip -o -4 addr show dev eth0 | awk '{ print $4 }'", $"{DhcpServer.Given}/24", show: Show);
        CommandResult ping = await Client.RunAsync($"ping -q -c 2 -W 10 {DhcpServer.Given}");
        Assert.True(ping.ExitCode == 0, $"{when}: {ping.Output}{ping.Error}");
    }
}

/// <summary>On the older kernel it takes the same minute and a half.</summary>
[Collection("6.1")]
[Trait("Length", "long")]
public sealed class LeaseScenariosOn61(Linux61 lab) : LeaseScenarios(lab);

[Collection("6.12")]
public sealed class LeaseScenariosOn612(Linux612 lab) : LeaseScenarios(lab);

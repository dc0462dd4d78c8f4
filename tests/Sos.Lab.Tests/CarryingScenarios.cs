using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// A service on an unplugged core drives the card by itself, and Linux's device of it goes. All that Linux knew of it is on the host port, under the same name
/// and number, and on the card again afterwards. Each kind by itself: CarryingTests of Sos.Cores.
/// </summary>
public abstract class CarryingScenarios(LabFixture lab) : Scenario(lab)
{
    private const string Forwarder = "/usr/lib/sos/samples/Forwarder.sosimg";

    /// <summary>
    /// All that Linux's tools say of the device, without the time that something has left and what depends on the link, which comes and goes.
    /// </summary>
    private const string Snapshot =
        "{ ip -o link show eth0 | grep -o '^[0-9]*: eth0'; ip -d link show eth0 | grep -oE 'alias.*|qlen [0-9]+|ALLMULTI| mtu [0-9]+|link/ether [0-9a-f:]+'; "
        + "ip -o addr show dev eth0 | sed 's/valid_lft.*//; s/ tentative//'; "
        + "ip -4 -o route show table all; ip -6 -o route show table all | sort; ip rule show; "
        + "ip neigh show nud permanent dev eth0; ip maddress show dev eth0 | sort; tc qdisc show dev eth0 | grep -v 'qdisc [a-z_]* 0:'; "
        + "tc filter show dev eth0 ingress; "
        + "nft list ruleset; cd /proc/sys/net; grep -r . ipv4/conf/eth0 ipv6/conf/eth0 ipv4/neigh/eth0 ipv6/neigh/eth0 2>/dev/null | sort; } "
        + "| sed 's/ linkdown//; s/expires [0-9]*sec//; s/  *$//'";

    private static readonly string Peer = LabNetwork.MachineIPv4().Replace(".2", ".9", StringComparison.Ordinal);

    private static readonly string[] SetUp =
    [
        "ip link add other0 type dummy; ip link set other0 up; ip addr add 198.51.100.1/24 dev other0",
        "ip addr add fe80::1/64 dev eth0 nodad; ip -6 addr add 2001:db8:1::d6/128 dev eth0 valid_lft 7200 preferred_lft 3600 nodad",
        "ip addr add 192.0.2.41/24 dev eth0 label eth0:web; ip addr add 192.0.2.42/24 dev eth0 metric 777",
        $"ip route add default via {Peer} dev eth0 table 100; ip rule add from 192.0.2.41 table 100",
        $"ip route add 203.0.113.0/24 via {Peer} mtu 1280 advmss 1200 initcwnd 20",
        $"ip route add 198.18.0.0/15 nexthop via {Peer} dev eth0 weight 1 nexthop via 198.51.100.2 dev other0 weight 1",
        "ip route add 192.0.2.128/25 dev eth0 src 192.0.2.41 metric 50; ip neigh add 192.0.2.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent",
        "cd /proc/sys/net; echo 0 > ipv6/conf/eth0/accept_ra; echo 2 > ipv4/conf/eth0/rp_filter; echo 1 > ipv4/conf/eth0/arp_ignore",
        "ip link set eth0 txqueuelen 4242 alias 'uplink to provider' allmulticast on; ip maddress add 01:00:5e:00:00:fb dev eth0",
        "tc qdisc replace dev eth0 root tbf rate 100mbit burst 64k latency 50ms; tc qdisc add dev eth0 clsact",
        "tc filter add dev eth0 ingress pref 7 protocol ip u32 match ip dport 9 0xffff flowid 1:1",
        "nft 'add table inet own; add chain inet own c { type filter hook input priority 0; }; add rule inet own c iif eth0 tcp dport 25 drop'",
    ];

    protected override string CleanUp
        => "sosctl service stop 3; sosctl core release 3; nft flush ruleset; ip rule del table 100; "
            + "for device in vlan5 vlan6 vrf0 other0 bond0; do ip link del $device; done; "
            + "tc qdisc del dev eth0 root; tc qdisc del dev eth0 clsact; ip addr flush dev eth0; "
            + "ip link set eth0 down alias '' allmulticast off txqueuelen 1000; "
            + "ip maddress del 01:00:5e:00:00:fb dev eth0; cd /proc/sys/net; echo 1 > ipv6/conf/eth0/accept_ra; echo 0 > ipv4/conf/eth0/rp_filter; "
            + "echo 0 > ipv4/conf/eth0/arp_ignore";

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Machine.ConfigureAsync("eth0");
        await Machine.CheckAsync("sosctl core reserve 3");
    }

    [Fact]
    public async Task AllThatLinuxKnowsOfTheCardGoesToTheHostPortAndComesBack()
    {
        foreach (string line in SetUp)
        {
            await Machine.CheckAsync(line);
        }

        string before = await Machine.CheckAsync(Snapshot);
        Assert.Contains("iif \"eth0\"", before, StringComparison.Ordinal);
        await Machine.CheckAsync($"sosctl service start 3 {Forwarder} --device eth0");
        await AssertSameAsync(before, "the service runs");
        await PingAsync();

        // What changes meanwhile is the host's as well.
        await Machine.CheckAsync("ip addr del 192.0.2.42/24 dev eth0 && ip addr add 192.0.2.43/24 dev eth0");
        string changed = await Machine.CheckAsync(Snapshot);
        await Machine.CheckAsync("sosctl service restart 3");
        await AssertSameAsync(changed, "the service was restarted");
        await Machine.CheckAsync("sosctl service stop 3");
        await AssertSameAsync(changed, "the service was stopped");
        await PingAsync();
    }

    [Fact]
    public async Task WhatCannotBeCarriedIsNamedBeforeAnythingChanges()
    {
        await Machine.CheckAsync("nft 'add table netdev own; add chain netdev own c { type filter hook ingress device eth0 priority 0; }'");
        string before = await Machine.CheckAsync(Snapshot);
        CommandResult refused = await Machine.RunAsync($"sosctl service start 3 {Forwarder} --device eth0");
        Assert.Equal(5, refused.ExitCode);
        Assert.Contains("chain c", refused.Output + refused.Error, StringComparison.Ordinal);
        Assert.Equal(before, await Machine.CheckAsync(Snapshot));
        Assert.Contains("chain c", await Machine.CheckAsync($"sosctl service start 3 {Forwarder} --device eth0 --force 2>&1"), StringComparison.Ordinal);
        await Machine.CheckAsync("sosctl service stop 3; nft flush ruleset");

        await Machine.CheckAsync("ip link add link eth0 name other0 type macvlan mode source");
        refused = await Machine.RunAsync($"sosctl service start 3 {Forwarder} --device eth0");
        Assert.Equal(5, refused.ExitCode);
        Assert.Contains("other0 on eth0 is lost", refused.Output + refused.Error, StringComparison.Ordinal);
    }

    /// <summary>The host port takes the card's place under a bridge or a bond, with the settings of the port.</summary>
    [Theory]
    [InlineData(
        "ip link add bond0 type bridge vlan_filtering 1; ip link set bond0 up; ip link set eth0 master bond0; ip link set eth0 up; "
            + "bridge link set dev eth0 cost 77 fastleave on guard on; bridge vlan add dev eth0 vid 5; bridge vlan add dev eth0 vid 100-101; "
            + "bridge fdb add 02:00:00:00:00:71 dev eth0 master static vlan 5; bridge mdb add dev bond0 port eth0 grp 239.5.5.5 permanent",
        "bridge vlan show dev eth0; bridge fdb show dev eth0 | grep static; bridge mdb show dev bond0 | grep permanent | sort; "
            + "ip -d link show eth0 | grep -oE 'cost 77|fastleave o[a-z]*|guard o[a-z]*'")]
    [InlineData(
        "ip link add bond0 type bond mode active-backup primary eth0 miimon 100; ip link set other0 master bond0; ip link set eth0 master bond0",
        "tr ' ' '\\n' < /sys/class/net/bond0/bonding/slaves | sort; cat /sys/class/net/bond0/bonding/primary; "
            + "ip -d link show eth0 | grep -oE 'perm_hwaddr [0-9a-f:]*'")]
    [InlineData(
        "ethtool -s eth0 speed 1000 duplex full; ip link add bond0 type bond mode balance-alb miimon 100; ip link set eth0 master bond0",
        "ethtool eth0 | grep Speed; ip -d link show eth0 | grep -oE 'state [A-Z]+ mii_status [A-Z]+'")]
    [InlineData(
        "ip link add bond0 type bond mode active-backup miimon 100; ip link set eth0 master bond0",
        "cat /sys/class/net/bond0/bonding/slaves; ip -d link show eth0 | grep -oE 'perm_hwaddr [0-9a-f:]*'")]
    public async Task TheHostPortTakesTheCardsPlaceUnderItsMaster(string setUp, string tell)
    {
        string look = $"ip link show bond0 | grep -o 'link/ether [0-9a-f:]*'; ip addr show dev bond0 | grep inet; {tell}";
        await Machine.CheckAsync("ip link add other0 type dummy; ip addr flush dev eth0; ip link set eth0 down");
        await Machine.CheckAsync(setUp);
        await Machine.CheckAsync($"ip link set eth0 up; ip link set bond0 up; ip addr add {LabNetwork.MachineIPv4()}/24 dev bond0");
        await PingAsync();
        await Machine.AwaitAsync("ip -6 -o addr show dev bond0 scope link -tentative | wc -l", "1");
        string before = await Machine.CheckAsync(look);
        string notes = await Machine.CheckAsync($"sosctl service start 3 {Forwarder} --device eth0 2>&1");
        await AssertSameAsync(before, $"the service runs ({notes})", look);
        await PingAsync();
        await Machine.CheckAsync("sosctl service restart 3");
        await AssertSameAsync(before, "the service was restarted", look);
        await PingAsync();
        notes = await Machine.CheckAsync("sosctl service stop 3 2>&1");
        await AssertSameAsync(before, $"the service was stopped ({notes})", look);
        await PingAsync();
    }

    /// <summary>VLANs on the card go with it, and are made again on the host port, and on the card: with all that Linux knew of them.</summary>
    [Fact]
    public async Task VlansOnTheCardAndAVrfGoOn()
    {
        const string look = "{ for device in eth0 vlan5 vlan6; do "
            + "ip -d -o link show $device | grep -oE '^[0-9]+|master [a-z0-9]+|alias [a-z]+|vlan protocol [^>]*>|egress-qos[^}]*}|link/ether [0-9a-f:]+'; "
            + "ip -o addr show dev $device | sed 's/valid_lft.*//; s/ tentative//'; done; "
            + "ip -4 -o route show table all; ip -6 -o route show table all | sort; ip -o rule show; nft list ruleset; "
            + "cd /proc/sys/net; grep -r . ipv4/conf/vlan5 ipv6/conf/vlan5 2>/dev/null | sort; } | sed 's/ linkdown//; s/  *$//'";
        await Machine.CheckAsync(
            "ip link add vrf0 type vrf table 10; ip link set vrf0 up; ip link add link eth0 name vlan5 type vlan id 5 egress-qos-map 1:2 2:3; "
            + "ip link add link eth0 name vlan6 type vlan id 6 loose_binding on; echo 0 > /proc/sys/net/ipv6/conf/vlan5/accept_ra; "
            + "echo 2 > /proc/sys/net/ipv4/conf/vlan5/rp_filter; ip link set vlan5 up alias upstairs; ip addr add 198.18.5.1/24 dev vlan5; "
            + "ip -6 addr add 2001:db8:5::1/64 dev vlan5 nodad; ip route add 203.0.113.0/24 via 198.18.5.2; ip link set vlan6 master vrf0 up; "
            + "ip addr add 198.18.6.1/24 dev vlan6; ip route add 203.0.114.0/24 via 198.18.6.2 vrf vrf0; "
            + $"ip route add 203.0.115.0/24 nexthop via {Peer} dev eth0 nexthop via 198.18.5.2 dev vlan5; "
            + "nft 'add table inet own; add chain inet own c { type filter hook input priority 0; }; add rule inet own c iif vlan5 tcp dport 25 drop'");
        foreach (string device in new[] { "vlan5", "vlan6" })
        {
            await Machine.AwaitAsync($"ip -6 -o addr show dev {device} scope link -tentative | wc -l", "1");
        }

        string before = await Machine.CheckAsync(look);
        Assert.Contains("egress-qos", before, StringComparison.Ordinal);
        string notes = await Machine.CheckAsync($"sosctl service start 3 {Forwarder} --device eth0 2>&1");
        await AssertSameAsync(before, $"the service runs ({notes})", look);
        await PingAsync();
        await Machine.CheckAsync("ip addr add 198.18.7.1/24 dev vlan5");
        string changed = await Machine.CheckAsync(look);
        await Machine.CheckAsync("sosctl service restart 3");
        await AssertSameAsync(changed, "the service was restarted", look);
        notes = await Machine.CheckAsync("sosctl service stop 3 2>&1");
        await AssertSameAsync(changed, $"the service was stopped ({notes})", look);
        await PingAsync();
    }

    /// <summary>An address of the link that somebody gives the host port is used at once, and is the card's afterwards.</summary>
    [Fact]
    public async Task AnAddressOfTheLinkThatTheHostPortGetsIsTheCards()
    {
        const string given = "02:00:00:00:0a:0b";
        string own = await Machine.CheckAsync("cat /sys/class/net/eth0/address");
        try
        {
            await Machine.CheckAsync($"sosctl service start 3 {Forwarder} --device eth0");
            await Machine.CheckAsync($"ip link set eth0 address {given}");
            await PingAsync();
            Assert.Contains(given, (await Client.RunAsync($"ip neigh show {LabNetwork.MachineIPv4()}")).Output, StringComparison.Ordinal);
            await Machine.CheckAsync("sosctl service restart 3");
            Assert.Equal(given, await Machine.CheckAsync("cat /sys/class/net/eth0/address"));
            await PingAsync();
            await Machine.CheckAsync("sosctl service stop 3");
            Assert.Equal(given, await Machine.CheckAsync("cat /sys/class/net/eth0/address"));
            await PingAsync();
        }
        finally
        {
            await Machine.CheckAsync($"sosctl service stop 3; ip link set eth0 address {own}");
        }
    }

    private async Task AssertSameAsync(string before, string when, string look = Snapshot)
    {
        string now = "";
        for (int attempt = 0; attempt < 100 && now != before; attempt++)
        {
            now = await Machine.CheckAsync(look); // routes wait for the link
        }

        string[] old = before.Split('\n');
        string[] found = now.Split('\n');
        IEnumerable<string> lines = old.Except(found).Select(line => "- " + line).Concat(found.Except(old).Select(line => "+ " + line))
            .DefaultIfEmpty($"the same lines, in another order or number:\n{before}\n--\n{now}");
        Assert.True(now == before, $"{when}:\n{string.Join('\n', lines)}");
    }

    private async Task PingAsync()
    {
        // The machine's address of the link may be another since the last one, of which nobody tells a neighbour.
        CommandResult ping = await Client.RunAsync($"ip neigh flush dev eth0; ping -q -c 4 -i 0.2 -W 10 {LabNetwork.MachineIPv4()}");
        Assert.True(ping.ExitCode == 0, ping.Output + ping.Error);
    }
}

[Collection("6.1")]
public sealed class CarryingScenariosOn61(Linux61 lab) : CarryingScenarios(lab);

[Collection("6.12")]
public sealed class CarryingScenariosOn612(Linux612 lab) : CarryingScenarios(lab);

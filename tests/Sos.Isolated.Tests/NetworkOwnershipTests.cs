using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Network;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>A service has a device's frames; the device, and all that Linux knows of it or has built on it, stays Linux's.</summary>
public sealed class NetworkOwnershipTests : IsolatedScenario
{
    private static readonly string Firewall = Command.Metadata("Firewall");

    private readonly string _rules = Path.GetTempFileName();

    [Fact]
    public void NothingOfTheDeviceChangesFromStartToStop()
    {
        using NetworkPair network = new();
        SetEverything(network);
        network.AssertPing();
        Command.Await(() => network.AtHost("ip -6 -br address show tentative").Output.Length == 0, "addresses stay tentative");
        NetworkSnapshot before = NetworkSnapshot.Take(network);
        Reserve();
        Start(network);
        network.AssertPing();
        AssertSame(before, network, "the service runs");
        network.AtClient("ping -c 1 -W 5 203.0.113.1").Succeeded(); // a multipath route back, and an address that only one rule lets in
        Assert.NotEqual("0", Matched(network));

        Command.SosctlJson(network.Host, "service", "restart", $"{Cpu}").Succeeded();
        network.AssertPing();
        AssertSame(before, network, "the service was restarted");
        KillRunner();
        Command.Await(() => State() == "Failed", "its death is not seen");
        AssertSame(before, network, "the service died");
        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        AssertSame(before, network, "the service was stopped");
        network.AssertPing();
        Assert.DoesNotContain("sos", network.AtHost("ip -br link").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void DevicesAboveItGoOn()
    {
        using NetworkPair network = new();
        string inner = $"{network.Host}m";
        try
        {
            Command.Shell(
                $"""
                set -e
                ip netns add {inner}
                ip -n {network.Host} link add link eth0 name above0 netns {inner} type macvlan mode bridge
                ip -n {inner} address add 10.77.3.9/24 dev above0
                ip -n {inner} link set above0 up
                """).Succeeded();
            Command.Await(() => network.AtClient("ping -c 1 -W 1 10.77.3.9").ExitCode == 0, "no ping before");
            Reserve();
            Start(network);
            Command.Await(() => network.AtClient("ping -c 1 -W 1 10.77.3.9").ExitCode == 0, "the macvlan gets nothing");
            Assert.True(Counter("firewall.received") > 0);
        }
        finally
        {
            Command.Shell($"ip netns del {inner}");
        }
    }

    /// <summary>As a port of a bridge, and the bridge itself.</summary>
    [Theory]
    [InlineData("eth0")]
    [InlineData("bridge0")]
    public void ABridgeGoesOn(string device)
    {
        using NetworkPair network = new();
        network.AtHost(
            $"bash -c 'ip link add bridge0 type bridge; ip address flush dev eth0; ip link set eth0 master bridge0; ip link set bridge0 up; "
            + $"ip address add {NetworkPair.HostAddress}/24 dev bridge0'").Succeeded();
        network.AssertPing();
        Reserve();
        Start(network, device);
        network.AssertPing();
        Assert.True(Counter("firewall.received") > 0);
        Assert.Contains("eth0", network.AtHost("ip -br link show master bridge0").Output, StringComparison.Ordinal);
        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        network.AssertPing();
    }

    /// <summary>VLAN isolation: a tag that travels beside the frame reaches the service, and comes back.</summary>
    [Theory]
    [InlineData("evaluate")]
    [InlineData("accept")]
    [InlineData("drop")]
    public void TaggedFramesNeverReachTheUntaggedNetwork(string policy)
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Start(network, "eth0", "-p", $"vlan={policy}");
        network.AssertPing();
        File.WriteAllText(
            _rules,
            "table netdev seen {\n counter tagged { }\n counter untagged { }\n chain in {\n  type filter hook ingress device \"eth0\" priority 0;\n"
            + "  vlan id 5 counter name tagged return\n  icmp type echo-request counter name untagged\n }\n}\n");
        network.AtHost($"nft -f {_rules}").Succeeded();
        ulong passed = Counter("firewall.passed");
        using TagPusher tags = TagPusher.At(network.Client, "eth0", 5);
        Assert.NotEqual(0, network.AtClient($"ping -c 2 -i 0.2 -W 1 {NetworkPair.HostAddress}").ExitCode);
        Command.Await(
            () => policy == "drop" ? Counter("firewall.dropped_vlan") >= 2 : Counter("firewall.passed") >= passed + 2, "the service does not see the tags");
        Assert.Equal("0", InCounter(network, "untagged"));
        if (policy != "drop")
        {
            Assert.NotEqual("0", InCounter(network, "tagged"));
        }
    }

    /// <summary>Offloads of the other end: checksums that nobody has computed, frames of many segments.</summary>
    [Fact]
    public void OffloadsOfThePeerLoseNothing()
    {
        using NetworkPair network = new();
        network.AtClient("ethtool -K eth0 tx on tso on gso on").Succeeded();
        network.AtHost("ethtool -K eth0 gro on").Succeeded();
        network.AssertPing();
        Reserve();
        Start(network);
        string file = Path.GetTempFileName();
        string sum = Command.Shell($"head -c 30000000 /dev/urandom > {file}; sha256sum < {file} | cut -d' ' -f1").Output.Trim();
        using System.Diagnostics.Process server = Command.Start(
            "ip", "netns", "exec", network.Host, "socat", "TCP-LISTEN:8090,reuseaddr,fork", "SYSTEM:sha256sum");
        Command.Await(
            () => network.AtClient($"socat -t 60 - TCP:{NetworkPair.HostAddress}:8090,connect-timeout=5 < {file}").Output
                .Contains(sum, StringComparison.Ordinal),
            "30 MB do not arrive whole");
        File.Delete(file);
        server.Kill(entireProcessTree: true);
        Assert.Equal(0ul, Counter("nic.rx_dropped_invalid"));
    }

    [Theory]
    [InlineData("closed")]
    [InlineData("open")]
    public void WithoutItsServiceADeviceIsAsItWasAskedFor(string policy)
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Start(network, "eth0", "--on-failure", policy);
        network.AssertPing();
        KillRunner();
        Command.Await(() => State() == "Failed", "its death is not seen");
        AssertPolicy(network, policy);
        Command.SosctlJson(network.Host, "service", "restart", $"{Cpu}").Succeeded();
        network.AssertPing();

        // Without its keeper a service moves nothing and is watched by nobody: it ends, too.
        Kill("keeper");
        Command.Await(() => State() == "Failed", "a service without its keeper goes on");
        AssertPolicy(network, policy);
        Command.SosctlJson(network.Host, "service", "restart", $"{Cpu}").Succeeded();
        network.AssertPing();

        // One that is stopped does as little as one that is dead.
        Kill("keeper", "STOP");
        Command.Await(() => State() == "Failed", "a service whose keeper is stopped goes on");
        AssertPolicy(network, policy);
        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        network.AssertPing();
    }

    [Fact]
    public void OtherNamesOfADeviceAreAsGoodAsItsOwn()
    {
        using NetworkPair network = new();
        network.AtHost("ip link property add dev eth0 altname enp9s0").Succeeded();
        Reserve();
        Start(network, "enp9s0");
        network.AssertPing();
        network.AtHost("bash -c 'ip link set eth0 down; ip link set eth0 name lan0; ip link set lan0 up'").Succeeded();
        network.AssertPing();
        Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded();
        network.AssertPing();
        Assert.DoesNotContain("sos", network.AtHost("ip -br link").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void GivingBackNeedsNoProgram()
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Start(network);
        network.AssertPing();
        network.AtHost($"env PATH=/nowhere DOTNET_ROOT={Environment.GetEnvironmentVariable("DOTNET_ROOT")} "
            + $"{Command.Metadata("Ctl")} service stop {Cpu}").Succeeded();
        network.AssertPing();
    }

    /// <summary>Frames that a program of the host sends to a group reach other programs of the host: mDNS, for one.</summary>
    [Fact]
    public void TheHostHearsWhatItSendsToAGroup()
    {
        using NetworkPair network = new();
        Reserve();
        Start(network);
        string heard = Path.GetTempFileName();
        using System.Diagnostics.Process listener = Command.Start(
            "ip", "netns", "exec", network.Host, "socat", "-u", "UDP4-RECV:5353,ip-add-membership=239.1.2.3:eth0", $"OPEN:{heard},append");
        Command.Await(
            () =>
            {
                network.AtHost($"bash -c 'echo hello | socat -u - UDP4-DATAGRAM:239.1.2.3:5353,ip-multicast-if={NetworkPair.HostAddress}'");
                return File.ReadAllText(heard).Contains("hello", StringComparison.Ordinal);
            },
            "the host does not hear itself");
        listener.Kill(entireProcessTree: true);
        File.Delete(heard);
    }

    /// <summary>'tc' and 'ip' let anybody take our programs away, and nobody judges then: it is put back within a look or two, and told.</summary>
    [Fact]
    public void AProgramThatWasTakenAwayIsPutBackAndTold()
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Start(network);
        network.AssertPing();
        Assert.False(IsToldUnjudged());
        using (NetworkNamespace place = NetworkNamespace.EnterNamed($"/run/netns/{network.Host}"))
        {
            uint device = NetworkLink.Find("eth0")!.Index;
            uint program = Assert.Single(IngressHook.ListOurs(device, Cpu));
            Command.Await(() => IsWatched(program), "nobody watches the program");
            IngressHook.Remove(device, withQueue: false, Cpu);
            Command.Await(() => IngressHook.ListOurs(device, Cpu) is [var id] && id == program, "nobody puts it back");
        }

        Command.Await(IsToldUnjudged, "nobody says so");
        ulong received = Counter("firewall.received");
        network.AssertPing();
        Assert.True(Counter("firewall.received") > received);
        Command.SosctlJson(null, "service", "restart", $"{Cpu}").Succeeded();
        network.AssertPing();
        Assert.False(IsToldUnjudged());
    }

    /// <summary>"It is not where it was" is not "it is gone": its frames would be dropped for ever.</summary>
    [Fact]
    public void ADeviceThatWasMovedElsewhereIsGivenBackThere()
    {
        using NetworkPair network = new();
        Reserve();
        Start(network);
        network.AssertPing();
        network.AtHost($"ip link set eth0 netns {network.Client} name moved0").Succeeded();
        Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded();
        network.AtClient($"ip link set moved0 netns {network.Host} name eth0").Succeeded();
        network.AtHost($"bash -c 'ip address add {NetworkPair.HostAddress}/24 dev eth0; ip link set eth0 up'").Succeeded();
        network.AssertPing();
        Assert.DoesNotContain("sos", network.AtHost("ip -br link").Output, StringComparison.Ordinal);
    }

    /// <summary>Whether the watch of fences has seen a program, and holds it.</summary>
    private static bool IsWatched(uint program) => Command.Shell(
        $"for process in $(pgrep -f keep-fences); do grep -qsP '^prog_id:\\s*{program}$' /proc/$process/fdinfo/* && exit 0; done; exit 1").ExitCode == 0;

    private bool IsToldUnjudged() => Status().GetProperty("remarks").EnumerateArray()
        .Any(remark => remark.GetString()!.Contains("unjudged", StringComparison.Ordinal));

    private static void AssertPolicy(NetworkPair network, string policy)
    {
        if (policy == "open")
        {
            network.AssertPing();
        }
        else
        {
            Assert.NotEqual(0, network.AtClient($"ping -c 1 -W 1 {NetworkPair.HostAddress}").ExitCode);
        }
    }

    /// <summary>Sets what a careful administrator may have set.</summary>
    private static void SetEverything(NetworkPair network)
    {
        foreach (string command in new[]
        {
            "ip link add other0 type bridge", "ip link set other0 up", "ip address add 198.51.100.1/24 dev other0",
            "ip address add fe80::1/64 dev eth0 nodad", "ip address add 203.0.113.1/32 dev eth0",
            "ip -6 address add 2001:db8:1::d6/128 dev eth0 valid_lft 7200 preferred_lft 3600 nodad",
            "ip address add 10.77.3.41/24 dev eth0 label eth0:web", "ip address add 10.77.3.42/24 dev eth0 metric 777",
            $"ip route add default via {NetworkPair.ClientAddress} dev eth0 table 100", "ip rule add from 10.77.3.41 table 100",
            $"ip route add 203.0.113.128/25 via {NetworkPair.ClientAddress} mtu 1280 advmss 1200 initcwnd 20",
            $"ip route add 198.18.0.0/15 nexthop via {NetworkPair.ClientAddress} dev eth0 weight 1 nexthop via 198.51.100.2 dev other0 weight 1",
            "ip neigh add 10.77.3.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent",
            "sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv4.conf.eth0.rp_filter=2 net.ipv4.conf.eth0.forwarding=1",
            "sysctl -qw net.ipv6.conf.eth0.use_tempaddr=2 net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.proxy_arp=1",
            "tc qdisc replace dev eth0 root tbf rate 100mbit burst 64k latency 50ms",
            "ip link set eth0 txqueuelen 4242 alias uplink allmulticast on", "ip maddress add 01:00:5e:00:00:fb dev eth0",
            "tc qdisc add dev eth0 clsact", "tc filter add dev eth0 ingress pref 7 protocol ip u32 match ip dport 9 0xffff flowid 1:1",
        })
        {
            network.AtHost(command).Succeeded();
        }

        network.AtHost(
            "nft 'add table inet own; add counter inet own in; add chain inet own c { type filter hook input priority 0; }; "
            + "add rule inet own c iif eth0 counter name in'").Succeeded();
        network.AtClient("ip route add 203.0.113.1/32 dev eth0").Succeeded();
    }

    private static string Matched(NetworkPair network)
        => network.AtHost("nft -j list counter inet own in").Json.GetProperty("nftables").EnumerateArray()
            .First(entry => entry.TryGetProperty("counter", out _)).GetProperty("counter").GetProperty("packets").ToString();

    /// <summary>Packets of pings that came in with or without a tag, where Linux takes them from its device.</summary>
    private static string InCounter(NetworkPair network, string name)
        => network.AtHost($"nft -j list counter netdev seen {name}").Json.GetProperty("nftables").EnumerateArray()
            .First(entry => entry.TryGetProperty("counter", out _)).GetProperty("counter").GetProperty("packets").ToString();

    private static void AssertSame(NetworkSnapshot before, NetworkPair network, string when)
    {
        IReadOnlyList<string> differences = before.DifferencesTo(NetworkSnapshot.Take(network));
        Assert.True(differences.Count == 0, $"{when}, and not all is as before:\n{string.Join('\n', differences)}");
    }

    private void KillRunner() => Kill("runner");

    private void Kill(string process, string signal = "KILL")
        => Command.Shell(
            $"kill -{signal} $(cat /dev/shm/sos/core-{Cpu}/run.json /run/sos/core-{Cpu}/run.json 2>/dev/null | grep -oP '\"{process}\":\\K\\d+')").Succeeded();

    private void Start(NetworkPair network, string device = "eth0", params IEnumerable<string> options)
    {
        File.WriteAllText(_rules, "table inet filter {\n chain input { type filter hook input priority 0; policy accept;\n  counter accept\n }\n}\n");
        Command.SosctlJson(
            network.Host, ["service", "start", $"{Cpu}", Firewall, "--device", device, "--rules", _rules, .. options]).Succeeded();
    }

    private ulong Counter(string name) => Status().GetProperty("counters").GetProperty(name).GetUInt64();
}

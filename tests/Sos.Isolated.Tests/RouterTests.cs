using System;
using System.Linq;
using System.Text.Json;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>The router between two cables, with sosd following Linux's routes, or a verb in its place.</summary>
public sealed class RouterTests : IsolatedScenario
{
    private const string Behind = "10.77.9.9";

    private static readonly string Router = Command.Metadata("Router");

    // A small table: these tests have a handful of routes.
    private static readonly string[] Small =
        ["-p", "ipv4-groups=1024", "-p", "ipv6-lines=16384", "-p", "next-hops=1024", "-p", "hop-members=1024", "-p", "neighbours=1024"];

    [Fact]
    public void SosdFollowsLinuxsRoutesAndANewOneTakesOverWithoutAGap()
    {
        using RouterChain network = new();
        Reserve();
        Start(network);
        using (Daemon.Start())
        {
            AwaitForwarding(network);
            Follows(network);
        }

        // Nobody follows: the core goes on with what it has.
        ulong before = Counter("router.forwarded");
        network.AssertPing(Behind);
        Assert.True(Counter("router.forwarded") > before);
        network.AtMiddle($"ip route add blackhole {Behind}").Succeeded();
        network.AssertPing(Behind);
        using Daemon second = Daemon.Start();
        Command.Await(() => !network.Pings(Behind), "who comes after does not find what changed meanwhile");
        network.AtMiddle($"ip route del blackhole {Behind}").Succeeded();
        AwaitForwarding(network);
        Verify(network);
    }

    [Fact]
    public void TheCoreFiltersByLinuxsRulesAndLeavesItWhatNeedsConnections()
    {
        using RouterChain network = new();
        Reserve();
        Start(network);
        using Daemon daemon = Daemon.Start();
        AwaitForwarding(network);
        network.AtMiddle("nft 'add table inet f; add chain inet f passing { type filter hook forward priority 0; policy drop; }'").Succeeded();
        Command.Await(() => !network.Pings(Behind), "packets go past rules that drop them");
        Command.Await(() => !network.Pings(Behind) && Counter("router.dropped_filter") > 0, "the core leaves to Linux what the rules drop");
        Assert.True(Check().GetProperty("drops").GetBoolean());

        network.AtMiddle("nft add rule inet f passing iifname eth0 oifname eth1 counter accept").Succeeded();
        network.AtMiddle("nft add rule inet f passing iifname eth1 icmp type echo-reply accept").Succeeded();
        AwaitForwarding(network);

        network.AtMiddle("nft insert rule inet f passing ct state invalid drop").Succeeded();
        Command.Await(
            () =>
            {
                ulong before = Counter("router.forwarded");
                return network.Pings(Behind) && Counter("router.forwarded") == before;
            },
            "the core forwards what Linux must see of connections");
        Assert.Contains("\"ct\"", Check().GetProperty("obstacle").GetString(), StringComparison.Ordinal);
        network.AtMiddle("nft delete table inet f").Succeeded();
        AwaitForwarding(network);

        JsonElement Check() => Command.SosctlJson(null, "router", "check", $"{Cpu}").Succeeded().Json;
    }

    [Fact]
    public void ARuleOrAClosedPortLeavesTrafficToLinux()
    {
        using RouterChain network = new();
        Reserve();
        Start(network);
        using Daemon daemon = Daemon.Start();
        AwaitForwarding(network);
        network.AtMiddle($"ip rule add to {Behind} prohibit priority 10").Succeeded();
        Command.Await(() => !network.Pings(Behind), "packets go past a rule");
        network.AtMiddle("ip rule del priority 10").Succeeded();
        AwaitForwarding(network);
        network.AtMiddle("sysctl -qw net.ipv4.conf.eth0.forwarding=0").Succeeded();
        Command.Await(() => !network.Pings(Behind), "packets are forwarded though forwarding is off");
    }

    [Fact]
    public void OnlyOneFollowsAndWithoutARouterNobodyDoes()
    {
        using RouterChain network = new();
        Reserve();
        Assert.NotEqual(0, Command.Sosctl("router", "follow", $"{Cpu}").ExitCode);
        Start(network);
        using Daemon daemon = Daemon.Start();
        AwaitForwarding(network);
        Result second = Command.Sosctl("router", "follow", $"{Cpu}");
        Assert.NotEqual(0, second.ExitCode);
        Assert.Contains("already", second.Error, StringComparison.Ordinal);
        JsonElement way = Command.SosctlJson(null, "router", "lookup", $"{Cpu}", Behind).Succeeded().Json;
        Assert.StartsWith("lan to ", way.GetProperty("way").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, Command.Sosctl("router", "lookup", $"{Cpu}", "nonsense").ExitCode);
        JsonElement trace = Command.SosctlJson(network.Middle, "router", "trace", $"{Cpu}", Behind, "--from", "10.77.4.1", "--in", "wan").Succeeded().Json;
        Assert.Equal(
            ("forwarded", "lan", "10.77.9.0/24", "10.77.5.2"),
            (Text("verdict"), Text("out"), Text("prefix"), Text("gateway")));
        Assert.Equal(2, Command.Sosctl("router", "trace", $"{Cpu}", "nonsense").ExitCode);
        JsonElement interfaces = Command.SosctlJson(null, "router", "interfaces", $"{Cpu}").Succeeded().Json.GetProperty("interfaces");
        Assert.Equal(["wan eth0", "lan eth1"], interfaces.EnumerateArray().Select(one => $"{one.GetProperty("name")} {one.GetProperty("device")}"));
        Assert.NotEqual(0, Command.SosctlJson(null, "router", "neighbours", $"{Cpu}").Succeeded().Json.GetProperty("neighbours").GetArrayLength());
        Assert.Contains("10.77.9.0/24", Command.Sosctl("router", "routes", $"{Cpu}").Succeeded().Output, StringComparison.Ordinal);

        string? Text(string key) => trace.GetProperty(key).GetString();
    }

    private void Start(RouterChain network) => Command.SosctlJson(
        network.Middle, ["service", "start", $"{Cpu}", Router, "--port", "wan=eth0", "--port", "lan=eth1", .. Small]).Succeeded();

    // Linux forwards too: only what the core counts shows that it does.
    private void AwaitForwarding(RouterChain network) => Command.Await(
        () =>
        {
            ulong before = Counter("router.forwarded");
            return network.Pings(Behind) && Counter("router.forwarded") >= before + 2;
        },
        "the core forwards nothing");

    private void Follows(RouterChain network)
    {
        network.AtMiddle($"ip route add blackhole {Behind}").Succeeded();
        Command.Await(() => !network.Pings(Behind), "a route that was added does not hold");
        network.AtMiddle($"ip route del blackhole {Behind}").Succeeded();
        AwaitForwarding(network);
        network.AtMiddle("ip link set eth1 mtu 1400").Succeeded();
        Verify(network);
        network.AtMiddle("ip link set eth1 mtu 1500").Succeeded();
        for (int i = 0; i < 20; i++)
        {
            network.AtMiddle($"ip route replace 10.77.9.0/24 via 10.77.5.2 metric {i % 2}").Succeeded();
            network.AtMiddle($"ip route add 10.76.{i}.0/30 nexthop via 10.77.5.2 nexthop via 10.77.4.1 weight 3").Succeeded();
        }

        Verify(network);
        network.AssertPing(Behind);
    }

    private void Verify(RouterChain network)
    {
        Result verified = Command.SosctlJson(network.Middle, "router", "verify", $"{Cpu}");
        Assert.True(verified.ExitCode == 0, verified.Output + verified.Error);
    }

    private ulong Counter(string name)
        => Status().GetProperty("counters").TryGetProperty(name, out JsonElement value) ? value.GetUInt64() : 0;
}

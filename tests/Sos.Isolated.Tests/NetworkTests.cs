using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text.Json;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>The firewall in front of a network device of Linux: its frames come to it by AF_XDP, what passes comes back into the device.</summary>
public sealed class NetworkTests : IsolatedScenario
{
    private static readonly string Firewall = Command.Metadata("Firewall");

    private readonly string _rules = Path.GetTempFileName();

    [Theory]
    [InlineData("auto")]
    [InlineData("busy-poll")]
    public void GoodTrafficPassesBadIsDroppedAndEverythingComesBack(string mode)
    {
        using NetworkPair network = new();
        network.AssertPing();
        string before = Configuration(network);
        Reserve();
        Start(network, ["udp dport 9999 counter drop", "tcp dport 8081 counter drop"], mode == "busy-poll" ? ["--busy-poll"] : []);
        Command.Await(() => Addresses(network).Contains(NetworkPair.HostAddress, StringComparison.Ordinal), "the address did not move");
        network.AssertPing();

        using Process open = Listen(network, 8080);
        using Process blocked = Listen(network, 8081);
        Command.Await(() => Ask(network, 8080) == "hello", "the open port does not answer");
        Assert.Equal("", Ask(network, 8081));
        network.AtClient($"bash -c 'echo x > /dev/udp/{NetworkPair.HostAddress}/9999'").Succeeded();
        Command.Await(() => Counter(network, "rule_counter0.packets") == 1, "the datagram was not counted");
        Assert.True(Counter(network, "rule_counter1.packets") >= 1);
        Assert.Equal(0ul, Counter(network, "nic.failures"));

        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        Assert.Equal(before, Configuration(network));
        Command.Await(() => Ask(network, 8081) == "hello", "the port is still blocked");
        open.Kill(entireProcessTree: true);
        blocked.Kill(entireProcessTree: true);
    }

    [Fact]
    public void RulesChangeUnderTraffic()
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Start(network, ["icmp type echo-request counter accept"], []);
        network.AssertPing();
        File.WriteAllText(_rules, Ruleset(["icmp type echo-request counter drop"]));
        Command.SosctlJson(network.Host, "firewall", "apply", $"{Cpu}", _rules).Succeeded();
        Assert.NotEqual(0, network.AtClient($"ping -c 1 -W 1 {NetworkPair.HostAddress}").ExitCode);
        File.WriteAllText(_rules, Ruleset(["icmp type echo-request counter accept"]));
        Command.SosctlJson(network.Host, "firewall", "apply", $"{Cpu}", _rules).Succeeded();
        network.AssertPing();
        Assert.Equal(3ul, Status(network).GetProperty("table_generation").GetUInt64());
    }

    [Fact]
    public void TheServiceSeesTheCable()
    {
        using NetworkPair network = new();
        Reserve();
        Start(network, ["counter accept"], []);
        Command.Await(() => Counter(network, "host.link_changes") == 1, "no carrier");
        network.AtClient("ip link set eth0 down").Succeeded();
        Command.Await(() => Counter(network, "host.link_changes") == 2, "the carrier stays");
        network.AtClient("ip link set eth0 up").Succeeded();
        Command.Await(() => Counter(network, "host.link_changes") == 3, "the carrier does not come back");
        network.AssertPing();
        network.AtHost("ip link del dev eth0").Succeeded();
        Assert.Contains("eth0 is gone", Status(network).GetProperty("remarks").ToString(), StringComparison.Ordinal);
        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
    }

    [Fact]
    public void LinuxKeepsItsDeviceSoThatItHasNoOtherName()
    {
        using NetworkPair network = new();
        Reserve();
        File.WriteAllText(_rules, Ruleset(["counter accept"]));
        Result refused = Command.SosctlJson(
            network.Host, "service", "start", $"{Cpu}", Firewall, "--device", "eth0", "--host-port", "inside", "--rules", _rules);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("--host-port", refused.Output + refused.Error, StringComparison.Ordinal);
        network.AssertPing();
    }

    [Fact]
    public void WhenTheServiceDiesNothingPassesAndStopGivesAllBack()
    {
        using NetworkPair network = new();
        network.AssertPing();
        string before = Configuration(network);
        Reserve();
        Start(network, ["counter accept"], []);
        network.AssertPing();
        Command.Shell($"kill -9 $(cat /dev/shm/sos/core-{Cpu}/run.json /run/sos/core-{Cpu}/run.json 2>/dev/null | grep -oP '\"runner\":\\K\\d+')");
        Command.Await(() => Status(network).GetProperty("state").GetString() == "Failed", "its death is not seen");
        Assert.NotEqual(0, network.AtClient($"ping -c 1 -W 1 {NetworkPair.HostAddress}").ExitCode);
        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        Assert.Equal(before, Configuration(network));
        network.AssertPing();
    }

    /// <summary>By hand, and as sosd does it: in another network namespace.</summary>
    [Fact]
    public void ARestartKeepsTheDeviceAndChangesNothingIfItsRulesAreBad()
    {
        using NetworkPair network = new();
        Reserve();
        Start(network, ["counter accept"], []);
        network.AtHost("ip route add 198.51.100.0/24 dev eth0").Succeeded();
        File.WriteAllText(_rules, "table inet filter {");
        Assert.Equal(8, Command.SosctlJson(null, "service", "restart", $"{Cpu}").ExitCode);
        Assert.Equal("Running", Status(network).GetProperty("state").GetString());
        network.AssertPing();

        File.WriteAllText(_rules, Ruleset(["counter accept"]));
        Command.SosctlJson(null, "service", "restart", $"{Cpu}").Succeeded();
        network.AssertPing();
        Command.Shell($"kill -9 $(cat /dev/shm/sos/core-{Cpu}/run.json /run/sos/core-{Cpu}/run.json 2>/dev/null | grep -oP '\"runner\":\\K\\d+')");
        Command.Await(() => Status(network).GetProperty("state").GetString() == "Failed", "its death is not seen");
        Command.SosctlJson(null, "service", "restart", $"{Cpu}").Succeeded();
        network.AssertPing();

        Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded();
        Assert.Contains("198.51.100.0/24", network.AtHost("ip -4 route").Output, StringComparison.Ordinal);
        network.AssertPing();
    }

    [Fact]
    public void AStartThatFailsLeavesTheDeviceAsItWas()
    {
        using NetworkPair network = new();
        network.AssertPing();
        string before = Configuration(network);
        Reserve();
        File.WriteAllText(_rules, Ruleset(["counter accept"]));
        Result failed = Command.SosctlJson(
            network.Host, "service", "start", $"{Cpu}", Firewall, "--device", "eth0", "--rules", _rules, "--arena", "4K");
        Assert.Equal(1, failed.ExitCode);
        Assert.Equal(before, Configuration(network));
        Assert.Equal(6, Command.SosctlJson(network.Host, "service", "start", $"{Cpu}", Firewall, "--device", "nonesuch").ExitCode);
        Result misspelt = Command.SosctlJson(network.Host, "service", "start", $"{Cpu}", Firewall, "--device", "eth0", "-p", "vlna=drop");
        Assert.Equal(2, misspelt.ExitCode);
        Assert.Contains("did you mean vlan?", misspelt.Output, StringComparison.Ordinal);
        Assert.Equal(before, Configuration(network));
        network.AssertPing();
    }

    private static Process Listen(NetworkPair network, int port)
        => Command.Start("ip", "netns", "exec", network.Host, "socat", $"TCP-LISTEN:{port},fork,reuseaddr", "SYSTEM:echo hello");

    private static string Ask(NetworkPair network, int port)
        => network.AtClient($"socat -T2 - TCP:{NetworkPair.HostAddress}:{port},connect-timeout=1 < /dev/null").Output.Trim();

    private static string Addresses(NetworkPair network) => network.AtHost("ip -4 -br address show dev eth0").Output;

    private static string Configuration(NetworkPair network)
        => network.AtHost("bash -c 'ip -4 -o address; ip -4 route; ip -d -j link show dev eth0 | grep -oE \"\\\"(address|mtu|promiscuity)\\\":[^,]*\"'").Output;

    private static string Ruleset(IEnumerable<string> rules)
        => $"table inet filter {{\n chain input {{ type filter hook input priority 0; policy accept;\n  {string.Join("\n  ", rules)}\n }}\n}}\n";

    private void Start(NetworkPair network, IEnumerable<string> rules, IEnumerable<string> options)
    {
        File.WriteAllText(_rules, Ruleset(rules));
        Command.SosctlJson(
            network.Host, ["service", "start", $"{Cpu}", Firewall, "--device", "eth0", "--rules", _rules, .. options]).Succeeded();
    }

    private JsonElement Status(NetworkPair network) => Command.SosctlJson(network.Host, "service", "status", $"{Cpu}").Succeeded().Json;

    private ulong Counter(NetworkPair network, string name) => Status(network).GetProperty("counters").GetProperty(name).GetUInt64();
}

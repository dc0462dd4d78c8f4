using System;
using System.Diagnostics;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>The firewall without rules of its own: it drops what Linux's rules would drop, and follows them by sosd.</summary>
public sealed class PrefilterTests : IsolatedScenario
{
    [Fact]
    public void TheCoreTakesLinuxsRulesAndFollowsThem()
    {
        using NetworkPair network = new();
        network.AssertPing();
        network.AtHost("nft 'table inet f { chain i { type filter hook input priority 0; udp dport 9999 drop; }; }'").Succeeded();
        Reserve();
        Result started = Command.SosctlJson(
            network.Host, "service", "start", $"{Cpu}", Command.Metadata("Firewall"), "--device", "eth0").Succeeded();
        Assert.Contains("sosd does not run", started.Output, StringComparison.Ordinal);
        network.AssertPing();
        Assert.Equal(0ul, Counter(network, "firewall.dropped_by_rule"));

        using (Daemon daemon = Daemon.Start(network.Host))
        {
            Command.Await(() => Sends(network, () => Counter(network, "firewall.dropped_by_rule") > 0), $"the core drops nothing: {daemon.Log}");
            network.AssertPing();

            // What Linux allows now arrives, and what it forbids is dropped on the core.
            network.AtHost("nft flush ruleset").Succeeded();
            using Process listener = Command.Start("ip", "netns", "exec", network.Host, "socat", "-u", "UDP-RECV:9999", "OPEN:/dev/null");
            Command.Await(() => IsPassed(network), "the core still drops");
            ulong dropped = Counter(network, "firewall.dropped_by_rule");
            network.AtHost("nft 'table ip g { chain p { type filter hook prerouting priority -300; icmp type echo-request drop; }; }'").Succeeded();
            Command.Await(
                () => network.AtClient($"ping -c 1 -W 1 {NetworkPair.HostAddress}").ExitCode != 0 && Counter(network, "firewall.dropped_by_rule") > dropped,
                "the core does not drop what is forbidden now");
            listener.Kill(entireProcessTree: true);
        }

        // Nobody tells the core of changes any more: Linux alone judges.
        ulong before = Counter(network, "firewall.lapsed");
        Command.Await(() => Sends(network, () => Counter(network, "firewall.lapsed") > before), "the core goes on without sosd");
        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
    }

    /// <summary>Whether a datagram to the port passes the core.</summary>
    private bool IsPassed(NetworkPair network)
    {
        ulong passed = Counter(network, "firewall.passed");
        ulong dropped = Counter(network, "firewall.dropped_by_rule");
        return Sends(network, () => Counter(network, "firewall.passed") > passed && Counter(network, "firewall.dropped_by_rule") == dropped);
    }

    private static bool Sends(NetworkPair network, Func<bool> isSeen)
    {
        network.AtClient($"bash -c 'echo x > /dev/udp/{NetworkPair.HostAddress}/9999'").Succeeded();
        return isSeen();
    }

    private ulong Counter(NetworkPair network, string name)
        => Command.SosctlJson(network.Host, "service", "status", $"{Cpu}").Succeeded().Json.GetProperty("counters").GetProperty(name).GetUInt64();
}

using System;
using Sos.Lab;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>A host and a client, each in a network namespace of its own, with a cable between.</summary>
internal sealed class NetworkPair : IDisposable
{
    public const string HostAddress = "10.77.3.1";
    public const string ClientAddress = "10.77.3.2";

    public NetworkPair()
    {
        // A test host that is killed disposes of nothing: the next one does.
        RunId.RemoveStale();
        (Host, Client) = (RunId.Next(), RunId.Next());
        Command.Shell(
            $"""
            set -e
            ip netns add {Host}
            ip netns add {Client}
            ip link add eth0 netns {Host} type veth peer name eth0 netns {Client}
            ip -n {Host} address add {HostAddress}/24 dev eth0
            ip -n {Client} address add {ClientAddress}/24 dev eth0
            ip -n {Host} link set lo up
            ip -n {Host} link set eth0 up
            ip -n {Client} link set eth0 up
            ip -n {Host} route add 192.0.2.0/24 via {ClientAddress}
            # A cable between machines carries whole checksums; that between two namespaces does when it is told to.
            ip netns exec {Client} ethtool -K eth0 tx off > /dev/null
            """).Succeeded();
    }

    public string Host { get; }

    public string Client { get; }

    /// <summary>Runs a shell command at the client.</summary>
    public Result AtClient(string command) => Command.Shell($"ip netns exec {Client} {command}");

    /// <summary>Runs a shell command at the host.</summary>
    public Result AtHost(string command) => Command.Shell($"ip netns exec {Host} {command}");

    public void AssertPing() => Command.Await(() => AtClient($"ping -c 1 -W 1 {HostAddress}").ExitCode == 0, "the host does not answer");

    public void Dispose()
    {
        Command.Shell($"ip netns del {Client}; ip netns del {Host}");
        Assert.DoesNotContain(Host, Command.Shell("ip netns list | cut -d' ' -f1").Output.Split('\n'));
    }
}

using System;
using Sos.Lab;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>Two machines, and a router between them: three network namespaces and two cables.</summary>
/// <remarks>
/// <code>
///  Left  eth0 ───── eth0  Middle  eth1 ───── eth0  Right   and 10.77.9.9 behind it
///  10.77.4.1    10.77.4.2      10.77.5.1     10.77.5.2
/// </code>
/// </remarks>
internal sealed class RouterChain : IDisposable
{
    public RouterChain()
    {
        // A test host that is killed disposes of nothing: the next one does.
        RunId.RemoveStale();
        (Left, Middle, Right) = (RunId.Next(), RunId.Next(), RunId.Next());
        Command.Shell(
            $"""
            set -e
            for name in {Left} {Middle} {Right}; do ip netns add $name; ip -n $name link set lo up; done
            ip link add eth0 netns {Left} type veth peer name eth0 netns {Middle}
            ip link add eth0 netns {Right} type veth peer name eth1 netns {Middle}
            ip netns exec {Middle} sysctl -qw net.ipv4.ip_forward=1
            ip -n {Left} address add 10.77.4.1/24 dev eth0
            ip -n {Middle} address add 10.77.4.2/24 dev eth0
            ip -n {Middle} address add 10.77.5.1/24 dev eth1
            ip -n {Right} address add 10.77.5.2/24 dev eth0
            ip -n {Right} address add 10.77.9.9/32 dev lo
            ip -n {Left} link set eth0 up
            ip -n {Right} link set eth0 up
            ip -n {Middle} link set eth0 up
            ip -n {Middle} link set eth1 up
            ip -n {Left} route add default via 10.77.4.2
            ip -n {Right} route add default via 10.77.5.1
            ip -n {Middle} route add 10.77.9.0/24 via 10.77.5.2
            # A cable between machines carries whole checksums; that between two namespaces does when it is told to.
            ip netns exec {Left} ethtool -K eth0 tx off > /dev/null
            ip netns exec {Right} ethtool -K eth0 tx off > /dev/null
            """).Succeeded();
    }

    public string Left { get; }

    public string Middle { get; }

    public string Right { get; }

    /// <summary>Whether the left machine reaches an address.</summary>
    public bool Pings(string address) => Command.Shell($"ip netns exec {Left} ping -c 1 -W 1 {address}").ExitCode == 0;

    public void AssertPing(string address) => Command.Await(() => Pings(address), $"{address} does not answer");

    /// <summary>Runs a shell command at the router.</summary>
    public Result AtMiddle(string command) => Command.Shell($"set -e; ip netns exec {Middle} bash -ec \"{command}\"");

    public void Dispose()
    {
        Command.Shell($"for name in {Left} {Middle} {Right}; do ip netns del $name; done");
        Assert.DoesNotContain(Middle, Command.Shell("ip netns list | cut -d' ' -f1").Output.Split('\n'));
    }
}

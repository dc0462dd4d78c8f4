using System;
using System.Linq;
using Sos.Lab;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>Two machines, and one between them with a card to each: three network namespaces and two cables.</summary>
/// <remarks>
/// <code>
///  Left  eth0 ───── eth0  Middle  eth1 ───── eth0  Right
///  10.77.4.1                                 10.77.4.2
/// </code>
/// </remarks>
internal sealed class NetworkChain : IDisposable
{
    private const string LeftAddress = "10.77.4.1";
    private const string RightAddress = "10.77.4.2";

    public NetworkChain()
    {
        // A test host that is killed disposes of nothing: the next one does.
        RunId.RemoveStale();
        (Left, Middle, Right) = (RunId.Next(), RunId.Next(), RunId.Next());
        Command.Shell(
            $"""
            set -e
            for name in {Left} {Middle} {Right}; do ip netns add $name; ip -n $name link set lo up; done
            # Linux's own IPv6 addresses come and ripen in their own time: they would differ between two looks.
            ip netns exec {Middle} sh -c 'for kind in all default; do echo 1 > /proc/sys/net/ipv6/conf/$kind/disable_ipv6; done'
            ip link add eth0 netns {Left} type veth peer name eth0 netns {Middle}
            ip link add eth0 netns {Right} type veth peer name eth1 netns {Middle}
            ip -n {Left} address add {LeftAddress}/24 dev eth0
            ip -n {Right} address add {RightAddress}/24 dev eth0
            ip -n {Left} link set eth0 up
            ip -n {Right} link set eth0 up
            ip -n {Middle} link set eth0 up
            ip -n {Middle} link set eth1 up
            """).Succeeded();
        Command.Await(
            () => new[] { "eth0", "eth1" }.All(name => Command.Shell($"ip netns exec {Middle} cat /sys/class/net/{name}/operstate").Output.Trim() == "up"),
            "the cables have no carrier");
    }

    public string Left { get; }

    public string Middle { get; }

    public string Right { get; }

    /// <summary>Whether the left machine reaches the right one: nothing but a service connects them.</summary>
    public bool Pings() => Command.Shell($"ip netns exec {Left} ping -c 1 -W 1 {RightAddress}").ExitCode == 0;

    public void AssertPing() => Command.Await(Pings, "the right machine does not answer");

    /// <summary>Reads what Linux knows of the machine between: its links without their counters, addresses and routes.</summary>
    public string Configuration()
        => Command.Shell($"ip -n {Middle} -d link show; ip -n {Middle} address show; ip -n {Middle} route show table all").Succeeded().Output;

    public void Dispose()
    {
        Command.Shell($"for name in {Left} {Middle} {Right}; do ip netns del $name; done");
        Assert.DoesNotContain(Middle, Command.Shell("ip netns list | cut -d' ' -f1").Output.Split('\n'));
    }
}

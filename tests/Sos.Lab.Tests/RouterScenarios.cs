using System;
using System.Threading.Tasks;
using Sos.Lab.Agent;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// A router core between two cards of a machine, with a peer on each; Linux's routes are followed, and forwarding goes on when nobody follows, and when Linux
/// is down.
/// </summary>
public sealed class RouterScenarios
{
    private const int Cpu = 3;

    private const string Start =
        "sosctl core reserve 3 && sosctl service start 3 /usr/lib/sos/router.sosimg --port wan=eth0 --port lan=eth1 "
        + "-p ipv4-groups=1024 -p ipv6-lines=16384 -p next-hops=1024 -p hop-members=1024 -p neighbours=1024";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task ForwardingGoesOnWithoutAFollowerAndWithoutLinux(string kernel)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync(segments: 2);
        LabPeer left = await network.AddPeerAsync("left", 0);
        LabPeer right = await network.AddPeerAsync("right", 1);
        await PointAsync(left, right);
        await PointAsync(right, left);
        await using LabMachine machine = await LabMachine.BootAsync(
            new LabMachineOptions { Kernel = kernel, Network = network, KernelArguments = "panic=0" });
        await machine.ConfigureAsync("eth0");
        await machine.ConfigureAsync("eth1", 1);
        await machine.CheckAsync("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
        await machine.CheckAsync(Start);
        GuestCommand follower = machine.Start($"echo $$ > /tmp/follower; exec sosctl router follow {Cpu}");
        await AwaitForwardingAsync(machine, left, right);
        await machine.CheckAsync($"sosctl router verify {Cpu}");

        await machine.CheckAsync("kill -9 $(cat /tmp/follower)");
        _ = await follower.WaitAsync(Limit);
        ulong before = await ForwardedAsync(machine);
        await PingAsync(left, right, 10);
        Assert.True(await ForwardedAsync(machine) >= before + 40);

        // Both families, there and back. The neighbours have forgotten the router, and ask for it again and again: the core answers.
        _ = machine.Start("echo c > /proc/sysrq-trigger");
        await machine.Console.WaitForAsync("end Kernel panic", Limit);
        foreach (LabPeer peer in (LabPeer[])[left, right])
        {
            await CheckAsync(peer, "ip neigh flush dev eth0");
        }

        await PingAsync(left, right, 100);
        Assert.NotEqual(0, (await left.RunAsync($"ping -q -c 2 -W 1 {LabNetwork.MachineIPv4()}")).ExitCode);
    }

    // What a peer knows of the router on its link is good for two seconds: then it asks again.
    private static async Task PointAsync(LabPeer peer, LabPeer other)
    {
        foreach (string family in (string[])["ipv4", "ipv6"])
        {
            string settings = $"/proc/sys/net/{family}/neigh/eth0";
            await CheckAsync(peer, $"echo 2000 > {settings}/base_reachable_time_ms && echo 1 > {settings}/delay_first_probe_time");
        }

        (string ipv4, string ipv6) = (LabNetwork.MachineIPv4(peer.Segment), LabNetwork.MachineIPv6(peer.Segment));
        await CheckAsync(peer, $"ip route add {other.IPv4}/32 via {ipv4} && ip -6 route add {other.IPv6}/128 via {ipv6}");
    }

    private static async Task CheckAsync(LabPeer peer, string command)
    {
        CommandResult result = await peer.RunAsync(command);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    // Linux forwards too: only what the core counts shows that it does.
    private static async Task AwaitForwardingAsync(LabMachine machine, LabPeer left, LabPeer right)
    {
        ulong forwarded = 0;
        for (int attempt = 0; attempt < 60 && forwarded < 4; attempt++)
        {
            foreach (string address in (string[])[right.IPv4, right.IPv6])
            {
                _ = await left.RunAsync($"ping -q -c 1 -W 2 {address}");
            }

            forwarded = await ForwardedAsync(machine);
        }

        Assert.True(forwarded >= 4, await machine.CheckAsync($"sosctl service log {Cpu}; sosctl router routes {Cpu}"));
    }

    private static async Task<ulong> ForwardedAsync(LabMachine machine)
        => Sos.Torture.Parts.Subject.Parse(await machine.CheckAsync($"sosctl service status {Cpu} --json"))
            .GetProperty("counters").GetProperty("router.forwarded").GetUInt64();

    private static async Task PingAsync(LabPeer left, LabPeer right, int count)
    {
        foreach (string address in (string[])[right.IPv4, right.IPv6])
        {
            CommandResult ping = await left.RunAsync($"ping -q -c {count} -i 0.2 -W 10 {address}", Limit);
            Assert.Contains(" 0% packet loss", ping.Output + ping.Error, StringComparison.Ordinal);
        }
    }
}

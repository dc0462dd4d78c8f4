using System;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Isolated.Tests;
using Sos.Lab.Agent;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Sos.Torture.Parts;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// A router core between two cards of a machine, with a peer on each; Linux's routes and VLANs are followed, and forwarding goes on when nobody follows, and
/// when Linux is down.
/// </summary>
public sealed class RouterScenarios
{
    private const int Cpu = 3;
    private const string Vlan = "eth1.5";

    private const string Start =
        "sosctl core reserve 3 && sosctl service start 3 /usr/lib/sos/router.sosimg --port wan=eth0 --port lan=eth1 "
        + "-p ipv4-groups=1024 -p ipv6-lines=16384 -p next-hops=1024 -p hop-members=1024 -p neighbours=1024";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Fact]
    public Task ForwardingGoesOnWithoutAFollowerAndWithoutLinux() => TryToLeaveItAloneAsync("6.12");

    /// <summary>The same on the older kernel.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task ForwardingGoesOnWithoutAFollowerAndWithoutLinuxOnTheOlderKernel() => TryToLeaveItAloneAsync("6.1");

    private static async Task TryToLeaveItAloneAsync(string kernel)
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

    /// <remarks>
    /// <code>
    ///  left ───── eth0  machine  eth1.5 ═════ right
    ///     untagged                  tag 5
    /// </code>
    /// The peers' kernel may have no VLAN devices: programs at the right one's card put the tag on and take it off.
    /// </remarks>
    [Fact]
    public Task AVlanIsAnInterfaceOfTheRouterForAsLongAsLinuxHasIt() => TryAVlanAsync("6.12");

    /// <summary>The same on the older kernel.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task AVlanIsAnInterfaceOfTheRouterForAsLongAsLinuxHasItOnTheOlderKernel() => TryAVlanAsync("6.1");

    private static async Task TryAVlanAsync(string kernel)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync(segments: 2);
        LabPeer left = await network.AddPeerAsync("left", 0);
        LabPeer right = await network.AddPeerAsync("right", 1);
        await PointAsync(left, right);
        await PointAsync(right, left);
        using TagPusher push = TagPusher.At(right.Namespace, "eth0", 5);
        using TagPusher pop = TagPusher.Popping(right.Namespace, "eth0");
        await using LabMachine machine = await LabMachine.BootAsync(
            new LabMachineOptions { Kernel = kernel, Network = network, KernelArguments = "panic=0" });
        await machine.ConfigureAsync("eth0");
        await machine.CheckAsync("modprobe 8021q; echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
        await machine.CheckAsync(Start);
        await machine.CheckAsync("ip link set eth1 up");
        _ = machine.Start($"exec sosctl router follow {Cpu}");

        // It comes while the router is followed, goes down, goes, and comes again.
        await AddVlanAsync(machine);
        await AwaitForwardingAsync(machine, left, right);
        await machine.CheckAsync($"sosctl router verify {Cpu}");
        Assert.Equal(("forwarded", Vlan), await TraceAsync(machine, right.IPv4));
        await machine.CheckAsync($"ip link set {Vlan} down");
        await AwaitAsync(machine, () => InterfaceAsync(machine), vlan => vlan is { } there && !there.GetProperty("up").GetBoolean());
        Assert.NotEqual(0, (await left.RunAsync($"ping -q -c 2 -W 1 {right.IPv4}")).ExitCode);
        await machine.CheckAsync($"ip link del {Vlan}");
        await AwaitAsync(machine, () => InterfaceAsync(machine), vlan => vlan is null);
        await AddVlanAsync(machine);
        await AwaitForwardingAsync(machine, left, right);
        JsonElement live = (await InterfaceAsync(machine))!.Value;
        Assert.Equal(("lan", "802.1Q 5"), (live.GetProperty("port").GetString(), live.GetProperty("vlan").GetString()));
        Assert.True(live.GetProperty("packets_in").GetUInt64() > 0 && live.GetProperty("packets_out").GetUInt64() > 0);

        // A map of priorities is Linux's; without it the core forwards again.
        await machine.CheckAsync($"ip link set {Vlan} type vlan egress-qos-map 0:3");
        await AwaitAsync(machine, () => InterfaceAsync(machine), vlan => vlan is null);
        Assert.Equal(0, (await left.RunAsync($"ping -q -c 2 -W 5 {right.IPv4}")).ExitCode);
        await machine.CheckAsync($"ip link del {Vlan}");
        await AddVlanAsync(machine);
        await AwaitForwardingAsync(machine, left, right);

        // The right peer has forgotten the router, and asks for it with its tag: the core answers with it.
        _ = machine.Start("echo c > /proc/sysrq-trigger");
        await machine.Console.WaitForAsync("end Kernel panic", Limit);
        await CheckAsync(left, "ip neigh flush dev eth0");
        await CheckAsync(right, "ip neigh flush dev eth0");
        await PingAsync(left, right, 50);
    }

    private static Task<string> AddVlanAsync(LabMachine machine) => machine.CheckAsync(
        $"ip link add link eth1 name {Vlan} type vlan id 5 && echo 0 > /proc/sys/net/ipv6/conf/{Vlan}/accept_dad && ip link set {Vlan} up && "
        + $"ip addr add {LabNetwork.MachineIPv4(1)}/24 dev {Vlan} && ip -6 addr add {LabNetwork.MachineIPv6(1)}/64 dev {Vlan} nodad");

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
        ulong before = await ForwardedAsync(machine);
        await AwaitAsync(
            machine,
            async () =>
            {
                foreach (string address in (string[])[right.IPv4, right.IPv6])
                {
                    _ = await left.RunAsync($"ping -q -c 1 -W 2 {address}");
                }

                return await ForwardedAsync(machine);
            },
            forwarded => forwarded >= before + 4);
    }

    private static async Task AwaitAsync<T>(LabMachine machine, Func<Task<T>> read, Func<T, bool> isReached)
    {
        for (int attempt = 0; attempt < 60; attempt++)
        {
            if (isReached(await read()))
            {
                return;
            }
        }

        Assert.Fail(await machine.CheckAsync($"sosctl service log {Cpu}; sosctl router interfaces {Cpu}; sosctl router routes {Cpu}; ip -d link; ip addr"));
    }

    private static async Task<ulong> ForwardedAsync(LabMachine machine)
        => Subject.Parse(await machine.CheckAsync($"sosctl service status {Cpu} --json"))
            .GetProperty("counters").GetProperty("router.forwarded").GetUInt64();

    private static async Task PingAsync(LabPeer left, LabPeer right, int count)
    {
        foreach (string address in (string[])[right.IPv4, right.IPv6])
        {
            CommandResult ping = await left.RunAsync($"ping -q -c {count} -i 0.2 -W 10 {address}", Limit);
            Assert.Contains(" 0% packet loss", ping.Output + ping.Error, StringComparison.Ordinal);
        }
    }

    private static async Task<JsonElement?> InterfaceAsync(LabMachine machine)
    {
        JsonElement document = Subject.Parse(await machine.CheckAsync($"sosctl router interfaces {Cpu} --json"));
        foreach (JsonElement one in document.GetProperty("interfaces").EnumerateArray())
        {
            if (one.GetProperty("name").GetString() == Vlan)
            {
                return one;
            }
        }

        return null;
    }

    private static async Task<(string? Verdict, string? Out)> TraceAsync(LabMachine machine, string destination)
    {
        JsonElement document = Subject.Parse(await machine.CheckAsync($"sosctl router trace {Cpu} {destination} --in wan --json"));
        return (document.GetProperty("verdict").GetString(), document.GetProperty("out").GetString());
    }
}

using System;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Sos.Torture.Parts;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// The sample with a control side between two cards of a machine, both driven by one unplugged core: a wire between the two segments, which otherwise
/// nothing joins. Then both cards are Linux's again, with all that it had on them.
/// </summary>
public sealed class TwoCardScenarios
{
    private const int Cpu = 3;
    private const string Image = "/usr/lib/sos/samples/limiter.sosimg";
    private const string Start =
        "sosctl core reserve 3 && sosctl service start 3 " + Image + " --port wan=eth0 --port lan=eth1 --limits /tmp/tight -p burst=1";

    private const string RightIPv4 = "10.99.0.2";
    private const string RightIPv6 = "fd00:99::2";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    // All that Linux has on its cards, but for what it makes up by itself.
    private static readonly string Configuration =
        "for card in eth0 eth1; do for family in 4 6; do ip -o -$family addr show dev $card scope global | awk '{ print $2, $4 }'; done; done; "
        + "ip route show; ip -6 route show | grep -v fe80 | sort; "
        + $"for card in {LabMachine.CardAddress(0)} {LabMachine.CardAddress(1)}; do basename $(readlink -f /sys/bus/pci/devices/$card/driver); done";

    [Fact]
    public Task ASampleJoinsTwoCardsAndBothComeBack() => TryASampleAsync("6.12");

    /// <summary>The same on the older kernel.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task ASampleJoinsTwoCardsAndBothComeBackOnTheOlderKernel() => TryASampleAsync("6.1");

    private static async Task TryASampleAsync(string kernel)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync(segments: 2);
        (LabPeer left, LabPeer right) = await AddPeersAsync(network);
        await using LabMachine machine = await BootAsync(kernel, network, left, right);
        string before = await machine.CheckAsync(Configuration);
        Assert.Equal(2, before.Split('\n').Count(line => line == "virtio-pci"));
        await machine.CheckAsync(Start);
        await machine.CheckAsync("! ip link show dev eth0 && ! ip link show dev eth1");
        Assert.Equal(["wan", "lan"], (await ReadAsync(machine, "service status")).GetProperty("ports").EnumerateArray()
            .Select(port => port.GetProperty("port").GetString()));

        // Four packets come at once to a host that may have one a second: some find no token, however slow the machine.
        await AwaitAsync(async () =>
        {
            _ = await left.RunAsync($"ping -q -c 4 -i 0.01 -W 1 {RightIPv4}");
            JsonElement host = (await ReadAsync(machine, "limiter show")).GetProperty("entries").EnumerateArray().Single();
            return host.GetProperty("passed").GetUInt64() > 0 && host.GetProperty("dropped").GetUInt64() > 0;
        }, "the limit does not hold");
        await machine.CheckAsync($"sosctl limiter apply {Cpu} /tmp/other");
        await PingAsync(left);
        await machine.CheckAsync($"sosctl service restart {Cpu} -p burst=8");
        await AwaitAnswerAsync(left, RightIPv4);
        await PingAsync(left);

        await machine.CheckAsync($"sosctl service stop {Cpu} && sosctl core release {Cpu}");
        await AssertBackAsync(machine, before, left, right);
    }

    /// <summary>The service ends with one of its cards, and the other is not forgotten.</summary>
    [Theory]
    [InlineData("6.12")]
    public async Task ACardThatIsTakenOutEndsTheServiceAndBothComeBack(string kernel)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync(segments: 2);
        (LabPeer left, LabPeer right) = await AddPeersAsync(network);
        await using LabMachine machine = await BootAsync(kernel, network, left, right);
        string before = await machine.CheckAsync(Configuration);
        await machine.CheckAsync(Start);
        await AwaitAnswerAsync(left, RightIPv6);
        await machine.CheckAsync($"echo 1 > /sys/bus/pci/devices/{LabMachine.CardAddress(1)}/remove");
        Assert.Contains((await ReadAsync(machine, "service status")).GetProperty("state").GetString(), new[] { "Stopped", "Failed" });
        Assert.Equal(6, (await machine.RunAsync($"sosctl service restart {Cpu}")).ExitCode);
        await machine.CheckAsync($"echo 1 > /sys/bus/pci/rescan; sosctl core release {Cpu}");
        await AssertBackAsync(machine, before, left, right);
    }

    // Without the wire these addresses are of no use to anyone.
    private static async Task<(LabPeer Left, LabPeer Right)> AddPeersAsync(LabNetwork network)
    {
        LabPeer left = await network.AddPeerAsync("left", 0);
        LabPeer right = await network.AddPeerAsync("right", 1);
        await CheckAsync(left, "ip addr add 10.99.0.1/24 dev eth0 && ip -6 addr add fd00:99::1/64 dev eth0 nodad");
        await CheckAsync(right, $"ip addr add {RightIPv4}/24 dev eth0 && ip -6 addr add {RightIPv6}/64 dev eth0 nodad");
        return (left, right);
    }

    private static async Task<LabMachine> BootAsync(string kernel, LabNetwork network, LabPeer left, LabPeer right)
    {
        LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, Network = network });
        await machine.ConfigureAsync("eth0");
        await machine.ConfigureAsync("eth1", 1);
        await AwaitLinuxAsync(left, right);
        await machine.CheckAsync($"echo '{RightIPv4} 1' > /tmp/tight; echo '10.99.0.9 1' > /tmp/other");
        return machine;
    }

    private static async Task AssertBackAsync(LabMachine machine, string before, LabPeer left, LabPeer right)
    {
        await machine.AwaitAsync(Configuration, before);
        await AwaitLinuxAsync(left, right);
        Assert.NotEqual(0, (await left.RunAsync($"ping -q -c 2 -W 1 {RightIPv4}")).ExitCode);
        machine.EnsureHealthy();
    }

    private static async Task AwaitLinuxAsync(LabPeer left, LabPeer right)
    {
        foreach (LabPeer peer in (LabPeer[])[left, right])
        {
            await AwaitAnswerAsync(peer, LabNetwork.MachineIPv4(peer.Segment));
            await AwaitAnswerAsync(peer, LabNetwork.MachineIPv6(peer.Segment));
        }
    }

    private static async Task<JsonElement> ReadAsync(LabMachine machine, string command)
        => Subject.Parse(await machine.CheckAsync($"sosctl {command} {Cpu} --json"));

    private static Task AwaitAnswerAsync(LabPeer peer, string address)
        => AwaitAsync(async () => (await peer.RunAsync($"ping -q -c 1 -W 2 {address}")).ExitCode == 0, $"{address} does not answer {peer.Name}");

    private static async Task AwaitAsync(Func<Task<bool>> condition, string what)
    {
        DateTime end = DateTime.UtcNow + Limit;
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < end, what);
        }
    }

    private static async Task PingAsync(LabPeer left)
    {
        foreach (string address in (string[])[RightIPv4, RightIPv6])
        {
            CommandResult ping = await left.RunAsync($"ping -q -c 20 -i 0.2 -W 10 {address}", Limit);
            Assert.Contains(" 0% packet loss", ping.Output + ping.Error, StringComparison.Ordinal);
        }
    }

    private static async Task CheckAsync(LabPeer peer, string command)
    {
        CommandResult result = await peer.RunAsync(command);
        Assert.True(result.ExitCode == 0, result.Error);
    }
}

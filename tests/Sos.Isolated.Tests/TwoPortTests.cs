using System;
using System.Linq;
using System.Text.Json;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>A service with two cards: the Bridge sample, a wire between "wan" and "lan".</summary>
public sealed class TwoPortTests : IsolatedScenario
{
    private static readonly string Bridge = Command.Metadata("Bridge");

    [Fact]
    public void FramesGoFromCardToCardAndBothComeBack()
    {
        using NetworkChain network = new();
        string before = network.Configuration();
        Reserve();
        Start(network);
        network.AssertPing();
        Assert.Equal(
            [("wan", "eth0"), ("lan", "eth1")],
            Status().GetProperty("ports").EnumerateArray().Select(port => (port.GetProperty("port").GetString()!, port.GetProperty("device").GetString()!)));
        Command.Await(() => Counter("bridge.to_lan") > 0 && Counter("bridge.to_wan") > 0, "nothing was counted in one direction");

        Command.SosctlJson(null, "service", "restart", $"{Cpu}").Succeeded();
        network.AssertPing();
        Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded();
        Assert.False(network.Pings());
        Assert.Equal(before, network.Configuration());
    }

    [Theory]
    [InlineData("runner")]
    [InlineData("keeper")]
    public void WhenAProcessOfTheServiceDiesNothingPassesAndStopGivesBothBack(string process)
    {
        using NetworkChain network = new();
        string before = network.Configuration();
        Reserve();
        Start(network);
        network.AssertPing();
        Command.Shell($"kill -9 $(cat /dev/shm/sos/core-{Cpu}/run.json /run/sos/core-{Cpu}/run.json 2>/dev/null | grep -oP '\"{process}\":\\K\\d+')");
        Command.Await(() => State() == "Failed", "its death is not seen");
        Assert.False(network.Pings());
        Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded();
        Assert.Equal(before, network.Configuration());
    }

    [Fact]
    public void ACardThatDisappearsIsToldAndTheOtherComesBack()
    {
        using NetworkChain network = new();
        Reserve();
        Start(network);
        network.AssertPing();
        Command.Shell($"ip -n {network.Middle} link delete eth1").Succeeded();
        Command.Await(
            () => Status().GetProperty("remarks").EnumerateArray().Any(remark => remark.GetString()!.Contains("eth1", StringComparison.Ordinal)),
            "nobody says that the card is gone");
        Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded();
        Assert.DoesNotContain("xdp", Command.Shell($"ip -n {network.Middle} link show dev eth0").Succeeded().Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("needs the port lan", "--port", "wan=eth0")]
    [InlineData("knows no port dmz", "--port", "wan=eth0", "--port", "dmz=eth1")]
    [InlineData("two ports have the device eth0", "--port", "wan=eth0", "--port", "lan=eth0")]
    [InlineData("Bridge", "--device", "eth0")]
    public void PortsThatDoNotFitTheImageAreRefusedInItsWords(string reason, params string[] options)
    {
        using NetworkChain network = new();
        string before = network.Configuration();
        Reserve();
        Result refused = Command.SosctlJson(network.Middle, ["service", "start", $"{Cpu}", Bridge, .. options]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(reason, refused.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(before, network.Configuration());
        Assert.Equal("Reserved", State());
    }

    private void Start(NetworkChain network)
        => Command.SosctlJson(network.Middle, "service", "start", $"{Cpu}", Bridge, "--port", "wan=eth0", "--port", "lan=eth1").Succeeded();

    private ulong Counter(string name)
        => Status().GetProperty("counters").TryGetProperty(name, out JsonElement value) ? value.GetUInt64() : 0;
}

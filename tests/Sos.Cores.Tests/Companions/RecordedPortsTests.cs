using System;
using Sos.Cores.Companions;
using Sos.Cores.Network;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Cores.Tests.Companions;

/// <summary>A restarted service's companion learns the ports' names from the record, those of before the service took the devices included.</summary>
public sealed class RecordedPortsTests
{
    [Fact]
    public void APortHasTheNamesOfItsDeviceAndOfItsHostPort()
    {
        KnownPort port = Assert.Single(Record(new CardRecord("eth0", "lan0", null, null) { Netdev = Device(NetworkNamespace.Current) }).KnownPorts);
        Assert.Equal("lan", port.Port);
        Assert.Equal(["eth0", "lan0"], port.Interfaces);
        Assert.True(port.IsHere);
    }

    [Fact]
    public void ADeviceOfAnotherNamespaceIsNotHere()
        => Assert.False(Assert.Single(Record(new CardRecord("eth0", null, null, null) { Netdev = Device("net:[1]") }).KnownPorts).IsHere);

    [Fact]
    public void WithoutACardThePlanNamesTheHostPort() => Assert.Equal(["wished"], Assert.Single(Record().KnownPorts).Interfaces);

    private static NetdevRecord Device(string place) => new("eth0", 2, place, 1, 0, [], MakesQueue: false, Open: false);

    private static CoreRecord Record(params CardRecord[] cards) => new()
    {
        Cpu = 3,
        Plan = new ServicePlan { Image = "/a.sosimg", Ports = [new PortPlan { Name = "lan", HostPort = "wished" }] },
        Service = "a",
        Version = "1.0.0",
        BuildId = "",
        Started = DateTimeOffset.UnixEpoch,
        Cards = [.. Array.ConvertAll(cards, card => card with { Port = "lan" })],
    };
}

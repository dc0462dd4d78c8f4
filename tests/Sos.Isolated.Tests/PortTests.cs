using System;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>Ports of samples on AF_XDP: the same images as on an unplugged core, and a cable that is drawn and put back.</summary>
public sealed class PortTests : IsolatedScenario
{
    private const string EchoAddress = "10.77.3.100";
    private const string EchoParameter = "address=172819300"; // the same as a number

    [Theory]
    [InlineData("Forwarder")]
    [InlineData("Pacing")]
    [InlineData("Echo", "-p", EchoParameter)]
    public void EverySampleWithAPortPassesTraffic(string sample, params string[] options)
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Start(network, sample, options);
        network.AssertPing();
        if (sample == "Echo")
        {
            Command.Await(() => network.AtClient($"ping -c 1 -W 1 {EchoAddress}").ExitCode == 0, "the service does not answer for its own address");
        }

        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        network.AssertPing();
    }

    [Fact]
    public void ACableThatIsPutInLaterAndOneThatFlapsAreFollowed()
    {
        using NetworkPair network = new();
        Reserve();
        network.AtClient("ip link set eth0 down").Succeeded();
        Start(network, "Forwarder");
        AwaitCarrier(network, "0");
        for (int i = 0; i < 5; i++)
        {
            network.AtClient("ip link set eth0 up").Succeeded();
            AwaitCarrier(network, "1");
            network.AssertPing();
            network.AtClient("ip link set eth0 down").Succeeded();
            AwaitCarrier(network, "0");
        }

        Assert.Equal(10UL, Command.SosctlJson(network.Host, "service", "status", $"{Cpu}").Succeeded().Json
            .GetProperty("counters").GetProperty("nic.link_changes").GetUInt64());
    }

    [Fact]
    public void ADeviceThatLinuxRemovesTakesTheCarrierAwayAndIsToldOf()
    {
        using NetworkPair network = new();
        Reserve();
        Start(network, "Forwarder");
        AwaitCarrier(network, "1");
        network.AtClient("ip link del eth0").Succeeded();
        AwaitCarrier(network, "0");
        Command.Await(
            () => Command.Sosctl("service", "log", $"{Cpu}").Output.Contains("port nic: Linux has removed its network device", StringComparison.Ordinal),
            "the log does not tell of it");

        // The service goes on; what cannot be given back is told.
        Assert.Equal("Running", State());
        _ = Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}");
    }

    private static void AwaitCarrier(NetworkPair network, string carrier)
        => Command.Await(() => network.AtHost("cat /sys/class/net/eth0/carrier").Output.Trim() == carrier, $"the carrier is not {carrier}");

    private void Start(NetworkPair network, string sample, params string[] options)
    {
        string image = Command.Metadata(sample);
        Command.SosctlJson(network.Host, ["service", "start", $"{Cpu}", image, "--device", "eth0", .. options]).Succeeded();
    }
}

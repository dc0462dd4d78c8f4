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
        for (ulong changes = 0; changes < 10; changes += 2)
        {
            AwaitLinkChanges(network, changes);
            network.AtClient("ip link set eth0 up").Succeeded();
            AwaitLinkChanges(network, changes + 1);
            network.AssertPing();
            network.AtClient("ip link set eth0 down").Succeeded();
        }

        AwaitLinkChanges(network, 10);
    }

    [Fact]
    public void ADeviceThatLinuxRemovesIsToldOf()
    {
        using NetworkPair network = new();
        Reserve();
        Start(network, "Forwarder");
        AwaitLinkChanges(network, 1);
        network.AtClient("ip link del eth0").Succeeded();
        Command.Await(
            () => Command.Sosctl("service", "log", $"{Cpu}").Output.Contains("port nic: Linux has removed its network device", StringComparison.Ordinal),
            "the log does not tell of it");
        AwaitLinkChanges(network, 2);

        // What cannot be given back is told.
        _ = Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}");
    }

    private static ulong Counter(Result status, string name)
        => status.Succeeded().Json.GetProperty("counters").GetProperty(name).GetUInt64();

    /// <summary>Waits until the service has seen so many changes of the link, and passed each on to its host port.</summary>
    private void AwaitLinkChanges(NetworkPair network, ulong changes) => Command.Await(
        () =>
        {
            Result status = Command.SosctlJson(network.Host, "service", "status", $"{Cpu}");
            return Counter(status, "nic.link_changes") == changes && Counter(status, "host.link_changes") == changes;
        },
        $"the service has not seen {changes} changes of the link");

    private void Start(NetworkPair network, string sample, params string[] options)
    {
        string image = Command.Metadata(sample);
        Command.SosctlJson(network.Host, ["service", "start", $"{Cpu}", image, "--device", "eth0", .. options]).Succeeded();
    }
}

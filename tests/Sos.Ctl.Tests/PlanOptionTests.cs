using System.CommandLine;
using System.IO;
using System.Linq;
using Sos.Catalogue;
using Sos.Cores;
using Sos.Cores.Plan;
using Sos.Ctl.Commands;
using Xunit;

namespace Sos.Ctl.Tests;

public class PlanOptionTests
{
    [Theory]
    [InlineData("--force")]
    [InlineData("--busy-poll")]
    [InlineData("--host-port", "inside")]
    [InlineData("--pcap-in", "in.pcap")]
    [InlineData("--pcap-out", "out.pcap")]
    [InlineData("--pcap-in", "in.pcap", "--pcap-out", "out.pcap", "--device", "eth0")]
    [InlineData("--pcap-in", "in.pcap", "--pcap-out", "out.pcap", "--port", "wan=eth0")]
    [InlineData("--device", "eth0", "--port", "wan=eth0")]
    public void OptionsThatWouldDoNothingAreRefused(params string[] options)
    {
        SosException refused = Assert.Throws<SosException>(() => Read(options));
        Assert.Equal(SosError.Usage, refused.Error);
        Assert.Contains(options[0], refused.Message, System.StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--port", "eth0")]
    [InlineData("--port", "=eth0")]
    [InlineData("--port", "wan=")]
    [InlineData("--port", "wan=eth0", "--port", "lan=eth1", "--host-port", "inside")]
    [InlineData("--port", "wan=eth0", "--host-port", "lan=inside")]
    [InlineData("--port", "wan=eth0", "--host-port", "wan=inside", "--host-port", "wan=outside")]
    [InlineData("--device", "eth0", "--host-port", "inside", "--host-port", "outside")]
    public void PortsThatCannotBeToldApartAreRefused(params string[] options)
        => Assert.Equal(SosError.Usage, Assert.Throws<SosException>(() => Read(options)).Error);

    [Theory]
    [InlineData("--device", "eth0", "--force", "--busy-poll", "--host-port", "inside")]
    [InlineData("--rules", "rules.nft", "--host-port", "inside")]
    [InlineData("--pcap-in", "in.pcap", "--pcap-out", "out.pcap")]
    [InlineData("--scheduling", "fifo")]
    public void OptionsThatDoSomethingAreTaken(params string[] options) => Assert.Equal(Path.GetFullPath("a.sosimg"), Read(options).Image);

    [Fact]
    public void ADeviceIsTheOnlyPort()
    {
        PortPlan port = Assert.Single(Read("--device", "eth0", "--host-port", "inside", "--busy-poll").Ports);
        Assert.Equal(("nic", "eth0", "inside", true, false), (port.Name, port.Device, port.HostPort, port.BusyPoll, port.Force));
    }

    [Fact]
    public void PortsHaveNamesCardsAndHostPorts()
    {
        ServicePlan plan = Read("--port", "wan=eth0", "--port", "lan=0000:00:04.0", "--host-port", "lan=inside", "--force");
        Assert.Equal(
            [("wan", "eth0", null, true), ("lan", "0000:00:04.0", "inside", true)],
            plan.Ports.Select(port => (port.Name, port.Device, port.HostPort, port.Force)));
    }

    [Fact]
    public void FilesAreFoundFromEverywhere()
    {
        ServicePlan plan = Read("--pcap-in", "in.pcap", "--pcap-out", "out.pcap", "--rules", "rules.nft");
        Assert.Equal((Path.GetFullPath("in.pcap"), Path.GetFullPath("out.pcap")), (plan.Ports[0].Captures!.Input, plan.Ports[0].Captures!.Output));
        Assert.Equal(Path.GetFullPath("rules.nft"), plan.Options["rules"]);
    }

    [Fact]
    public void SizesThatAreNotGivenAreLeftToTheService()
    {
        Assert.Equal((null, null, 0ul), (Read().PacketMemorySize, Read().TableSlotSize, Read().ArenaSize));
        ServicePlan given = Read("--packet-memory", "0", "--table-size", "4M", "--arena", "1M");
        Assert.Equal((0ul, 4ul << 20, 1ul << 20), (given.PacketMemorySize, given.TableSlotSize, given.ArenaSize));
    }

    private static ServicePlan Read(params string[] options)
    {
        PlanOptions plan = new(ServiceCatalogue.Companions);
        Command command = new("start");
        plan.AddTo(command);
        return plan.Read(command.Parse(["a.sosimg", .. options]));
    }
}

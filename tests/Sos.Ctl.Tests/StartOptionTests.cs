using System.IO;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Isolation;
using Sos.Cores.Running;
using Sos.Ctl.Commands;
using Sos.Ctl.Output;
using Xunit;

namespace Sos.Ctl.Tests;

// The options of a command are shared by all command lines, which are not made at the same time.
[Collection("command line")]
public class StartOptionTests
{
    [Theory]
    [InlineData("--force")]
    [InlineData("--busy-poll")]
    [InlineData("--host-port", "inside")]
    [InlineData("--pcap-in", "in.pcap")]
    [InlineData("--pcap-out", "out.pcap")]
    [InlineData("--pcap-in", "in.pcap", "--pcap-out", "out.pcap", "--device", "eth0")]
    public void OptionsThatWouldDoNothingAreRefused(params string[] options)
    {
        SosException refused = Assert.Throws<SosException>(() => Read(options));
        Assert.Equal(SosError.Usage, refused.Error);
        Assert.Contains(options[0], refused.Message, System.StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--device", "eth0", "--force", "--busy-poll", "--host-port", "inside")]
    [InlineData("--rules", "rules.nft", "--host-port", "inside")]
    [InlineData("--pcap-in", "in.pcap", "--pcap-out", "out.pcap")]
    [InlineData("--scheduling", "fifo")]
    public void OptionsThatDoSomethingAreTaken(params string[] options) => Assert.Equal(Path.GetFullPath("a.sosimg"), Read(options).ImagePath);

    [Fact]
    public void FilesAreFoundFromEverywhere()
    {
        StartSettings settings = Read("--pcap-in", "in.pcap", "--pcap-out", "out.pcap", "--rules", "rules.nft");
        Assert.Equal(
            (Path.GetFullPath("in.pcap"), Path.GetFullPath("out.pcap"), Path.GetFullPath("rules.nft")),
            (settings.CaptureInput, settings.CaptureOutput, settings.Rules));
    }

    [Fact]
    public void AnUnpluggedCoreHasNeitherSchedulingNorBusyPolling()
    {
        StartSettings busy = new() { ImagePath = "/a.sosimg", Device = "eth0", BusyPoll = true };
        StartSettings fifo = new() { ImagePath = "/a.sosimg", Scheduling = SchedulingWish.Fifo };
        foreach (StartSettings settings in new[] { busy, fifo })
        {
            ServiceStartCommand.CheckBackEnd(settings, BackEndKind.Isolated);
            Assert.Equal(
                SosError.Usage, Assert.Throws<SosException>(() => ServiceStartCommand.CheckBackEnd(settings, BackEndKind.Offline)).Error);
        }

        ServiceStartCommand.CheckBackEnd(new StartSettings { ImagePath = "/a.sosimg" }, BackEndKind.Offline);
    }

    private static StartSettings Read(params string[] options)
    {
        using StringWriter output = new();
        string[] arguments = ["service", "start", "1", "a.sosimg", .. options];
        return ServiceStartCommand.ReadSettings(CommandLine.Create(new Terminal(output, output)).Parse(arguments));
    }
}

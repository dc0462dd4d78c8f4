using Sos.Demo.Scenes;
using Sos.Lab.Machine;
using Xunit;

namespace Sos.Demo.Tests;

public sealed class GuestReadingTests
{
    private const string Before = """
        cpu0 10 0 10 100 0 0 5 0 0 0
        cpu1 0 0 0 50 0 0 0 0 7 0
                   CPU0       CPU1
         23:         10          5  IO-APIC  23-fasteoi   virtio2
         30:          1          0   PCI-MSI 32768-edge      virtio0-config
        LOC:        100        200   Local timer interrupts
             NET_RX:         10         20
        """;

    private const string After = """
        cpu0 20 0 20 160 0 0 25 0 0 0
                   CPU0
         23:        110          5  IO-APIC  23-fasteoi   virtio2
         30:          1          0   PCI-MSI 32768-edge      virtio0-config
             NET_RX:         40         20
        """;

    [Fact]
    public void SoftirqShareIsOfTheCpusThatLinuxHadThroughout() => Assert.Equal(
        0.2, GuestReading.Parse(After).SoftirqShareSince(GuestReading.Parse(Before)), 6);

    [Fact]
    public void InterruptsAreCountedByTheNameOfTheirUser()
    {
        Assert.Equal(100, GuestReading.Parse(After).InterruptsSince(GuestReading.Parse(Before), "virtio2"));
        Assert.Equal(0, GuestReading.Parse(After).InterruptsSince(GuestReading.Parse(Before), "sos"));
        Assert.Equal(30, GuestReading.Parse(After).NetworkSoftirqs - GuestReading.Parse(Before).NetworkSoftirqs);
    }

    [Theory]
    [InlineData("0", new[] { 0 })]
    [InlineData("0-2", new[] { 0, 1, 2 })]
    [InlineData("0-1,4,6-7", new[] { 0, 1, 4, 6, 7 })]
    public void CpuListsAreReadAsTheKernelWritesThem(string text, int[] cpus) => Assert.Equal(cpus, HostPlacement.ParseList(text));

    [Fact]
    public void DropsAreSummedOverTheRulesThatDrop() => Assert.Equal(12, LinuxScene.SumOfDrops(
        """
        {"nftables":[{"chain":{"name":"input"}},
         {"rule":{"expr":[{"match":{}},{"counter":{"packets":7,"bytes":1}},{"drop":null}]}},
         {"rule":{"expr":[{"counter":{"packets":100,"bytes":1}},{"accept":null}]}},
         {"rule":{"expr":[{"counter":{"packets":5,"bytes":1}},{"drop":null}]}}]}
        """));
}

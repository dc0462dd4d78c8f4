using Sos.Cores.Carrying;
using Sos.Cores.Running;
using Sos.Cores.Tests.Carrying;
using Xunit;

namespace Sos.Cores.Tests.Running;

/// <summary>The host port is known by its driver with number or address, not by a name that anybody may give away. A cable stands in its place here.</summary>
public sealed class HostPortReadingTests
{
    private const string Driver = "veth";

    [Theory]
    [InlineData("true", Driver, "eth0")]
    [InlineData("ip link set eth0 name lan0", Driver, "lan0")]
    [InlineData("ip link set eth0 name lan0; ip link set other0 down; ip link set other0 name eth0", Driver, "lan0")]
    [InlineData("ip link set eth0 address 02:00:00:00:00:99", Driver, "eth0")]
    [InlineData("ip link delete eth0; ip link add lan0 address 02:00:00:00:00:05 type veth peer name far0", Driver, "lan0")]
    [InlineData("ip link delete eth0", Driver, null)]
    [InlineData("true", "sos", null)]
    public void ItIsFoundWhateverItIsCalled(string change, string driver, string? expected)
    {
        using CarriedHost host = new();
        InterfaceConfiguration network = host.Inside(() => InterfaceConfiguration.Read("eth0"));
        host.Shell(change);
        Assert.Equal(expected, host.Inside(() => HostPortReading.Find("eth0", network, driver))?.Name);
    }
}

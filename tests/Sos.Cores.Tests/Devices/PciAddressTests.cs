using Sos.Cores.Devices;
using Xunit;

namespace Sos.Cores.Tests.Devices;

public sealed class PciAddressTests
{
    [Theory]
    [InlineData("0000:00:03.0", "0000:00:03.0", 0x18)]
    [InlineData("00:1f.7", "0000:00:1f.7", 0xff)]
    [InlineData("10000:e1:00.1", "10000:e1:00.1", 0x01)]
    public void ReadsAddresses(string text, string expected, int devFn)
    {
        Assert.True(PciAddress.TryParse(text, out PciAddress address));
        Assert.Equal(expected, address.ToString());
        Assert.Equal(devFn, address.DevFn);
    }

    [Theory]
    [InlineData("")]
    [InlineData("eth0")]
    [InlineData("00:20.0")]
    [InlineData("00:03.8")]
    [InlineData("100:03.0")]
    [InlineData("0000:00:03")]
    [InlineData("0:0:0:3.0")]
    public void RefusesWhatIsNone(string text) => Assert.False(PciAddress.TryParse(text, out _));
}

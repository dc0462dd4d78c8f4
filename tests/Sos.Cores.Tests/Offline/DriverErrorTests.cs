using Sos.Cores.Native;
using Sos.Cores.Offline;
using Xunit;

namespace Sos.Cores.Tests.Offline;

public class DriverErrorTests
{
    [Fact]
    public void MissingDriverSaysHowToLoadIt()
    {
        SosException e = Assert.Throws<SosException>(() => SosDriver.Open("/nonexistent/sos"));
        Assert.Equal(SosError.DriverMissing, e.Error);
        Assert.Contains("modprobe sos", e.Message, System.StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherDeviceIsNotTheDriver()
    {
        SosException e = Assert.Throws<SosException>(() => SosDriver.Open("/dev/null"));
        Assert.Equal(SosError.DriverMissing, e.Error);
    }

    [Theory]
    [InlineData(Errno.AccessDenied, SosError.NotPermitted)]
    [InlineData(Errno.NotPermitted, SosError.NotPermitted)]
    [InlineData(Errno.NoDeviceOrAddress, SosError.DriverMissing)]
    public void OpenErrorsAreTold(int errno, SosError expected) => Assert.Equal(expected, SosDriver.ExplainOpen("/dev/sos", errno).Error);

    [Theory]
    [InlineData(Errno.NotPermitted)]
    [InlineData(Errno.Busy)]
    [InlineData(Errno.NoDevice)]
    [InlineData(Errno.NoSpace)]
    [InlineData(Errno.InputOutput)]
    [InlineData(Errno.Invalid)]
    [InlineData(Errno.NotSupported)]
    public void EveryReserveErrorSaysWhatToDo(int errno) => Assert.NotNull(SosDriver.ExplainReserve(3, errno));
}

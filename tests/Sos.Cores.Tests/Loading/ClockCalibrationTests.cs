using System;
using System.Collections.Generic;
using System.Text;
using Sos.Cores.Loading;
using Xunit;

namespace Sos.Cores.Tests.Loading;

public class ClockCalibrationTests
{
    [Theory]
    [InlineData(1_000_000UL)]
    [InlineData(2_400_000UL)]
    [InlineData(5_000_000UL)]
    public void OneSecondOfTicksIsOneSecond(ulong khz)
    {
        ClockCalibration calibration = ClockCalibration.FromKhz(khz);
        ulong ns = (ulong)(((UInt128)(khz * 1000) * calibration.Mult) >> (int)calibration.Shift);
        Assert.InRange(ns, 999_999_990UL, 1_000_000_000UL);
    }

    [Fact]
    public void TheCounterAdvances()
    {
        ulong first = TimeStampCounter.Read();
        Assert.True(TimeStampCounter.Read() > first);
    }

    [Fact]
    public void ParametersAreLines()
    {
        byte[] text = ControlLayout.FormatParameters(new Dictionary<string, string> { ["vlan"] = "drop", ["a"] = "b=c" });
        Assert.Equal("a=b=c\nvlan=drop\n", Encoding.UTF8.GetString(text));
    }

    [Theory]
    [InlineData("", "x")]
    [InlineData("a=b", "x")]
    [InlineData("a", "x\ny")]
    public void ParametersThatCannotBeWrittenAreRefused(string name, string value)
        => Assert.Throws<SosException>(() => ControlLayout.FormatParameters(new Dictionary<string, string> { [name] = value }));
}

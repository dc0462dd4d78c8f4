using System.CommandLine;
using Sos.Cores;
using Sos.Ctl.Commands;
using Xunit;

namespace Sos.Ctl.Tests;

public class CoreRunOptionTests
{
    private static readonly CoreOptions Former = new(ShareCore: true, CorePerformance.Nominal, ResctrlClass: 5);

    [Fact]
    public void WhatIsNotGivenStaysAsItWas()
    {
        Assert.Equal(new CoreOptions(), Read(new CoreOptions()));
        Assert.Equal(Former, Read(Former));
        Assert.Equal(Former with { Performance = CorePerformance.Fixed }, Read(Former, "--performance", "fixed"));
    }

    [Theory]
    [InlineData("0", 0u)]
    [InlineData("65535", 65535u)]
    public void AClassOfServiceIsANumber(string text, uint expected)
        => Assert.Equal(new CoreOptions(ResctrlClass: expected), Read(new CoreOptions(), "--resctrl-class", text));

    private static CoreOptions Read(CoreOptions former, params string[] arguments)
    {
        CoreRunOptions run = new();
        Command command = new("reserve");
        run.AddTo(command);
        ParseResult result = command.Parse(arguments);
        Assert.Empty(result.Errors);
        return run.Read(result, former);
    }
}

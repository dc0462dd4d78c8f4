using System;
using System.Collections.Generic;
using Sos.Cores;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.RemoteConsole.Control;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>Nothing is granted unless it was asked for by name, on a core that outlives Linux.</summary>
public sealed class GrantTests
{
    [Fact]
    public void WithoutAGrantNothingIsShown() => Assert.Null(Configure(null, BackEndKind.Offline).LinuxMemory);

    [Theory]
    [InlineData("memory")]
    [InlineData("")]
    [InlineData("linux-memory,")]
    [InlineData("linux-memory,reboot")]
    [InlineData("LINUX-MEMORY")]
    public void WhatThereIsNotIsNotGranted(string grant)
        => Assert.Contains("to grant", Assert.Throws<SosException>(() => Configure(grant, BackEndKind.Offline)).Message, StringComparison.Ordinal);

    [Fact]
    public void AnIsolatedCoreHasNoView()
    {
        SosException refused = Assert.Throws<SosException>(() => Configure("linux-memory", BackEndKind.Isolated));
        Assert.Equal(SosError.Usage, refused.Error);
        Assert.Contains("ends with Linux", refused.Message, StringComparison.Ordinal);
    }

    private static ServiceConfiguration Configure(string? grant, BackEndKind backEnd)
    {
        ServicePlan plan = new()
        {
            Image = "/console.sosimg",
            Options = grant is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["grant"] = grant },
        };
        ServiceConfiguration configuration = new() { BackEnd = backEnd, Parameters = new Dictionary<string, string> { ["address"] = "192.0.2.9" } };
        return new ConsoleCompanion().Configure(configuration, plan);
    }
}

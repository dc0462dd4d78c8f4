using System;
using System.Collections.Generic;
using System.IO;
using Sos.Cores;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Image;
using Sos.RemoteConsole.Control;
using Sos.Sdk.Control;
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
    [InlineData("linux-memory,everything")]
    [InlineData("linux-memory, reboot")]
    [InlineData("look")]
    [InlineData("LINUX-MEMORY")]
    public void WhatThereIsNotIsNotGranted(string grant)
        => Assert.Contains("to grant", Assert.Throws<SosException>(() => Configure(grant, BackEndKind.Offline)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("linux-memory")]
    [InlineData("reboot")]
    [InlineData("sysrq,nmi,crash,release")]
    public void AnIsolatedCoreHasNoViewAndNoActions(string grant)
    {
        SosException refused = Assert.Throws<SosException>(() => Configure(grant, BackEndKind.Isolated));
        Assert.Equal(SosError.Usage, refused.Error);
        Assert.Contains("ends with Linux", refused.Message, StringComparison.Ordinal);
        Assert.Contains(grant.Split(',')[0], refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, ServiceGrants.None)]
    [InlineData("reboot", ServiceGrants.Reboot)]
    [InlineData("release,sysrq,release", ServiceGrants.Sysrq | ServiceGrants.Release)]
    [InlineData("sysrq,nmi,crash,reboot,release", ServiceGrants.Actions)]
    public void ActionsAreGrantedByName(string? grant, ServiceGrants actions)
    {
        ServiceConfiguration configuration = Configure(grant, BackEndKind.Offline);
        Assert.Equal(actions, configuration.Actions);
        Assert.Null(configuration.LinuxMemory);
    }

    [Fact]
    public void TheBitsOfGrantsAreThoseOfActions()
    {
        Assert.Equal(1u << (int)ServiceAction.Sysrq, (uint)ServiceGrants.Sysrq);
        Assert.Equal(1u << (int)ServiceAction.Release, (uint)ServiceGrants.Release);
        Assert.Equal((1u << (int)ServiceAction.Look) | (1u << (int)ServiceAction.Nmi), (uint)ServiceGrants.Nmi);
        Assert.Equal(1u << (int)ServiceAction.Crash, (uint)ServiceGrants.Crash);
        Assert.Equal(1u << (int)ServiceAction.Reset, (uint)ServiceGrants.Reboot);
        ServiceGrants all = (ServiceGrants)((1u << Enum.GetValues<ServiceAction>().Length) - 2);
        Assert.Equal(ServiceGrants.Actions, all);
    }

    [Fact]
    public void KeysThatLinuxRefusesAreTold()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "1\n");
            Assert.Null(SysrqKeys.Note(path));
            File.WriteAllText(path, "438\n");
            Assert.Contains("kernel.sysrq=1", SysrqKeys.Note(path), StringComparison.Ordinal);
            File.WriteAllText(path, "0\n");
            Assert.Contains("all keys", SysrqKeys.Note(path), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Null(SysrqKeys.Note("/proc/there-is-none"));
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

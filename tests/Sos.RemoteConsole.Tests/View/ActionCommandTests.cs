using System;
using System.Collections.Generic;
using System.Linq;
using Sos.RemoteConsole.Commands;
using Sos.Sdk.Control;
using Sos.Sdk.Services;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The commands that act on the machine, with a gate that the test answers: what is refused, asked back, tried, waited for, and withdrawn.</summary>
public sealed class ActionCommandTests : IDisposable
{
    private const uint AllActions = 0x7e;
    private const uint AllMethods = 0xf;

    private readonly List<(ServiceAction Action, ulong Argument)> _calls = [];
    private Func<ServiceAction, ulong, long> _answer = (_, _) => 0;

    public ActionCommandTests() => Gate.HostedActions = (action, argument) =>
    {
        _calls.Add((action, argument));
        return _answer(action, argument);
    };

    public void Dispose() => Gate.HostedActions = null;

    [Theory]
    [InlineData("sysrq w --yes", "sysrq")]
    [InlineData("nmi --yes", "nmi")]
    [InlineData("nmi --look", "nmi")]
    [InlineData("crash --yes", "crash")]
    [InlineData("reboot --yes", "reboot")]
    [InlineData("reboot --method cf9 --yes", "reboot")]
    [InlineData("release --yes", "release")]
    public void WithoutAGrantNothingIsDone(string line, string grant)
    {
        using ViewShell none = new(null);
        Assert.Contains($"--grant {grant}", none.Run(line), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, none.Status);

        uint others = AllActions & ~(uint)(grant switch { "sysrq" => 2, "release" => 4, "nmi" => 24, "crash" => 32, _ => 64 });
        using ViewShell shell = new(null, actions: GrantedActions.Pack(others, AllMethods));
        Assert.Contains($"--grant {grant}", shell.Run(line), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
        Assert.Empty(_calls);
    }

    [Theory]
    [InlineData("sysrq")]
    [InlineData("sysrq wt")]
    [InlineData("sysrq w t")]
    [InlineData("nmi 1000")]
    [InlineData("nmi 0 1")]
    [InlineData("nmi --all")]
    [InlineData("crash x")]
    [InlineData("crash --look")]
    [InlineData("reboot now")]
    [InlineData("reboot --method")]
    [InlineData("reboot --method cf9 --method kbd")]
    [InlineData("release 3")]
    public void ArgumentsThatCannotBeAreSaid(string line)
    {
        using ViewShell shell = Granted();
        Assert.Contains("takes", shell.Run(line), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Usage, shell.Status);
        Assert.Empty(_calls);
    }

    [Theory]
    [InlineData("sysrq c")]
    [InlineData("nmi")]
    [InlineData("crash")]
    [InlineData("reboot")]
    [InlineData("release")]
    public void EachIsAskedBack(string line)
    {
        using ViewShell shell = Granted();
        foreach (string answer in new[] { "", "no", "y", "YES", "yes please" })
        {
            shell.Begin(line);
            Assert.Contains("Type yes", shell.GoOn(), StringComparison.Ordinal);
            Assert.False(shell.IsOver);
            Assert.Contains("not done", shell.Answer(answer), StringComparison.Ordinal);
            Assert.True(shell.IsOver);
            Assert.Equal(CommandRun.Failure, shell.Status);
        }

        // A program that types nothing at all, as 'ssh -n' does.
        shell.Begin(line);
        _ = shell.GoOn();
        shell.EndInput();
        Assert.Contains("not done", shell.GoOn(), StringComparison.Ordinal);
        Assert.Empty(_calls);

        _answer = (_, _) => ActionAnswer.NotReset;
        shell.Begin(line);
        _ = shell.GoOn();
        _ = shell.Answer("yes");
        shell.Advance(TimeSpan.FromSeconds(1));
        _ = shell.GoOn();
        shell.Advance(TimeSpan.FromSeconds(1));
        _ = shell.GoOn();
        Assert.NotEmpty(_calls);
    }

    [Fact]
    public void SysrqWaitsUntilLinuxHasTakenIt()
    {
        bool isTaken = false;
        _answer = (action, _) => action == ServiceAction.Query && !isTaken ? 1 : 0;
        using ViewShell shell = Granted();
        shell.Begin("sysrq w --yes");
        Assert.Equal("", shell.GoOn());
        Assert.Equal((ServiceAction.Sysrq, (ulong)'w'), _calls[0]);
        Assert.All(_calls.Skip(1), call => Assert.Equal((ServiceAction.Query, 0UL), call));
        isTaken = true;
        Assert.Contains("Linux took it", shell.GoOn(), StringComparison.Ordinal);
        Assert.True(shell.IsOver);
        Assert.Equal(0u, shell.Status);
    }

    [Fact]
    public void ADeadLinuxTakesNothingAndFindsNothingLater()
    {
        _answer = (action, _) => action == ServiceAction.Query ? 1 : 0;
        using ViewShell shell = Granted();
        shell.Begin("sysrq b --yes");
        _ = shell.GoOn();
        shell.Advance(TimeSpan.FromSeconds(4));
        Assert.Contains("withdrawn", shell.GoOn(), StringComparison.Ordinal);
        Assert.Equal((ServiceAction.Query, 1UL), _calls[^1]);
        Assert.Equal(CommandRun.Failure, shell.Status);

        _answer = (_, _) => ActionAnswer.Busy;
        Assert.Contains("has not taken", shell.Run("sysrq b --yes"), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
    }

    [Theory]
    [InlineData("sysrq b --yes")]
    [InlineData("release --yes")]
    public void WhatLinuxDoesNotTakeIsWithdrawnThoughTheVisitorHasLeft(string line)
    {
        bool waits = false;
        _answer = (action, argument) =>
        {
            long answer = action == ServiceAction.Query ? (waits ? 1 : 0) : waits ? ActionAnswer.Busy : 0;
            waits = action == ServiceAction.Query ? waits && argument == 0 : true;
            return answer;
        };
        using ViewShell shell = Granted();
        shell.Begin(line);
        _ = shell.GoOn();
        shell.Advance(TimeSpan.FromSeconds(1));
        _ = shell.GoOn();
        Assert.True(waits);
        _ = shell.Run("help"); // he has left, and another is there
        Assert.True(waits);
        shell.Advance(TimeSpan.FromSeconds(3));
        _ = shell.Run("help");
        Assert.False(waits);
        Assert.Equal((ServiceAction.Query, 1UL), _calls[^1]);
    }

    [Theory]
    [InlineData("crash --yes")]
    [InlineData("nmi --yes")]
    [InlineData("nmi --look")]
    public void ALinuxThatHasPanickedGetsNoMoreNmis(string line)
    {
        using SyntheticLinux linux = new();
        SyntheticPanic panic = new(linux, 2);
        using ViewShell shell = new(linux, panic, GrantedActions.Pack(AllActions, AllMethods));
        panic.Panic(1, shell.NowTsc, "of its own accord");
        Assert.Contains("panicked already", shell.Run(line), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
        Assert.Empty(_calls);
    }

    [Fact]
    public void RebootTriesOneMethodAfterTheOther()
    {
        _answer = (_, _) => ActionAnswer.NotReset;
        using ViewShell shell = Granted();
        BeginReset(shell, "reboot --yes");
        for (int i = 0; i < 6; i++)
        {
            _ = shell.GoOn();
            shell.Advance(TimeSpan.FromSeconds(3));
        }

        Assert.Equal(
            [ResetMethod.Acpi, ResetMethod.Keyboard, ResetMethod.Cf9, ResetMethod.Triple],
            _calls.Select(call => (ResetMethod)call.Argument));
        Assert.Contains("power switch", shell.TakeLog().Last(), StringComparison.Ordinal);
        Assert.False(shell.EndsConnections); // the operator may come again
    }

    [Fact]
    public void RebootLeavesOutWhatTheMachineHasNot()
    {
        _answer = (_, _) => ActionAnswer.NotReset;
        using ViewShell shell = new(null, actions: GrantedActions.Pack(AllActions, AllMethods & ~1u));
        BeginReset(shell, "reboot --yes");
        _ = shell.GoOn();
        Assert.Equal([(ServiceAction.Reset, (ulong)ResetMethod.Keyboard)], _calls);
    }

    [Theory]
    [InlineData("acpi", ResetMethod.Acpi)]
    [InlineData("cf9", ResetMethod.Cf9)]
    [InlineData("kbd", ResetMethod.Keyboard)]
    [InlineData("triple", ResetMethod.Triple)]
    public void RebootTakesAMethod(string name, ResetMethod method)
    {
        _answer = (_, _) => ActionAnswer.NotReset;
        using ViewShell shell = Granted();
        BeginReset(shell, $"reboot --yes --method {name}");
        Assert.Equal("", shell.GoOn());
        Assert.Equal([(ServiceAction.Reset, (ulong)method)], _calls);
        shell.Advance(TimeSpan.FromSeconds(3));
        _ = shell.GoOn();
        Assert.Contains("try another", shell.TakeLog().Last(), StringComparison.Ordinal);
        _ = Assert.Single(_calls);
    }

    [Fact]
    public void RebootGoesOnThoughTheVisitorHasLeftAndIsOneAtATime()
    {
        _answer = (_, _) => ActionAnswer.NotReset;
        using ViewShell shell = Granted();
        shell.Begin("reboot --yes");
        _ = shell.GoOn();
        Assert.Contains("somebody else", shell.Run("reboot --method triple --yes"), StringComparison.Ordinal); // he has left, and another is there
        Assert.Equal(CommandRun.Failure, shell.Status);
        shell.Advance(TimeSpan.FromSeconds(1));
        _ = shell.GoOn();
        shell.Advance(TimeSpan.FromSeconds(1));
        _ = shell.GoOn();
        Assert.Equal([(ServiceAction.Reset, (ulong)ResetMethod.Acpi)], _calls);
    }

    [Fact]
    public void AMonitorThatRefusesAResetIsLogged()
    {
        _answer = (_, _) => ActionAnswer.NotGranted;
        using ViewShell shell = Granted();
        BeginReset(shell, "reboot --yes");
        _ = shell.GoOn();
        Assert.Contains("monitor refused", shell.TakeLog().Last(), StringComparison.Ordinal);
        Assert.False(shell.EndsConnections);
        _ = Assert.Single(_calls);
    }

    [Theory]
    [InlineData("efi", "EFI's reset")]
    [InlineData("acpi", "no reset register")]
    [InlineData("power", "no such method")]
    public void MethodsThatCannotBeHadAreSaid(string name, string why)
    {
        using ViewShell shell = new(null, actions: GrantedActions.Pack(AllActions, AllMethods & ~1u));
        Assert.Contains(why, shell.Run($"reboot --yes --method {name}"), StringComparison.Ordinal);
        Assert.NotEqual(0u, shell.Status);
        Assert.Empty(_calls);
    }

    [Fact]
    public void NmiGoesToTheCpuThatWasNamed()
    {
        using ViewShell shell = Granted();
        Assert.Contains("CPU 0", shell.Run("nmi --yes"), StringComparison.Ordinal);
        Assert.Contains("CPU 3", shell.Run("nmi 3 --yes"), StringComparison.Ordinal);
        Assert.Equal([(ServiceAction.Nmi, 0UL), (ServiceAction.Nmi, 3UL)], _calls);
        _answer = (_, _) => ActionAnswer.NoDevice;
        Assert.Contains("no CPU of Linux's", shell.Run("nmi 9 --yes"), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
    }

    [Fact]
    public void ALookIsAtAllCpusThatLinuxHas()
    {
        _answer = (_, cpu) => cpu is 0 or 1 or 77 ? 0 : ActionAnswer.NoDevice;
        using ViewShell shell = Granted();
        Assert.Contains("3 CPUs", shell.Run("nmi --look"), StringComparison.Ordinal);
        Assert.Equal(0u, shell.Status);
        Assert.Equal(Enumerable.Range(0, 1000).Select(cpu => (ServiceAction.Look, (ulong)cpu)), _calls);
        Assert.Contains("no CPU of Linux's", shell.Run("nmi --look 5"), StringComparison.Ordinal);
    }

    [Fact]
    public void CrashTellsWhetherLinuxPanicked()
    {
        using SyntheticLinux linux = new();
        SyntheticPanic panic = new(linux, 4);
        using ViewShell shell = new(linux, panic, GrantedActions.Pack(AllActions, AllMethods));
        shell.Begin("crash 2 --yes");
        Assert.Equal("", shell.GoOn());
        Assert.Equal([(ServiceAction.Crash, 2UL)], _calls);
        panic.Panic(2, shell.NowTsc, "");
        Assert.Equal("", shell.GoOn()); // the words come later
        panic.Panic(2, shell.NowTsc, "asked for\u001b[2J by a service of SOS\nsecond line");
        Assert.Equal("Linux panicked on CPU 2: asked for?[2J by a service of SOS\n", shell.GoOn());
        Assert.True(shell.IsOver);
    }

    [Fact]
    public void ACpuThatTakesNoNmiIsSaid()
    {
        using SyntheticLinux linux = new();
        using ViewShell shell = new(linux, new SyntheticPanic(linux, 4), GrantedActions.Pack(AllActions, AllMethods));
        shell.Begin("crash --yes");
        _ = shell.GoOn();
        shell.Advance(TimeSpan.FromSeconds(6));
        Assert.Contains("try another", shell.GoOn(), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
    }

    [Fact]
    public void ReleaseIsAskedOfLinux()
    {
        using ViewShell shell = Granted();
        shell.Begin("release --yes");
        Assert.Contains("asked to take the core back", shell.GoOn(), StringComparison.Ordinal);
        Assert.Empty(_calls);
        shell.Advance(TimeSpan.FromSeconds(1));
        _ = shell.GoOn();
        Assert.Equal((ServiceAction.Release, 0UL), _calls[0]);
        Assert.True(shell.IsOver);
        Assert.Equal(0u, shell.Status);
    }

    [Fact]
    public void ADriverThatGrantsLessThanWasSaidIsSaid()
    {
        _answer = (_, _) => ActionAnswer.NotGranted;
        using ViewShell shell = Granted();
        Assert.Contains("not granted", shell.Run("nmi --yes"), StringComparison.Ordinal);
        Assert.Contains("not granted", shell.Run("crash --yes"), StringComparison.Ordinal);
        Assert.Contains("not granted", shell.Run("sysrq w --yes"), StringComparison.Ordinal);
    }

    /// <summary>Asks for a reset, and lets time pass up to it: the words leave, then the connections end, then the first method is due.</summary>
    private void BeginReset(ViewShell shell, string line)
    {
        shell.Begin(line);
        Assert.Contains("is reset now", shell.GoOn(), StringComparison.Ordinal);
        Assert.False(shell.EndsConnections);
        shell.Advance(TimeSpan.FromSeconds(1));
        _ = shell.GoOn();
        Assert.True(shell.EndsConnections);
        Assert.Empty(_calls); // the card has not got the frames yet
        shell.Advance(TimeSpan.FromSeconds(1));
    }

    private static ViewShell Granted() => new(null, actions: GrantedActions.Pack(AllActions, AllMethods));
}

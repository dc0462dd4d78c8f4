using System;
using System.Collections.Generic;
using System.IO;
using Sos.Cores.Enabled;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Cores.Tests.InMemory;
using Xunit;

namespace Sos.Cores.Tests.Operations;

public sealed class EnabledOperationsTests : IDisposable
{
    private readonly InMemoryMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void StartReservesTheCoreAndStartsTheService()
    {
        StartResult started = _machine.Enabled.Start(Service());
        Assert.Equal((1, BackEndKind.Offline), (started.Record.Cpu, started.BackEnd));
        Assert.Contains("reserved in memory", started.Notes);
    }

    [Fact]
    public void ACoreThatWasReservedForAServiceGoesBackWhenThatDoesNotStart()
    {
        _machine.Offline.Behaviour = InMemoryBehaviour.EndsAtOnce;
        Assert.Contains("ended as it started", Assert.Throws<SosException>(() => _machine.Enabled.Start(Service())).Message, StringComparison.Ordinal);
        Assert.Empty(_machine.BackEnds.ListCores());
        Assert.Null(_machine.Record(1));
    }

    [Fact]
    public void ACoreThatWasReservedBeforeStays()
    {
        _machine.Reserve(1);
        _machine.Offline.Behaviour = InMemoryBehaviour.EndsAtOnce;
        Assert.Throws<SosException>(() => _machine.Enabled.Start(Service()));
        Assert.Equal([1], _machine.BackEnds.ListCores().Keys);
    }

    [Fact]
    public void WhyAServiceDidNotStartIsSaidThoughItsCoreCannotBeGivenBack()
    {
        _machine.Offline.Behaviour = InMemoryBehaviour.EndsAtOnce;
        _machine.Offline.ReleaseFailure = new SosException(SosError.Failed, "Linux does not take it");
        SosException failed = Assert.Throws<SosException>(() => _machine.Enabled.Start(Service()));
        Assert.Contains("ended as it started", failed.Message, StringComparison.Ordinal);
        Assert.Contains(
            "core 1 could not be given back to Linux (Linux does not take it): 'sosctl core release 1' tries again", failed.Notes);
    }

    [Fact]
    public void WhyAServiceDidNotStartIsSaidThoughItsDeviceCannotBeGivenBack()
    {
        _machine.Offline.Behaviour = InMemoryBehaviour.EndsAtOnce;
        _machine.Offline.Devices["eth0"].IsBlocked = true;
        SosException failed = Assert.Throws<SosException>(() => _machine.Enabled.Start(Service(twoPorts: true)));
        Assert.Contains("ended as it started", failed.Message, StringComparison.Ordinal);
        Assert.Contains("eth0 is blocked", failed.Notes);
        Assert.Empty(_machine.BackEnds.ListCores());
    }

    [Fact]
    public void TheServiceOfACoreIsEnabledAsItRuns()
    {
        _machine.Start(1, InMemoryMachine.Plan() with { Parameters = new Dictionary<string, string> { ["a"] = "b" } });
        EnabledService service = _machine.Enabled.Of("mine", 1);
        Assert.Equal((1, BackEndKind.Offline, "b"), (service.Core, service.BackEnd, service.Plan.Parameters["a"]));
        Assert.Equal(new CoreOptions(), service.CoreOptions);
    }

    [Fact]
    public void ItsCoreRunsAsItRuns()
    {
        CoreOptions options = new(Performance: CorePerformance.Fixed);
        _machine.Cores.Reserve(1, _machine.BackEnds.Choose(BackEndKind.Offline, options), force: false, null);
        _machine.Services.Start(1, InMemoryMachine.Plan());
        Assert.Equal(options, _machine.Enabled.Of("mine", 1).CoreOptions);

        _machine.Cores.Reserve(2, _machine.BackEnds.Choose(BackEndKind.Isolated, new CoreOptions()), force: false, null);
        _machine.Services.Start(2, InMemoryMachine.Plan());
        EnabledService isolated = _machine.Enabled.Of("other", 2);
        Assert.Equal((BackEndKind.Isolated, new CoreOptions()), (isolated.BackEnd, isolated.CoreOptions));
    }

    [Fact]
    public void AServiceIsEnabledOnceItCouldBeStarted()
    {
        EnabledServices services = new(Path.Combine(_machine.Folder, "etc"));
        Assert.Throws<SosException>(() => _machine.Enabled.Enable(Service() with { Core = 9 }, services));
        Assert.Empty(services.List());

        (string file, IReadOnlyList<string> notes) = _machine.Enabled.Enable(Service(), services);
        Assert.True(File.Exists(file));
        Assert.Contains(notes, note => note.StartsWith("sosd does not run", StringComparison.Ordinal));
        using (DaemonPresence.TryTake(TimeSpan.Zero, _machine.Folder))
        {
            Assert.DoesNotContain(_machine.Enabled.Enable(Service(), services).Notes, note => note.StartsWith("sosd", StringComparison.Ordinal));
        }

        string states = EnabledState.FolderIn(_machine.Folder);
        new EnabledState(EnabledProgress.Started, DateTimeOffset.UnixEpoch, "").Write("test", states);
        Assert.Equal(file, _machine.Enabled.Disable("test", services));
        Assert.Empty(services.List());
        Assert.Empty(EnabledState.ReadAll(states)!);
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _machine.Enabled.Disable("test", services)).Error);
    }

    [Fact]
    public void TheMachineMustHaveTheCpu()
        => Assert.Contains(
            "no cpu 9", Assert.Throws<SosException>(() => _machine.Enabled.Check(Service() with { Core = 9 })).Message, StringComparison.Ordinal);

    private static EnabledService Service(bool twoPorts = false) => new()
    {
        Name = "test",
        Core = 1,
        BackEnd = BackEndKind.Offline,
        Plan = InMemoryMachine.Plan(twoPorts),
    };
}

using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Cores.Services;
using Sos.Cores.Tests.InMemory;
using Xunit;

namespace Sos.Cores.Tests.Operations;

public sealed class ServiceOperationsTests : IDisposable
{
    private readonly NamedCompanion _companion = new();
    private readonly InMemoryMachine _machine;

    public ServiceOperationsTests() => _machine = new InMemoryMachine(_companion);

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void AServiceIsStartedReadAndStopped()
    {
        StartResult started = _machine.Start(1, InMemoryMachine.Plan(twoPorts: true) with { Watchdog = TimeSpan.FromSeconds(5) });
        Assert.Equal("Bridge", started.Record.Service);
        Assert.Equal(["wan", "lan"], started.Record.Cards.Select(card => card.Port));
        Assert.All(started.Record.Cards, card => Assert.True(card.Moved));
        CoreRecord kept = _machine.Record(1)!;
        Assert.Equal((started.Record.Started, started.Record.ImageHash), (kept.Started, kept.ImageHash));
        Assert.Equal(started.Record.Cards, kept.Cards);

        ServiceView view = _machine.Readings.Read(1);
        Assert.Equal((CoreState.Running, TimeSpan.FromSeconds(5)), (view.Status.State, view.Status.Watchdog));
        Assert.Equal(1, _machine.Readings.Find("Bridge", null)!.Value.Core.Cpu);

        StopResult stopped = _machine.Services.Stop(1, TimeSpan.FromSeconds(1));
        Assert.Equal((CoreState.Stopped, true), (stopped.State, stopped.IsComplete));
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.False(taken));
        Assert.Null(_machine.Record(1));
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _machine.Services.Stop(1, TimeSpan.FromSeconds(1))).Error);
    }

    [Fact]
    public void AServiceThatEndsAsItStartsLeavesNothingBehind()
    {
        _machine.Offline.Behaviour = InMemoryBehaviour.EndsAtOnce;
        SosException failed = Assert.Throws<SosException>(() => _machine.Start(1, InMemoryMachine.Plan(twoPorts: true)));
        Assert.Contains("ended as it started", failed.Message, StringComparison.Ordinal);
        Assert.Equal(CoreState.Reserved, _machine.Offline.State(1).State);
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.False(taken));
        Assert.Null(_machine.Record(1));
    }

    [Fact]
    public void ADeviceThatCannotBeTakenUndoesTheOthers()
    {
        _machine.Offline.Devices["eth1"].TakeFailure = new SosException(SosError.Refused, "eth1 is somebody's");
        Assert.Equal("eth1 is somebody's", Assert.Throws<SosException>(() => _machine.Start(1, InMemoryMachine.Plan(twoPorts: true))).Message);
        Assert.Equal(1, _machine.Offline.Devices["eth0"].TimesGivenBack);
        Assert.Null(_machine.Record(1));
    }

    [Fact]
    public void WhyAStartFailedIsSaidThoughItCouldNotBeUndone()
    {
        _machine.Offline.Behaviour = InMemoryBehaviour.EndsAtOnce;
        _machine.Offline.Devices["eth0"].IsBlocked = true;
        SosException failed = Assert.Throws<SosException>(() => _machine.Start(1, InMemoryMachine.Plan(twoPorts: true)));
        Assert.Contains("ended as it started", failed.Message, StringComparison.Ordinal);
        Assert.Contains("eth0 is blocked", failed.Notes);
        Assert.Equal("eth0", Assert.Single(_machine.Record(1)!.Cards).Device);
    }

    /// <summary>Nothing of the other core's is touched, neither before the refusal nor to undo what was not done.</summary>
    [Fact]
    public void ADeviceHasOneService()
    {
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        SosException refused = Assert.Throws<SosException>(() => _machine.Start(2, InMemoryMachine.Plan(twoPorts: true)));
        Assert.Equal((SosError.Refused, true), (refused.Error, refused.Message.Contains("core 1 has eth0", StringComparison.Ordinal)));
        Assert.Equal(CoreState.Running, _machine.Offline.State(1).State);
        Assert.All(_machine.Offline.Devices.Values, device => Assert.Equal((true, 0), (device.IsTaken, device.TimesGivenBack)));
        Assert.Null(_machine.Record(2));
        _machine.Services.Stop(1, TimeSpan.FromSeconds(1));
        _machine.Services.Start(2, InMemoryMachine.Plan(twoPorts: true));
    }

    [Fact]
    public void ACoreHasOneService()
    {
        _machine.Start(1, InMemoryMachine.Plan());
        Assert.Contains(
            "has a service already", Assert.Throws<SosException>(() => _machine.Services.Start(1, InMemoryMachine.Plan())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("siez", "1", "did you mean size?")]
    [InlineData("size", "11", "it takes a whole number from 1 to 10")]
    public void WrongParametersAreRefusedBeforeAnythingIsTouched(string name, string value, string reason)
    {
        _machine.Reserve(1);
        ServicePlan plan = InMemoryMachine.Plan() with { Parameters = new Dictionary<string, string> { [name] = value } };
        Assert.Contains(reason, Assert.Throws<SosException>(() => _machine.Services.Start(1, plan)).Message, StringComparison.Ordinal);
        Assert.Equal(0UL, _machine.Offline.State(1).Starts);
        Assert.Null(_machine.Record(1));
    }

    [Fact]
    public void ARestartKeepsDevicesAndChangesParameters()
    {
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        StartResult restarted = _machine.Services.Restart(1, new Dictionary<string, string> { ["a"] = "b" });
        Assert.Equal("b", restarted.Record.Plan.Parameters["a"]);
        Assert.Equal(2UL, _machine.Offline.State(1).Starts);
        Assert.All(_machine.Offline.Devices.Values, device => Assert.Equal(0, device.TimesGivenBack));
        Assert.False(_machine.Record(1)!.RestartPending);
    }

    [Fact]
    public void ARestartThatFailsKeepsDevicesQuietAndIsRepeated()
    {
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        _machine.Offline.State(1).Fail();
        _machine.Offline.Behaviour = InMemoryBehaviour.EndsAtOnce;
        Assert.Throws<SosException>(() => _machine.Services.Restart(1));
        Assert.True(_machine.Record(1)!.RestartPending);
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.True(taken));
        Assert.Contains("could not be restarted", Assert.Single(_machine.Readings.Read(1).Remarks), StringComparison.Ordinal);

        _machine.Offline.Behaviour = InMemoryBehaviour.Works;
        _machine.Services.Restart(1);
        Assert.Equal(CoreState.Running, _machine.Readings.Read(1).Status.State);
        Assert.True(_machine.Services.Stop(1, TimeSpan.FromSeconds(1)).IsComplete);
        Assert.All(_machine.Offline.Devices.Values, device => Assert.Equal((false, 1), (device.IsTaken, device.TimesGivenBack)));
    }

    [Fact]
    public void AnotherTableIsTakenAndRemembered()
    {
        _machine.Start(1, Text("one"));
        SwapResult swapped = _machine.Services.SwapTable(1, Options("two"));
        Assert.Equal(2UL, swapped.Generation);
        Assert.Equal(["two"], swapped.Table.Labels);
        CoreRecord record = _machine.Record(1)!;
        Assert.Equal("two", record.Plan.Options[NamedCompanion.TextOption]);
        Assert.Equal(["two"], record.TableLabels);
        Assert.Equal(2UL, _machine.Readings.Read(1).TableGeneration);

        // A restart begins with the table that it had last.
        Assert.Equal(["two"], _machine.Services.Restart(1).Record.TableLabels);
    }

    [Fact]
    public void ATableForAServiceThatIsAnotherByThenIsRefused()
    {
        _machine.Start(1, Text("one"));
        _companion.Meanwhile = () =>
        {
            _companion.Meanwhile = () => { };
            _machine.Services.Restart(1);
        };
        SosException refused = Assert.Throws<SosException>(() => _machine.Services.SwapTable(1, Options("two")));
        Assert.Contains("while this was prepared", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["one"], _machine.Record(1)!.TableLabels);
    }

    [Fact]
    public void ATableThatDoesNotFitIsRefused()
    {
        _machine.Reserve(1);
        ServicePlan plan = Text(new string('a', 3 << 20)) with { TableSlotSize = 1 << 20 };
        SosException refused = Assert.Throws<SosException>(() => _machine.Services.Start(1, plan));
        Assert.Equal(SosError.BadTable, refused.Error);
        Assert.Contains("--table-size 4M", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OnlyTheServiceThatOneStartedIsStopped()
    {
        CoreRecord first = _machine.Start(1, InMemoryMachine.Plan()).Record;
        _machine.Services.Restart(1);
        using BackEnds.IServiceCore core = _machine.BackEnds.Open(1);
        Assert.Empty(_machine.Services.StopIfStill(core, first, TimeSpan.FromSeconds(1)));
        Assert.Equal(CoreState.Running, core.GetStatus().State);
    }

    private static Dictionary<string, string> Options(string text) => new() { [NamedCompanion.TextOption] = text };

    private static ServicePlan Text(string text) => InMemoryMachine.Plan() with { Options = Options(text) };
}

using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Plan;
using Sos.Cores.Tests.InMemory;
using Xunit;

namespace Sos.Daemon.Tests;

/// <summary>sosd's rounds over a machine in memory: the operations and records are the real ones.</summary>
public sealed class SupervisorTests : IDisposable
{
    private static readonly DateTime Start = new(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly InMemoryMachine _machine = new();
    private readonly StringWriter _log = new(CultureInfo.InvariantCulture);
    private readonly Supervisor _supervisor;

    public SupervisorTests() => _supervisor = new Supervisor(_machine.BackEnds, new CompanionCatalogue([]), _log);

    public void Dispose()
    {
        _supervisor.Dispose();
        _machine.Dispose();
    }

    /// <summary>A driver that is being replaced has no cores to tell of: their services' devices are no leftovers for that.</summary>
    [Fact]
    public void WhileCoresCannotBeListedNothingIsGivenBack()
    {
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        _supervisor.LookAround(Start);
        _machine.Offline.ListFailure = new SosException(SosError.Failed, "the driver does not answer");
        _supervisor.LookAround(Start.AddSeconds(1));
        _supervisor.LookAround(Start.AddSeconds(2));
        Assert.EndsWith("(the driver does not answer)", Assert.Single(Lines, IsOfList), StringComparison.Ordinal);
        AssertServes();

        _machine.Offline.ListFailure = new SosException(SosError.Failed, "something else");
        _supervisor.LookAround(Start.AddSeconds(3));
        Assert.EndsWith("(something else)", Lines[^1], StringComparison.Ordinal);

        // The same failure after it worked once is news again.
        _machine.Offline.ListFailure = null;
        _supervisor.LookAround(Start.AddSeconds(4));
        _machine.Offline.ListFailure = new SosException(SosError.Failed, "something else");
        _supervisor.LookAround(Start.AddSeconds(5));
        Assert.Equal(3, Lines.Count(IsOfList));
        AssertServes();
    }

    [Fact]
    public void AnEndThatComesWhileCoresCannotBeListedIsSeenAllTheSame()
    {
        _machine.Start(1, InMemoryMachine.Plan() with { Restart = new RestartPolicy(RestartMode.OnFault, 3) });
        _supervisor.LookAround(Start);
        _machine.Offline.ListFailure = new SosException(SosError.Failed, "the driver does not answer");
        _machine.Offline.State(1).Fail();
        _supervisor.LookAround(Start.AddSeconds(1));
        Assert.Contains("failed: restart 1 in 1 s", Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void AServiceThatFailedIsStartedAgainByItsPolicy()
    {
        _machine.Start(1, InMemoryMachine.Plan() with { Restart = new RestartPolicy(RestartMode.OnFault, 1) });
        _supervisor.LookAround(Start);
        _machine.Offline.State(1).Fail();
        _supervisor.LookAround(Start);
        Assert.Equal(CoreState.Failed, _machine.Offline.State(1).State);
        LookUntil(Start.AddSeconds(1), "restarted");
        Assert.Equal(CoreState.Running, _machine.Offline.State(1).State);

        _machine.Offline.State(1).Fail();
        LookUntil(Start.AddSeconds(2), "given up after 1 restarts");
        Assert.Equal(CoreState.Failed, _machine.Offline.State(1).State);
    }

    [Fact]
    public void WhatAServiceHadWhoseCoreWentByItselfGoesBackAndIsTriedAgain()
    {
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        _supervisor.LookAround(Start);
        _machine.Offline.Devices["eth1"].IsBlocked = true;
        _machine.Offline.Lose(1);
        _supervisor.LookAround(Start.AddSeconds(1));
        Assert.True(_machine.Offline.Devices["eth1"].IsTaken);
        Assert.NotNull(_machine.Record(1));

        _machine.Offline.Devices["eth1"].IsBlocked = false;
        _supervisor.LookAround(Start.AddSeconds(2)); // not so soon
        Assert.NotNull(_machine.Record(1));
        _supervisor.LookAround(Start.AddSeconds(12));
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.False(taken));
        Assert.Null(_machine.Record(1));
    }

    [Fact]
    public void ALeaseThatIsOverIsEnded()
    {
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        _machine.Reserve(2);
        _machine.Offline.State(1).Lease = TimeSpan.FromSeconds(1);
        _supervisor.LookAround(Start);
        Assert.Equal([1, 2], _machine.BackEnds.ListCores().Keys);

        _machine.Offline.State(1).Lease = TimeSpan.Zero;
        _supervisor.LookAround(Start.AddSeconds(1));
        Assert.Equal([2], _machine.BackEnds.ListCores().Keys);
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.False(taken));
        Assert.Contains("its lease was over", Lines[^1], StringComparison.Ordinal);
    }

    private string[] Lines => _log.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static bool IsOfList(string line) => line.Contains("cannot be listed", StringComparison.Ordinal);

    private void AssertServes()
    {
        Assert.Equal(CoreState.Running, _machine.Offline.State(1).State);
        Assert.All(_machine.Offline.Devices.Values, device => Assert.Equal((true, 0), (device.IsTaken, device.TimesGivenBack)));
        Assert.NotNull(_machine.Record(1));
    }

    // A restart runs beside the rounds.
    private void LookUntil(DateTime now, string words)
    {
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    _supervisor.LookAround(now);
                    return Lines.Any(line => line.Contains(words, StringComparison.Ordinal));
                },
                TimeSpan.FromSeconds(60)),
            _log.ToString());
    }
}

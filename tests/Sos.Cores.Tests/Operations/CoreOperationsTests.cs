using System;
using System.Linq;
using Sos.Cores.Operations;
using Sos.Cores.Tests.InMemory;
using Xunit;

namespace Sos.Cores.Tests.Operations;

public sealed class CoreOperationsTests : IDisposable
{
    private readonly InMemoryMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void ACoreIsReservedAndReleased()
    {
        ReserveResult reserved = _machine.Reserve(2);
        Assert.Equal((2, BackEndKind.Offline, "in memory"), (reserved.Cpu, reserved.BackEnd, reserved.Method));
        Assert.Equal(
            [null, null, BackEndKind.Offline, null],
            _machine.Cores.List().Select(view => view.BackEnd));
        Assert.True(_machine.Cores.Release(2).IsComplete);
        Assert.Empty(_machine.BackEnds.ListCores());
    }

    [Fact]
    public void OptionsAndLeaseReachTheBackEnd()
    {
        CoreOptions options = new(ShareCore: true, ResctrlClass: 2);
        _machine.Cores.Reserve(1, _machine.BackEnds.Choose(BackEndKind.Offline, options), force: false, TimeSpan.FromMinutes(5));
        Assert.Equal((options, TimeSpan.FromMinutes(5)), _machine.Offline.LastReservation);
        Assert.Equal(SosError.Usage, Assert.Throws<SosException>(() => _machine.BackEnds.Choose(BackEndKind.Isolated, options)).Error);
        CoreOptions ofClass = new(ResctrlClass: 0);
        SosException refused = Assert.Throws<SosException>(() => _machine.BackEnds.Choose(BackEndKind.Isolated, ofClass));
        Assert.Contains("--resctrl-class", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheBestThatCanBeUsedIsChosenAndItSaysWhy()
    {
        _machine.Offline.Obstacle = new SosException(SosError.DriverMissing, "no driver");
        BackEndChoice choice = _machine.BackEnds.Choose();
        Assert.Equal(BackEndKind.Isolated, choice.BackEnd.Kind);
        Assert.Contains("no driver", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void ACoreIsReservedOnce()
    {
        _machine.Reserve(1);
        Assert.Equal(SosError.Refused, Assert.Throws<SosException>(() => _machine.Reserve(1)).Error);
    }

    [Fact]
    public void ALeaseIsRenewedFromTheFormerLength()
    {
        _machine.Reserve(1);
        Assert.Null(_machine.Cores.Renew(1, former => former));
        Assert.Equal(TimeSpan.FromMinutes(1), _machine.Cores.Renew(1, _ => TimeSpan.FromMinutes(1)));
        Assert.Equal(TimeSpan.FromMinutes(2), _machine.Cores.Renew(1, former => 2 * former));
    }

    [Fact]
    public void OnlyALeaseThatIsOverIsEnded()
    {
        Assert.Null(_machine.Cores.EndLease(1));
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        Assert.Null(_machine.Cores.EndLease(1));
        _machine.Offline.State(1).Lease = TimeSpan.FromSeconds(1);
        Assert.Null(_machine.Cores.EndLease(1));
        _machine.Offline.State(1).Lease = TimeSpan.Zero;
        Assert.True(_machine.Cores.EndLease(1)!.IsComplete);
        Assert.Empty(_machine.BackEnds.ListCores());
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.False(taken));
    }

    [Fact]
    public void ReleaseStopsTheServiceAndGivesItsDevicesBackFirst()
    {
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.True(taken));
        ReleaseResult released = _machine.Cores.Release(1);
        Assert.True(released.IsComplete);
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.False(taken));
        Assert.Null(_machine.Record(1));
    }

    [Fact]
    public void WhatCannotBeGivenBackIsRememberedAndGivenBackLater()
    {
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        _machine.Offline.Devices["eth1"].IsBlocked = true;
        ReleaseResult released = _machine.Cores.Release(1);
        Assert.False(released.IsComplete);
        Assert.Contains("eth1 is blocked", released.Notes);
        Assert.Equal("eth1", Assert.Single(_machine.Record(1)!.Cards).Device);
        Assert.False(_machine.Offline.Devices["eth0"].IsTaken);

        // Nobody gets the core before that.
        Assert.Contains("eth1 is blocked", Assert.Throws<SosException>(() => _machine.Reserve(1)).Message, StringComparison.Ordinal);
        _machine.Offline.Devices["eth1"].IsBlocked = false;
        Assert.True(_machine.Cores.Release(1).IsComplete);
        Assert.False(_machine.Offline.Devices["eth1"].IsTaken);
        Assert.Null(_machine.Record(1));
    }

    [Fact]
    public void WhatAServiceHadWhoseCoreWentByItselfIsGivenBackOnce()
    {
        Assert.Null(_machine.Cores.ReleaseLeftovers(1));
        _machine.Start(1, InMemoryMachine.Plan(twoPorts: true));
        Assert.Null(_machine.Cores.ReleaseLeftovers(1));
        _machine.Offline.Lose(1);
        Assert.True(_machine.Cores.ReleaseLeftovers(1)!.IsComplete);
        Assert.All(_machine.Offline.Taken().Values, taken => Assert.False(taken));
        Assert.Null(_machine.Cores.ReleaseLeftovers(1));
    }
}

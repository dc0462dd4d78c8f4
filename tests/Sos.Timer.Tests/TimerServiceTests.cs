using System;
using System.Linq;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Sos.Timer.Layout;
using Xunit;

namespace Sos.Timer.Tests;

/// <summary>The service and what clients do to its memory, on ordinary .NET, where a tick is a nanosecond.</summary>
public sealed unsafe class TimerServiceTests : IDisposable
{
    private static readonly int[] Sizes = [TimerAdmin.Size, .. Enumerable.Repeat(TimerArea.TotalSize, TimerAdmin.ClientsMax)];

    private readonly ServiceHarness<TimerService> _harness = new(new HarnessOptions { ArenaSize = 8 << 20, SharedMemory = Sizes });

    public TimerServiceTests() => Assert.Equal(ExitCode.Stopped, _harness.Start());

    private TimerAdmin* Admin => (TimerAdmin*)_harness.SharedMemory(0);

    public void Dispose() => _harness.Dispose();

    [Fact]
    public void ArmedTimersExpireAndTheSignalMovesOn()
    {
        Open(2, 1);
        Assert.Equal(TimerError.None, Ask(2, Arm(5, ClockId.Monotonic, 0)));
        Poll(() => Slot(2, 5)->Expirations == 1);
        Assert.Equal((TimerState.Expired, 1u, 1ul), (Slot(2, 5)->State, Area(2)->Signal, Area(2)->Expirations));
        Assert.Equal(0u, Area(2)->Armed);
    }

    [Fact]
    public void AThousandTimersOfSeveralClientsAllExpire()
    {
        for (int client = 0; client < 4; client++)
        {
            Open(client, 1);
            for (uint timer = 0; timer < 300; timer++)
            {
                Assert.Equal(TimerError.None, Ask(client, Arm(timer, (ClockId)(timer % 4), 3_600_000_000_000)));
            }
        }

        Assert.Equal(1200u, Admin->Armed);
        for (int i = 0; i < 1200; i++)
        {
            Assert.Equal(TimerError.None, Ask(i / 300, Arm((uint)i % 300, (ClockId)(i % 4), 1000)));
        }

        Poll(() => Admin->Expirations == 1200);
        Assert.Equal(0u, Admin->Armed);
        for (int client = 0; client < 4; client++)
        {
            Assert.Equal(300ul, Area(client)->Expirations);
            Assert.True(Enumerable.Range(0, 300).All(timer => Slot(client, (uint)timer)->Expirations == 1));
        }
    }

    [Fact]
    public void PeriodicTimersGoOnUntilTheyAreCancelled()
    {
        Open(0, 1);
        Ask(0, Arm(0, ClockId.Monotonic, 1000, period: 1000));
        Poll(() => Slot(0, 0)->Expirations > 100);
        Assert.Equal(TimerState.Armed, Slot(0, 0)->State);
        Ask(0, new TimerRequest { Operation = TimerOperation.Cancel });
        ulong expirations = Slot(0, 0)->Expirations;
        _harness.Poll(1000);
        Assert.Equal((expirations, TimerState.Idle), (Slot(0, 0)->Expirations, Slot(0, 0)->State));
    }

    [Theory]
    [InlineData(3, 0, 0, 0, 0, TimerError.BadOperation)]
    [InlineData(0, 0, 0, 0, 0, TimerError.BadOperation)]
    [InlineData(1, 4, 0, 0, 0, TimerError.BadClock)]
    [InlineData(1, uint.MaxValue, 0, 0, 0, TimerError.BadClock)]
    [InlineData(1, 1, 2, 0, 0, TimerError.BadFlags)]
    [InlineData(1, 1, 0, 0, 999, TimerError.BadPeriod)]
    [InlineData(1, 1, 0, 0, ulong.MaxValue, TimerError.BadPeriod)]
    [InlineData(1, 0, 0, ulong.MaxValue, 0, TimerError.BadDeadline)]
    [InlineData(1, 1, 0, ulong.MaxValue, 0, TimerError.BadDeadline)]
    public void BadArgumentsAreAnsweredWithAnError(uint operation, uint clock, uint flags, ulong deadline, ulong period, TimerError error)
    {
        Open(1, 1);
        TimerRequest request = new()
        {
            Operation = (TimerOperation)operation,
            Timer = 9,
            Clock = (ClockId)clock,
            Flags = (TimerFlags)flags,
            Deadline = deadline,
            Period = period,
        };
        Assert.Equal(error, Ask(1, request));
        Assert.Equal(0u, Admin->Armed);
    }

    [Fact]
    public void ATimerOfNobodyIsCountedAndHurtsNobody()
    {
        Open(0, 1);
        Open(1, 1);
        Write(0, Arm(TimerArea.Timers, ClockId.Tsc, 0));
        Write(0, Arm(uint.MaxValue, ClockId.Tsc, 0));
        _harness.Poll(TimerAdmin.ClientsMax);
        Assert.Equal((2ul, 2u, 0u), (Area(0)->BadRequests, Area(0)->Consumer, Admin->Armed));
    }

    [Fact]
    public void ARingIndexThatMakesNoSenseEndsThatClientAlone()
    {
        Open(0, 1);
        Open(1, 1);
        Area(0)->Producer = TimerArea.Requests + 1;
        _harness.Poll(2);
        Assert.Equal(1u, Area(0)->Broken);
        Assert.Equal(TimerError.None, Ask(1, Arm(0, ClockId.Monotonic, 0)));
        Poll(() => Slot(1, 0)->Expirations == 1);
    }

    [Fact]
    public void AClientThatIsGoneLosesItsTimersAndTheOthersDoNot()
    {
        Open(0, 1);
        Open(1, 1);
        for (uint timer = 0; timer < TimerArea.Timers; timer++)
        {
            Ask(0, Arm(timer, ClockId.Monotonic, 3_600_000_000_000));
        }

        Ask(1, Arm(0, ClockId.Monotonic, 1000, period: 1000));
        Admin->Clients[0].Wanted = 0;
        Poll(() => Admin->Clients[0].Served == 0);
        Assert.Equal(1u, Admin->Armed);
        ulong expirations = Area(1)->Expirations;
        Poll(() => Area(1)->Expirations > expirations);

        // What the dead client left in its ring is not obeyed, and the next one begins anew.
        Write(0, Arm(0, ClockId.Tsc, 0));
        _harness.Poll(100);
        Assert.Equal(1u, Admin->Armed);
        new Span<byte>(_harness.SharedMemory(1), TimerArea.TotalSize).Clear();
        Open(0, 2);
        Assert.Equal(TimerError.None, Ask(0, Arm(7, ClockId.Monotonic, 0)));
        Poll(() => Slot(0, 7)->Expirations == 1);
    }

    [Fact]
    public void WhoSleepsIsWokenOnceAndWhoDoesNotIsNot()
    {
        Open(3, 1);
        ulong before = Gate.HostedNotifications;
        Ask(3, Arm(0, ClockId.Monotonic, 0));
        Poll(() => Area(3)->Expirations == 1);
        Assert.Equal(before, Gate.HostedNotifications);
        MemoryOrdering.StoreRelease(ref Area(3)->Sleeping, 1);
        Ask(3, Arm(0, ClockId.Monotonic, 0));
        Poll(() => Area(3)->Expirations == 2);
        Assert.Equal((before + 1, 0u, 1ul << 3), (Gate.HostedNotifications, Area(3)->Sleeping, _harness.Control->Events));
    }

    [Fact]
    public void WhatAClientWritesOverItsSlotsChangesNothingForTheService()
    {
        Open(0, 1);
        Ask(0, Arm(0, ClockId.Monotonic, 1000, period: 1000));
        Poll(() => Slot(0, 0)->Expirations > 10);
        new Span<byte>(_harness.SharedMemory(1) + TimerArea.SlotsOffset, TimerArea.Timers * TimerSlot.Size).Fill(0xff);
        Area(0)->Expirations = 0;
        Poll(() => Slot(0, 0)->Expirations is > 11 and < ulong.MaxValue / 2);
        Assert.True(Area(0)->Expirations > 11);
    }

    [Fact]
    public void WithoutItsMemoryItDoesNotStart()
    {
        using ServiceHarness<TimerService> without = new(new HarnessOptions { ArenaSize = 8 << 20 });
        Assert.Equal(TimerService.NoSharedMemory, without.Start());
        using ServiceHarness<TimerService> bad = new(new HarnessOptions { ArenaSize = 8 << 20, SharedMemory = Sizes, Parameters = "tolerance-ns=x\n" });
        Assert.Equal(TimerService.BadParameter, bad.Start());
        using ServiceHarness<TimerService> small = new(new HarnessOptions { ArenaSize = 1 << 20, SharedMemory = Sizes });
        Assert.Equal(TimerService.NoArena, small.Start());
    }

    [Theory]
    [InlineData("idle=pause\nidle-bound-ns=5000\n", ExitCode.Stopped)]
    [InlineData("idle=tpause\n", TimerService.BadParameter)] // the harness names no instruction set
    [InlineData("idle=nap\n", TimerService.BadParameter)]
    [InlineData("idle=pause\nidle-bound-ns=soon\n", TimerService.BadParameter)]
    public void IdleIsAsAskedOrRefused(string parameters, long exitCode)
    {
        using ServiceHarness<TimerService> harness = new(new HarnessOptions { ArenaSize = 8 << 20, SharedMemory = Sizes, Parameters = parameters });
        Assert.Equal(exitCode, harness.Start());
        if (exitCode == ExitCode.Stopped)
        {
            harness.Poll(100);
        }
    }

    private static TimerRequest Arm(uint timer, ClockId clock, ulong deadline, ulong period = 0)
        => new() { Operation = TimerOperation.Arm, Timer = timer, Clock = clock, Deadline = deadline, Period = period };

    private TimerArea* Area(int client) => (TimerArea*)_harness.SharedMemory(client + 1);

    private TimerSlot* Slot(int client, uint timer) => (TimerSlot*)(_harness.SharedMemory(client + 1) + TimerArea.SlotsOffset) + timer;

    private void Open(int client, uint generation)
    {
        Admin->Clients[client].Wanted = generation;
        Poll(() => Admin->Clients[client].Served == generation);
    }

    private void Write(int client, TimerRequest request)
    {
        TimerArea* area = Area(client);
        ((TimerRequest*)((byte*)area + TimerArea.RequestsOffset))[area->Producer % TimerArea.Requests] = request;
        MemoryOrdering.StoreRelease(ref area->Producer, area->Producer + 1);
    }

    private TimerError Ask(int client, TimerRequest request)
    {
        Write(client, request);
        Poll(() => Slot(client, request.Timer)->Answered == Area(client)->Producer);
        return Slot(client, request.Timer)->Error;
    }

    // Deadlines come by the real clock: passes are made until they did, for a minute at most.
    private void Poll(Func<bool> until)
    {
        DateTime end = DateTime.UtcNow.AddMinutes(1);
        do
        {
            _harness.Poll();
        }
        while (!until() && DateTime.UtcNow < end);
        Assert.True(until());
    }
}

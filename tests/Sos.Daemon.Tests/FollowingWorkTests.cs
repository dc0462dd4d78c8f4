using System;
using System.Collections.Generic;
using System.Threading;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Daemon.Tests;

public sealed class FollowingWorkTests
{
    private static readonly DateTime Start = new(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static readonly CoreRecord Record = new()
    {
        Cpu = 1,
        Plan = new ServicePlan { Image = "/a.sosimg" },
        Service = "a",
        Version = "1.0.0",
        BuildId = "",
        Started = Start,
    };

    [Fact]
    public void WorkThatFailsInAnyWayIsToldOnceAndBegunAgain()
    {
        int runs = 0;
        List<string> log = [];
        using FollowingWork work = new(Record, Fail, log.Add);
        LookUntil(work, () => Volatile.Read(ref runs) >= 4);
        Assert.Equal(["no socket"], log);

        void Fail(CancellationToken end)
        {
            Interlocked.Increment(ref runs);
            throw new InvalidOperationException("no socket");
        }
    }

    [Fact]
    public void WorkEndsWhenItIsDisposed()
    {
        using ManualResetEventSlim begun = new();
        bool ended = false;
        FollowingWork work = new(Record, end =>
        {
            begun.Set();
            end.WaitHandle.WaitOne();
            ended = true;
        }, _ => { });
        work.Look(Start);
        begun.Wait(Patience);
        work.Dispose();
        Assert.True(ended);
    }

    [Fact]
    public void AnotherStartAndAnotherSourceAreOtherWork()
    {
        using FollowingWork work = new(Record, _ => { }, _ => { });
        Assert.True(work.IsFor(Record));
        Assert.False(work.IsFor(Record with { Started = Start.AddSeconds(1) }));
        Assert.False(work.IsFor(Record with { Plan = Record.Plan with { Options = new Dictionary<string, string> { ["a"] = "b" } } }));
    }

    private static TimeSpan Patience => TimeSpan.FromMinutes(1);

    // Each look is a minute after the one before: longer than any pause.
    [Fact]
    public void ARecordThatWasReadBeforeTheStartHadWrittenAllOfItIsAnotherOne()
    {
        using FollowingWork work = new(Record, _ => { }, _ => { });
        Assert.True(work.IsFor(Record with { RestartPending = true }));
        Assert.False(work.IsFor(Record with { Control = new SharedRegion(1, 4096) }));
    }

    private static void LookUntil(FollowingWork work, Func<bool> condition)
    {
        DateTime now = Start;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                work.Look(now);
                now += TimeSpan.FromMinutes(1);
                return condition();
            },
            Patience));
    }
}

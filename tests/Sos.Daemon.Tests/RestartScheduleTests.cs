using System;
using System.Collections.Generic;
using Sos.Cores;
using Sos.Cores.Plan;
using Xunit;

namespace Sos.Daemon.Tests;

public class RestartScheduleTests
{
    private static readonly DateTime Start = new(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData(RestartMode.Never, false, false)]
    [InlineData(RestartMode.OnFault, true, false)]
    [InlineData(RestartMode.Always, true, true)]
    public void PolicySaysWhichEndsMatter(RestartMode mode, bool afterFault, bool afterExit)
    {
        Assert.Equal(afterFault, RestartSchedule.Wants(mode, CoreState.Failed));
        Assert.Equal(afterExit, RestartSchedule.Wants(mode, CoreState.Stopped));
        Assert.False(RestartSchedule.Wants(mode, CoreState.Running));
        Assert.False(RestartSchedule.Wants(mode, CoreState.Reserved));
    }

    [Fact]
    public void WaitsDoubleUpToTheLongest()
    {
        RestartSchedule schedule = new();
        List<double> waits = [];
        for (int i = 0; i < 8; i++)
        {
            waits.Add(schedule.Ended(new RestartPolicy(RestartMode.OnFault, 0), Start)!.Value.TotalSeconds);
            schedule.Started(Start);
        }

        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60], waits);
    }

    [Fact]
    public void LimitEndsIt()
    {
        RestartSchedule schedule = new();
        RestartPolicy policy = new(RestartMode.OnFault, 2);
        for (int i = 0; i < 2; i++)
        {
            Assert.NotNull(schedule.Ended(policy, Start));
            schedule.Started(Start);
        }

        Assert.Null(schedule.Ended(policy, Start + RestartSchedule.Steady - TimeSpan.FromSeconds(1)));
        Assert.Equal(2, schedule.Tries);
    }

    [Fact]
    public void ServiceThatRanLongStartsANewRow()
    {
        RestartSchedule schedule = new();
        RestartPolicy policy = new(RestartMode.OnFault, 1);
        Assert.NotNull(schedule.Ended(policy, Start));
        schedule.Started(Start);
        Assert.Equal(RestartSchedule.FirstDelay, schedule.Ended(policy, Start + RestartSchedule.Steady));
    }
}

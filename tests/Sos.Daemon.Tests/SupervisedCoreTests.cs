using System;
using Sos.Cores;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Daemon.Tests;

public class SupervisedCoreTests
{
    private static readonly DateTime Start = new(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void ARestartThatFailedAfterTheServiceWasUnloadedIsTriedAgain()
    {
        using SupervisedCore core = Supervise(RestartMode.OnFault, limit: 2);
        Assert.Equal("firewall failed: restart 1 in 1 s", core.Note(CoreState.Failed, Start));
        core.Restarting(Start);
        core.Record = core.Record with { RestartPending = true };
        Assert.Equal("firewall could not be restarted (no memory): restart 2 in 2 s", core.Failed(CoreState.Reserved, "no memory", Start));
        Assert.Null(core.Note(CoreState.Reserved, Start));
        Assert.Equal(Start + TimeSpan.FromSeconds(2), core.Due);

        core.Restarting(Start);
        Assert.StartsWith("firewall could not be restarted (no memory): given up after 2 restarts", core.Failed(CoreState.Reserved, "no memory", Start));
        Assert.Null(core.Note(CoreState.Reserved, Start));
        Assert.Null(core.Due);
    }

    [Fact]
    public void ARestartThatWasRefusedIsTriedAgainAndToldOnce()
    {
        using SupervisedCore core = Supervise(RestartMode.OnFault);
        core.Note(CoreState.Failed, Start);
        core.Restarting(Start);
        core.Failed(CoreState.Failed, "bad rules", Start);
        Assert.Null(core.Note(CoreState.Failed, Start + TimeSpan.FromSeconds(1)));
        Assert.Equal(Start + TimeSpan.FromSeconds(2), core.Due);
    }

    [Fact]
    public void APersonsRestartThatFailedIsTriedAgain()
    {
        using SupervisedCore core = Supervise(RestartMode.OnFault);
        Assert.Null(core.Note(CoreState.Running, Start));
        core.Record = core.Record with { RestartPending = true };
        Assert.Equal("firewall could not be restarted: restart 1 in 1 s", core.Note(CoreState.Reserved, Start));
        Assert.Null(core.Note(CoreState.Reserved, Start));
        Assert.NotNull(core.Due);
    }

    [Theory]
    [InlineData(RestartMode.Never, true)]
    [InlineData(RestartMode.Always, false)]
    public void AServiceThatNobodyWantsBackStaysAway(RestartMode mode, bool pending)
    {
        using SupervisedCore core = Supervise(mode);
        core.Record = core.Record with { RestartPending = pending };
        core.Due = Start;
        Assert.Null(core.Note(CoreState.Reserved, Start));
        Assert.Null(core.Due);
    }

    [Fact]
    public void AServiceThatRunsAgainIsNotRestarted()
    {
        using SupervisedCore core = Supervise(RestartMode.Always);
        core.Note(CoreState.Stopped, Start);
        Assert.NotNull(core.Due);
        core.Note(CoreState.Running, Start);
        Assert.Null(core.Due);
    }

    private static SupervisedCore Supervise(RestartMode mode, int limit = RestartPolicy.DefaultLimit) => new(
        new IdleCore(3),
        new CoreRecord
        {
            Cpu = 3,
            Plan = new ServicePlan { Image = "/firewall.sosimg", Restart = new RestartPolicy(mode, limit) },
            Service = "firewall",
            Version = "1",
            BuildId = "00",
            Started = Start,
        });
}

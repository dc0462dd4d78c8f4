using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using Sos.Cores.Companions;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Cores.Tests.Companions;

public class TableFollowerTests
{
    private readonly FakeWatch _watch = new();
    private readonly FakeTables _tables = new();
    private readonly List<string> _log = [];
    private readonly FakeClock _clock = new();

    [Fact]
    public void ATableIsBuiltFirstAndThenItsLeaseIsRenewed()
    {
        TableFollower follower = Make();
        follower.Turn();
        follower.Turn();
        Assert.Equal(["build", "renew", "renew"], _tables.Calls);
    }

    [Fact]
    public void AfterAChangeTheLeaseIsRenewedOnlyWithTheNewTable()
    {
        TableFollower follower = Make();
        follower.Turn();
        _tables.Calls.Clear();
        _watch.HasChanged = true;
        _tables.Refusal = "no memory";
        follower.Turn();
        _watch.HasChanged = false;
        follower.Turn();
        Assert.Equal(["build", "build"], _tables.Calls);
        Assert.Equal("its table cannot be kept up to date, so that it passes everything: no memory", Assert.Single(_log));

        _tables.Refusal = null;
        follower.Turn();
        Assert.Equal(["build", "build", "build", "renew"], _tables.Calls);
    }

    [Fact]
    public void AChangeWhileATableIsBuiltMakesAnother()
    {
        TableFollower follower = Make();
        _tables.OnBuild = () => _watch.HasChanged = true;
        follower.Turn();
        _tables.OnBuild = () => { };
        follower.Turn();
        Assert.Equal(["build", "renew", "build", "renew"], _tables.Calls);
    }

    [Fact]
    public void ATableThatTookLongIsNotUsedIfItsSourceChangedMeanwhile()
    {
        TableFollower follower = Make();
        _tables.OnBuild = () =>
        {
            _clock.Now += TableFollower.Lease;
            _watch.HasChanged = true;
        };
        follower.Turn();
        follower.Turn();
        Assert.Equal(["build", "build"], _tables.Calls);
        Assert.Contains("changed again", Assert.Single(_log), StringComparison.Ordinal);

        _tables.OnBuild = () => _clock.Now += TableFollower.Lease;
        follower.Turn();
        Assert.Equal(["build", "build", "build", "renew"], _tables.Calls);
    }

    [Fact]
    public void ItFollowsBeforeOthersRun()
    {
        string stat = string.Empty;
        using CancellationTokenSource end = new();
        _tables.OnBuild = () =>
        {
            stat = File.ReadAllText("/proc/thread-self/stat");
            end.Cancel();
        };
        Thread thread = new(() => Make().Run(end.Token));
        thread.Start();
        thread.Join();
        Assert.Equal("-15", stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16]); // proc(5): nice, the 19th field
    }

    [Fact]
    public void ALeaseOutlivesTwoLateRenewalsAndNoMoreThanASecond()
        => Assert.InRange(TableFollower.Lease, 3 * TableFollower.Round, TimeSpan.FromSeconds(1));

    private TableFollower Make() => new(new FollowContext(Record(), _tables, _log.Add), _watch, _clock);

    private static CoreRecord Record() => new()
    {
        Cpu = 3,
        Plan = new ServicePlan { Image = "/firewall.sosimg" },
        Service = "firewall",
        Version = "1.0.0",
        BuildId = "00",
        Started = new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero),
    };

    private sealed class FakeClock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private sealed class FakeWatch : ITableWatch
    {
        public bool HasChanged { get; set; }

        public bool Wait(TimeSpan timeout)
        {
            bool changed = HasChanged;
            HasChanged = false;
            return changed;
        }

        public void Dispose()
        {
        }
    }

    private sealed class FakeTables : IServiceTables
    {
        public List<string> Calls { get; } = [];

        public string? Refusal { get; set; }

        public Action OnBuild { get; set; } = () => { };

        public IReadOnlyList<string> Build(int cpu)
        {
            Calls.Add("build");
            OnBuild();
            return Refusal is null ? [] : throw new SosException(SosError.Failed, Refusal);
        }

        public void RenewLease(int cpu, TimeSpan length) => Calls.Add("renew");
    }
}

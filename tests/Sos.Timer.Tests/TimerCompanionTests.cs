using System;
using System.Collections.Generic;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Timer.Broker;
using Xunit;

namespace Sos.Timer.Tests;

/// <summary>Whether sosd serves a timer service's clients is said by its plan.</summary>
public sealed class TimerCompanionTests
{
    private readonly TimerCompanion _companion = new();

    [Fact]
    public void SosdServesTheClientsOfAPlanWithASocketAndNoOthers()
    {
        Assert.Null(_companion.Follow(Context([])));
        Assert.NotNull(_companion.Follow(Context(new() { [TimerCompanion.SocketOption] = "/run/sos/timer.sock" })));
    }

    [Theory]
    [InlineData("1000,1001")]
    [InlineData("0")]
    public void UserIdsAreTaken(string allowed) => Configure(allowed);

    [Theory]
    [InlineData("root")]
    [InlineData("1000;1001")]
    [InlineData("-1")]
    public void OthersAreRefusedBeforeTheServiceStarts(string allowed)
    {
        SosException refused = Assert.Throws<SosException>(() => Configure(allowed));
        Assert.Equal(SosError.Usage, refused.Error);
        Assert.Contains($"no \"{allowed}\"", refused.Message, StringComparison.Ordinal);
    }

    private void Configure(string allowed)
        => _companion.Configure(new ServiceConfiguration(), Plan(new() { [TimerCompanion.AllowOption] = allowed }));

    private static ServicePlan Plan(Dictionary<string, string> options) => new() { Image = "/timer.sosimg", Options = options };

    private static FollowContext Context(Dictionary<string, string> options) => new(
        new CoreRecord
        {
            Cpu = 1,
            Plan = Plan(options),
            Service = TimerCompanion.ServiceName,
            Version = "1.0.0",
            BuildId = "",
            Started = DateTimeOffset.UnixEpoch,
        },
        new NoTables(), _ => { });

    private sealed class NoTables : IServiceTables
    {
        public IReadOnlyList<string> Build(int cpu) => throw new NotSupportedException("the timer service has no table");

        public void RenewLease(int cpu, TimeSpan length) => throw new NotSupportedException("the timer service has no table");
    }
}

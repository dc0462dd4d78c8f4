using System;
using System.Text.Json;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>An isolated core goes back by itself when its lease is over, whoever lives.</summary>
public sealed class LeaseTests : IsolatedScenario
{
    private static readonly string Hello = Command.Metadata("Hello");

    [Fact]
    public void ACoreGoesBackWhenItsLeaseIsOverAndItsServiceEnds()
    {
        Reserve("--lease", "1h");
        Command.Sosctl("service", "start", $"{Cpu}", Hello).Succeeded();
        Assert.InRange(Core().GetProperty("lease_seconds").GetDouble(), 1, 3600);
        Command.Await(() => Keepers().Length == 1, "nobody keeps the lease");
        Assert.DoesNotContain(
            Command.SosctlJson(null, "service", "status", $"{Cpu}").Succeeded().Json.GetProperty("remarks").EnumerateArray(),
            remark => remark.GetString()!.Contains("nobody keeps", StringComparison.Ordinal));
        Command.Sosctl("core", "renew", $"{Cpu}").Succeeded();
        Command.Sosctl("core", "renew", $"{Cpu}", "100ms").Succeeded();
        Command.Await(() => Core().GetProperty("owner").GetString() == "linux", "the core stays");
        Command.Await(() => Keepers().Length == 0, "the keeper stays");
        Assert.Equal(6, Command.Sosctl("service", "stop", $"{Cpu}").ExitCode);
    }

    [Fact]
    public void ALeaseThatIsEndedGivesNothingBack()
    {
        Reserve("--lease", "1h");
        Command.Sosctl("core", "renew", $"{Cpu}", "never").Succeeded();
        Assert.Equal(JsonValueKind.Null, Core().GetProperty("lease_seconds").ValueKind);
        Command.Await(() => Keepers().Length == 0, "the keeper stays");
        Assert.Equal("sos", Core().GetProperty("owner").GetString());
        Assert.Equal(5, Command.Sosctl("core", "renew", $"{Cpu}").ExitCode);
    }

    /// <summary>The keeper is a process, and can be killed: sosd does its work then, a renewal starts another, and release needs neither.</summary>
    [Fact]
    public void AKeeperThatIsKilledIsReplaced()
    {
        Reserve("--lease", "1h");
        KillKeeper();
        Command.Sosctl("core", "renew", $"{Cpu}").Succeeded();
        Command.Await(() => Keepers().Length == 1, "the renewal starts none");
        KillKeeper();
        Command.Sosctl("core", "release", $"{Cpu}").Succeeded();

        Reserve("--lease", "1h");
        Command.Sosctl("core", "renew", $"{Cpu}", "15s").Succeeded();
        KillKeeper();
        using Daemon daemon = Daemon.Start();
        Command.Await(() => Core().GetProperty("owner").GetString() == "linux", "sosd does not give it back");
        Command.Await(() => daemon.Log.Contains("its lease was over", StringComparison.Ordinal), "sosd does not say so");
    }

    private string[] Keepers() => Command.Shell($"pgrep -f 'core keep-lease {Cpu}$' || true").Succeeded()
        .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private void KillKeeper()
    {
        Command.Await(() => Keepers().Length == 1, "nobody keeps the lease");
        Command.Shell($"kill -9 {Keepers()[0]}").Succeeded();
        Command.Await(() => Keepers().Length == 0, "it cannot be killed");
    }
}

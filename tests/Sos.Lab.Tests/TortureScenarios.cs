using System;
using System.Threading.Tasks;
using Sos.Torture.Parts;
using Sos.Torture.Report;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The short form of <c>make torture</c>: each kind of trouble once.</summary>
public abstract class TortureScenarios(LabFixture lab) : Scenario(lab)
{
    private const int Seed = 1;

    private Subject Subject => new(Machine, Client);

    protected override string CleanUp => "sosctl service stop 3; sosctl core release 3";

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Machine.ConfigureAsync("eth0");
    }

    [Fact]
    public async Task FaultsAreContainedAndTold()
    {
        await using ChecksumWorkload workload = await ChecksumWorkload.StartAsync(Machine);
        foreach (FaultCase fault in FaultPart.Cases)
        {
            AssertPassed(await FaultPart.RunAsync(Subject, fault, 1, workload));
        }
    }

    [Fact]
    public async Task HungServicesAreTakenBack()
    {
        await using ChecksumWorkload workload = await ChecksumWorkload.StartAsync(Machine);
        AssertPassed(await HangPart.WatchdogAsync(Subject, 1, workload));
        AssertPassed(await HangPart.ForcedStopAsync(Subject, 1, workload));
        AssertPassed(await HangPart.MachineCheckAsync(Subject, 1, workload));
    }

    [Fact]
    public async Task CoresOfKilledOwnersComeBack()
    {
        await using ChecksumWorkload workload = await ChecksumWorkload.StartAsync(Machine);
        AssertPassed(await OwnerPart.RunAsync(Subject, 3, new Random(Seed), workload));
    }

    [Fact]
    public async Task CyclesUnderTrafficLeaveNothing()
    {
        await using ChecksumWorkload workload = await ChecksumWorkload.StartAsync(Machine);
        (TortureRow row, _) = await CyclePart.RunAsync(Subject, 3, workload);
        AssertPassed(row);
    }

    private static void AssertPassed(TortureRow row) => Assert.True(row.Passed, row.ToString());
}

/// <summary><c>make torture</c> runs the whole of it on this kernel, too.</summary>
[Collection("6.1")]
[Trait("Length", "long")]
public sealed class TortureScenariosOn61(Linux61 lab) : TortureScenarios(lab);

[Collection("6.12")]
public sealed class TortureScenariosOn612(Linux612 lab) : TortureScenarios(lab);

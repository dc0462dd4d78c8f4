using System;
using System.Collections.Generic;
using System.IO;
using Sos.Cores;
using Sos.Cores.Enabled;
using Sos.Cores.Plan;
using Xunit;

namespace Sos.Daemon.Tests;

public sealed class EnabledStarterTests : IDisposable
{
    private static readonly DateTime Boot = new(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly string _folder = Directory.CreateTempSubdirectory("sos-enabled").FullName;
    private readonly EnabledServices _services;
    private readonly List<string> _log = [];
    private readonly List<string> _started = [];

    public EnabledStarterTests() => _services = new EnabledServices(Path.Combine(_folder, "etc"));

    private string StateFolder => Path.Combine(_folder, "run");

    [Fact]
    public void ServicesStartInTheirOrder()
    {
        Enable("b", order: 2);
        Enable("c", order: 3);
        Enable("a", order: 3);
        EnabledStarter starter = Begin();
        Work(starter, Boot, 4);
        Assert.Equal(["b", "a", "c"], _started);
        Assert.All(EnabledState.ReadAll(StateFolder)!.Values, state => Assert.Equal(EnabledProgress.Started, state.Progress));
    }

    [Fact]
    public void OneThatFailsHoldsUpNoOtherAndIsTriedAgainByItsPolicy()
    {
        Enable("bad", order: 1, restart: new RestartPolicy(RestartMode.OnFault, 2));
        Enable("worse", order: 2);
        Enable("good", order: 3);
        EnabledStarter starter = Begin(name => name == "good" ? [] : throw new SosException(SosError.Failed, "no luck"));
        Work(starter, Boot, 4);
        Assert.Equal(["bad", "worse", "good"], _started);
        Assert.Equal(EnabledProgress.Failed, State("bad").Progress);
        Assert.Equal((EnabledProgress.GivenUp, "no luck"), (State("worse").Progress, State("worse").Text));

        Work(starter, Boot + TimeSpan.FromSeconds(1), 2);
        Assert.Equal(3, _started.Count);
        Work(starter, Boot + TimeSpan.FromMinutes(1), 2);
        Work(starter, Boot + TimeSpan.FromMinutes(10), 2);
        Assert.Equal(["bad", "worse", "good", "bad"], _started);
        Assert.Equal(EnabledProgress.GivenUp, State("bad").Progress);
    }

    [Fact]
    public void OneWaitsForItsDeviceAndTheNextDoesNot()
    {
        Enable("patient", order: 1, device: "sos-no-such-device");
        Enable("other", order: 2);
        EnabledStarter starter = Begin();
        Work(starter, Boot, 3);
        Assert.Equal(["other"], _started);
        Assert.Equal((EnabledProgress.Waiting, "waits for sos-no-such-device"), (State("patient").Progress, State("patient").Text));
    }

    [Fact]
    public void TheNetworkWaitsForThoseThatComeBeforeItAndNotForEver()
    {
        Enable("first", beforeNetwork: true);
        Enable("late", device: "sos-no-such-device");
        EnabledStarter starter = Begin();
        Assert.False(starter.NetworkMayCome(Boot));
        Work(starter, Boot, 2);
        Assert.True(starter.NetworkMayCome(Boot));

        Directory.Delete(StateFolder, recursive: true);
        Enable("missing", beforeNetwork: true, device: "sos-no-such-device");
        starter = Begin();
        Work(starter, Boot, 3);
        Assert.False(starter.NetworkMayCome(Boot + TimeSpan.FromSeconds(1)));
        Assert.True(starter.NetworkMayCome(Boot + EnabledStarter.NetworkPatience));
    }

    [Fact]
    public void AFailureLetsTheNetworkCome()
    {
        Enable("first", beforeNetwork: true, restart: new RestartPolicy(RestartMode.Always, 0));
        EnabledStarter starter = Begin(_ => throw new SosException(SosError.Failed, "no luck"));
        Work(starter, Boot, 2);
        Assert.True(starter.NetworkMayCome(Boot));
    }

    [Fact]
    public void AnotherSosdGoesOnWhereTheFirstOneEnded()
    {
        Enable("done");
        Enable("patient", device: "sos-no-such-device");
        Work(Begin(), Boot, 3);
        Enable("new");
        Work(Begin(), Boot, 3);
        Assert.Equal(["done"], _started);

        Enable("patient");
        Work(Begin(), Boot, 3);
        Assert.Equal(["done", "patient"], _started);
    }

    [Fact]
    public void AFileWithAMistakeIsToldAndNothingElseSuffers()
    {
        Enable("good");
        File.WriteAllText(_services.PathOf("bad"), "core = ");
        Work(Begin(), Boot, 2);
        Assert.Equal(["good"], _started);
        Assert.Equal(EnabledProgress.GivenUp, State("bad").Progress);
        Assert.Contains(_log, line => line.StartsWith("bad: not started", StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private EnabledState State(string name) => EnabledState.ReadAll(StateFolder)![name];

    private EnabledStarter Begin(Func<string, IReadOnlyList<string>>? start = null)
    {
        EnabledStarter starter = new(
            _services,
            service =>
            {
                _started.Add(service.Name);
                return start?.Invoke(service.Name) ?? [];
            },
            _log.Add,
            StateFolder);
        starter.Begin(Boot);
        return starter;
    }

    // Each round starts one at most, and takes note of the one before.
    private static void Work(EnabledStarter starter, DateTime now, int rounds)
    {
        for (int round = 0; round < rounds; round++)
        {
            starter.Look(now);
            starter.Finish(now);
        }
    }

    private void Enable(
        string name, int order = EnabledService.DefaultOrder, string? device = null, bool beforeNetwork = false, RestartPolicy? restart = null)
        => _services.Write(new EnabledService
        {
            Name = name,
            Core = 1,
            Order = order,
            BeforeNetwork = beforeNetwork,
            Plan = new ServicePlan
            {
                Image = "/a.sosimg",
                Ports = device is null ? [] : [new PortPlan { Device = device }],
                Restart = restart ?? RestartPolicy.None,
            },
        });
}

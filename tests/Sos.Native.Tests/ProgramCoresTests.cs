using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.InProcess;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Cores.Services;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.Native.Tests;

/// <summary>A program's own cores are cores like any other: all operations work on them, with built images in processes.</summary>
public sealed class ProgramCoresTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ProgramCores _cores = new(NativeService.Metadata("Runner"), bind: false);
    private readonly ServiceOperations _services;
    private readonly ServiceReadings _readings;
    private readonly IServiceCore _core;

    public ProgramCoresTests()
    {
        _services = new ServiceOperations(_cores.BackEnds, new CompanionCatalogue([]));
        _readings = new ServiceReadings(_cores.BackEnds);
        _core = _cores.Add(1);
    }

    public void Dispose() => _cores.Dispose();

    [Fact]
    public void AServiceIsStartedReadRestartedAndStopped()
    {
        StartResult started = _services.Start(1, Plan("Hello"));
        Assert.Equal(("Hello", BackEndKind.Process), (started.Record.Service, started.BackEnd));
        NativeService.Await(() => _readings.Read(1).Counters["hello.polls"] > 0, "the counter stands still");
        SosException second = Assert.Throws<SosException>(() => _services.Start(1, Plan("Hello")));
        Assert.Contains("has a service already", second.Message, StringComparison.Ordinal);

        StartResult restarted = _services.Restart(1, new Dictionary<string, string> { ["a"] = "b" });
        Assert.Equal("b", restarted.Record.Plan.Parameters["a"]);
        ServiceView view = _readings.Read(1);
        Assert.Equal((CoreState.Running, 2UL, 0UL), (view.Status.State, view.Status.Starts, view.Status.Faults));

        StopResult stopped = _services.Stop(1, Patience);
        Assert.Equal((CoreState.Stopped, 0L, true), (stopped.State, stopped.ExitCode, stopped.IsComplete));
        Assert.Equal((CoreState.Reserved, null), (_core.GetStatus().State, Record(1)));
    }

    [Fact]
    public async Task ALogIsReadAndFollowedUntilTheServiceEnds()
    {
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _readings.ReadLog(1, follow: false).ToList()).Error);
        DateTimeOffset before = DateTimeOffset.UtcNow;
        _services.Start(1, Plan("Faulty", ("fault", "0"), ("address", "0"), ("delay", "7")));
        LogLine line = Assert.Single(_readings.ReadLog(1, follow: false), one => one.Text.StartsWith("milliseconds", StringComparison.Ordinal));
        Assert.Equal((LogSeverity.Notice, 7UL), (line.Severity, line.Value));
        Assert.InRange(line.Time, before.AddSeconds(-1), DateTimeOffset.UtcNow.AddSeconds(1));

        ConcurrentQueue<LogLine> followed = [];
        Task following = Task.Run(() =>
        {
            foreach (LogLine one in _readings.ReadLog(1, follow: true))
            {
                followed.Enqueue(one);
            }
        });
        NativeService.Await(() => !followed.IsEmpty, "nothing of the log is read");
        Assert.False(following.IsCompleted);
        _services.Stop(1, Patience);
        Assert.Same(following, await Task.WhenAny(following, Task.Delay(Patience))); // else it goes on without a service
        await following;
        Assert.Contains(line, followed);
    }

    [Fact]
    public void CoresAreApartAndEndWithTheirProgram()
    {
        _ = _cores.Add(2);
        _services.Start(1, Plan("Hello"));
        _services.Start(2, Plan("Faulty", ("fault", "0"), ("address", "0")));
        Assert.Equal([1, 2], _cores.BackEnds.ListCores().Keys);
        Assert.Equal(["Hello", "FaultServices"], _readings.ReadAll().Select(view => view.Record!.Service));
        int[] processes = [ProcessOf(1), ProcessOf(2)];
        Assert.True(new CoreOperations(_cores.BackEnds).Release(2).IsComplete);
        Assert.Equal((false, null), (Directory.Exists($"/proc/{processes[1]}"), Record(2)));
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _services.Start(2, Plan("Hello"))).Error);
        Assert.Equal(CoreState.Running, _readings.Read(1).Status.State);

        _cores.Dispose();
        Assert.Equal((false, false), (Directory.Exists($"/proc/{processes[0]}"), Directory.Exists(_cores.BackEnds.Folder)));
    }

    [Fact]
    public void AServiceThatDoesNotObeyIsForcedAndItsFaultIsKept()
    {
        _services.Start(1, Hang());
        StopResult stopped = _services.Stop(1, TimeSpan.FromMilliseconds(50));
        Assert.Equal((CoreState.Failed, FaultRecord.ForcedVector), (stopped.State, stopped.Fault!.Vector));
        Assert.Equal(1UL, _core.GetStatus().Faults);
    }

    [Fact]
    public void TheWatchdogEndsAServiceThatDoesNotPoll()
    {
        // Longer than a busy machine keeps this test from seeing that the service has started.
        TimeSpan bound = TimeSpan.FromSeconds(5);
        _services.Start(1, Hang() with { Watchdog = bound });
        Assert.Equal(bound, _core.GetStatus().Watchdog);
        NativeService.Await(() => _core.GetStatus().State == CoreState.Failed, "the watchdog sleeps");
        Assert.Equal(FaultRecord.HungVector, _readings.Read(1).Status.Fault!.Vector);

        // One that polls is left alone, and a watchdog is its own start's.
        _services.Stop(1, Patience);
        _services.Start(1, Plan("Hello"));
        Assert.Null(_core.GetStatus().Watchdog);
    }

    [Fact]
    public void AServiceThatWasKilledIsStartedAgain()
    {
        _services.Start(1, Plan("Hello"));
        using (Process process = Process.GetProcessById(ProcessOf(1)))
        {
            process.Kill();
        }

        NativeService.Await(() => _core.GetStatus().State == CoreState.Failed, "it lives on");
        Assert.Equal((1UL, null), (_core.GetStatus().Faults, _core.GetStatus().Fault));
        _services.Restart(1);
        Assert.Equal(CoreState.Running, _readings.Read(1).Status.State);
    }

    /// <summary>Without the permission for it nothing is started.</summary>
    [Fact]
    public void AThreadHasTheHighestPriorityWhereThatIsPermitted()
    {
        try
        {
            _services.Start(1, Plan("Hello") with { Scheduling = SchedulingWish.Other });
        }
        catch (SosException e)
        {
            Assert.Equal((SosError.NotPermitted, CoreState.Reserved, null), (e.Error, _core.GetStatus().State, Record(1)));
            return;
        }

        Assert.Contains(-20, Directory.EnumerateDirectories($"/proc/{ProcessOf(1)}/task").Select(NiceOf));
    }

    [Fact]
    public void WhatAProcessCannotHaveIsRefusedAndNothingIsLeft()
    {
        PortPlan[] cables = [new PortPlan { Name = "wan", Device = "eth0" }, new PortPlan { Name = "lan", Device = "eth1" }];
        AssertRefused("cannot have eth0", () => _services.Start(1, Plan("Bridge") with { Ports = cables }));
        PortPlan capture = new() { Name = "nic", Captures = new CaptureRequest("in.pcap", "out.pcap") };
        AssertRefused("nobody moves a capture's frames", () => _services.Start(1, Plan("Forwarder") with { Ports = [capture] }));
        AssertRefused("has no lease", () => new CoreOperations(_cores.BackEnds).Renew(1, _ => Patience));
        AssertRefused("does not run", () => _core.OpenPrograms(new CoreRecord
        {
            Cpu = 1,
            Plan = Plan("Hello"),
            Service = "Hello",
            Version = "1.0.0",
            BuildId = "",
            Started = DateTimeOffset.UnixEpoch,
        }));
        Assert.Equal((CoreState.Reserved, null), (_core.GetStatus().State, Record(1)));
        _services.Start(1, Plan("Hello"));
    }

    [Fact]
    public void WithoutTheRunnerThereIsNoCore()
    {
        using ProgramCores cores = new("/nonexistent/sos-runner");
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => cores.Add(1)).Error);
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => cores.BackEnds.Open(1)).Error);
        Assert.False(cores.BackEnds.Holds(1));
    }

    private static ServicePlan Plan(string image, params (string Name, string Value)[] parameters)
        => new() { Image = NativeService.Metadata(image), Parameters = parameters.ToDictionary(pair => pair.Name, pair => pair.Value) };

    // It polls first, so that it has started.
    private static ServicePlan Hang() => Plan("Faulty", ("fault", "4"), ("address", "0"), ("after_polls", "10"));

    private static void AssertRefused(string reason, Action action)
    {
        SosException refused = Assert.Throws<SosException>(action);
        Assert.Equal(SosError.Refused, refused.Error);
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    private CoreRecord? Record(int cpu) => CoreRecord.Read(cpu, _cores.BackEnds.Folder);

    // The nineteenth field; the second, a name in parentheses, may have blanks.
    private static int NiceOf(string task)
        => int.Parse(File.ReadAllText(Path.Combine(task, "stat")).Split(") ")[^1].Split(' ')[16], System.Globalization.CultureInfo.InvariantCulture);

    private int ProcessOf(int cpu) => ((ProcessCore)_cores.BackEnds.Open(cpu)).ProcessId;
}

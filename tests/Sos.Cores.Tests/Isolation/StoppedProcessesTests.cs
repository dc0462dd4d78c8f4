using System;
using System.Diagnostics;
using System.IO;
using System.Threading;
using Sos.Cores.Isolation;
using Sos.Linux;
using Xunit;

namespace Sos.Cores.Tests.Isolation;

/// <summary>A service of which a process is stopped (SIGSTOP) is ended by the watch of fences; one that goes on in time is not.</summary>
public sealed class StoppedProcessesTests : IDisposable
{
    private const int Cpu = 9;
    private const int Sigstop = 19;
    private const int Sigcont = 18;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string _folder = Directory.CreateTempSubdirectory("sos-stopped-").FullName;
    private readonly Process _keeper = Process.Start("sleep", "1000");
    private readonly Process _runner = Process.Start("sleep", "1000");

    public StoppedProcessesTests()
    {
        new FenceRecord { Cpu = Cpu, Method = FenceMethod.Affinity, Folder = _folder, Complete = true }.Write(_folder);
        new RunRecord(_runner.Id, Start(_runner), _keeper.Id, Start(_keeper), "", null, null, Namespace: RunRecord.OwnNamespace).Write(_folder);
    }

    public void Dispose()
    {
        foreach (Process process in new[] { _keeper, _runner })
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void OneThatIsSeenStoppedTwiceIsKilled(bool keeper)
    {
        Process process = keeper ? _keeper : _runner;
        StoppedProcesses watch = new(_folder);
        watch.Look();
        Signal(process, Sigstop, stopped: true);
        watch.Look();
        Assert.False(process.HasExited);
        watch.Look();
        Assert.True(process.WaitForExit(Patience));
        Assert.False((keeper ? _runner : _keeper).HasExited);
        watch.Look();
    }

    [Fact]
    public void OneThatGoesOnIsLeftAlone()
    {
        StoppedProcesses watch = new(_folder);
        for (int i = 0; i < 3; i++)
        {
            Signal(_keeper, Sigstop, stopped: true);
            watch.Look();
            Signal(_keeper, Sigcont, stopped: false);
            watch.Look();
        }

        Assert.False(_keeper.HasExited);
    }

    private static ulong Start(Process process) => ThreadMask.StartTimeOf(process.Id) ?? throw new InvalidOperationException("sleep has ended");

    private static void Signal(Process process, int signal, bool stopped)
    {
        Assert.Equal(0, ProcessCalls.Kill(process.Id, signal));
        for (Stopwatch waited = Stopwatch.StartNew(); ThreadMask.IsStopped(process.Id) != stopped; Thread.Sleep(1))
        {
            Assert.True(waited.Elapsed < Patience, "the signal does not arrive");
        }
    }
}

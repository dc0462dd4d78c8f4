using System;
using System.Diagnostics;
using System.Threading;
using Sos.Abi;
using Sos.Cores.Native;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Cores.InProcess;

/// <summary>The watchdog of a service in a process: it ends a service whose polls stand still, as the driver does on an unplugged core.</summary>
internal sealed unsafe class PollWatch : IDisposable
{
    private static readonly TimeSpan IntervalMax = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan InitialiseMin = TimeSpan.FromSeconds(10); // SOS_INITIALISE_MS

    private readonly RunnerProcess _runner;
    private readonly RunnerPage* _page;
    private readonly MappedMemory _control;
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _thread;

    /// <summary>Watches from now on.</summary>
    /// <param name="runner">The process that runs the service.</param>
    /// <param name="page">The runner's page, which outlives this.</param>
    /// <param name="control">A mapping of the control region, disposed with this.</param>
    /// <param name="bound">How long the service may go without a poll.</param>
    public PollWatch(RunnerProcess runner, RunnerPage* page, MappedMemory control, TimeSpan bound)
    {
        _runner = runner;
        _page = page;
        _control = control;
        Bound = bound;
        _thread = new Thread(Run) { IsBackground = true, Name = "sos-watchdog" };
        _thread.Start();
    }

    /// <summary>How long the service may go without a poll.</summary>
    public TimeSpan Bound { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _control.Dispose();
        _end.Dispose();
    }

    private void Run()
    {
        ulong polls = 0;
        long since = Stopwatch.GetTimestamp();
        TimeSpan interval = Bound / 4 < IntervalMax ? Bound / 4 : IntervalMax;
        while (!_end.Wait(interval) && !_runner.HasEnded)
        {
            ulong now = Volatile.Read(ref ((ServiceControl*)_control.Address)->Polls);
            TimeSpan bound = now == 0 && Bound < InitialiseMin ? InitialiseMin : Bound;
            if (now != polls)
            {
                (polls, since) = (now, Stopwatch.GetTimestamp());
            }
            else if (Stopwatch.GetElapsedTime(since) > bound)
            {
                // The runner's handler records where the service stood.
                Volatile.Write(ref _page->ForcedVector, FaultRecord.HungVector);
                _ = SignalCalls.SendToThread(_runner.Id, Volatile.Read(ref _page->ThreadId), SignalCalls.Sigusr1);
                return;
            }
        }
    }
}

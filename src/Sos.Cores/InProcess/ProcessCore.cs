using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Abi;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Plan;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Cores.InProcess;

/// <summary>
/// A core of this program's own: its service is a process, on a cpu that Linux keeps and gives to others, too. Each start makes a process; the
/// service's memory outlives it, as a core's regions do. Core and service end with the program.
/// </summary>
public sealed unsafe class ProcessCore : IServiceCore
{
    private static readonly TimeSpan SetupTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(2);
    private const int NiceMin = -20;

    private readonly ProcessBackEnd _backEnd;
    private readonly Lock _lock = new();
    private IReadOnlyList<string> _remarks = [];
    private ProcessTarget? _target;
    private RunnerProcess? _runner;
    private QuietThread? _quiet;
    private PollWatch? _watch;
    private ulong _starts;
    private ulong _faults;
    private bool _stopping;

    internal ProcessCore(ProcessBackEnd backEnd, int cpu) => (_backEnd, Cpu) = (backEnd, cpu);

    /// <inheritdoc/>
    public int Cpu { get; }

    /// <inheritdoc/>
    public BackEndKind BackEnd => BackEndKind.Process;

    /// <inheritdoc/>
    public int ChangeDescriptor => -1;

    /// <summary>The process id of the service that runs; 0 when none does.</summary>
    public int ProcessId => _runner is { HasEnded: false } runner ? runner.Id : 0;

    private ProcessTarget Target => _target ?? throw new SosException(SosError.Refused, $"nothing is loaded on core {Cpu}");

    private RunnerPage* Page => Target.Memory.Page;

    /// <inheritdoc/>
    /// <remarks>Of a service that failed the fault is null when its process was killed.</remarks>
    public CoreStatus GetStatus()
    {
        lock (_lock)
        {
            CoreState state = ReadState();
            if (state == CoreState.Failed && _runner is { FailureCounted: false } failed)
            {
                failed.FailureCounted = true;
                _faults++;
            }

            if (_target is null)
            {
                return new CoreStatus(state, Cpu, false, 0, 0, _starts, _faults, 0, 0, null);
            }

            bool recorded = state == CoreState.Failed && Page->State == (uint)RunnerState.Faulted;
            return new CoreStatus(
                state, Cpu, false, 0, Page->ExitCode, _starts, _faults, 0, Volatile.Read(ref Page->Notifications),
                recorded ? Page->Fault.ToRecord() : null)
            {
                Remarks = _remarks,
                Watchdog = _watch?.Bound,
            };
        }
    }

    /// <inheritdoc/>
    public LinuxCounts GetLinuxCounts() => LinuxCountsReader.Read(Cpu);

    /// <inheritdoc/>
    public INetworkDevice FindDevice(string name, DeviceOptions options) => throw new SosException(
        SosError.Refused, $"a service on a core of this program's own cannot have {name}: reserve a core with 'sosctl core reserve CPU --isolated'");

    /// <inheritdoc/>
    public INetworkDevice FindAgain(CardRecord card, DeviceOptions options) => FindDevice(card.Device, options);

    /// <inheritdoc/>
    public IDisposable? Enter(IReadOnlyList<CardRecord> cards) => null;

    /// <inheritdoc/>
    public bool GiveBack(CardRecord card, List<string> notes) => _backEnd.GiveBack(Cpu, card, notes);

    /// <inheritdoc/>
    public IServiceTarget BeginLoad(ServiceConfiguration configuration)
    {
        if (!_backEnd.Has(this))
        {
            throw CoreRefusals.NotReserved(Cpu);
        }

        Unload();
        return _target = new ProcessTarget(configuration);
    }

    /// <inheritdoc/>
    public MappedMemory Map(ulong offset, ulong size) => Target.Memory.MapShared(offset, size);

    /// <summary>Maps the region that the service sees at an address: a memory port, for instance.</summary>
    /// <exception cref="SosException">No region starts there.</exception>
    public MappedMemory MapAt(ulong address) => Target.Memory.MapAt(address);

    /// <inheritdoc/>
    public IProgramAccess OpenPrograms(CoreRecord record)
    {
        if (record.Control is not { } control || _runner is not { HasEnded: false } runner)
        {
            throw new SosException(SosError.Refused, $"the service on core {Cpu} does not run");
        }

        int notifier = ProcessCalls.Fcntl(runner.Notifier.Descriptor, ProcessCalls.DuplicateCloseOnExec, 0);
        return notifier >= 0
            ? new ProcessAccess(this, control, new FileDescriptor(notifier), Target.Memory.Export)
            : throw Errno.ToException("taking the events of a service", Marshal.GetLastPInvokeError(), null);
    }

    /// <inheritdoc/>
    /// <exception cref="SosException">It runs already, nothing is loaded, or the runner could not map it; nothing runs.</exception>
    public void Start(ulong entry, ulong stackTop, ulong argument, TimeSpan? watchdog)
    {
        if (_target is not { Memory.Count: > 0 } target || ProcessId != 0)
        {
            throw new SosException(SosError.Refused, $"starting core {Cpu} failed: it runs already, or nothing is loaded");
        }

        EndRun();
        target.IsComplete = true;
        using (MappedMemory control = MapAt(argument))
        {
            MemoryOrdering.StoreRelease(ref ((ServiceControl*)control.Address)->StopRequest, 0);
        }

        List<FileDescriptor> memories = target.Memory.Fill(entry, stackTop, argument);
        bool bound = _backEnd.Options.Bind || target.Scheduling != SchedulingWish.Auto;
        (Page->Cpu, Page->LockMemory, Page->Go) = (bound ? Cpu : -1, _backEnd.Options.LockMemory ? 1u : 0, 1);
        _stopping = false;
        RunnerProcess runner = RunnerProcess.Start(_backEnd.FindRunner(), Page, target.Memory.PageHandle, memories);
        try
        {
            AwaitEntry(runner);
            Schedule(runner, target.Scheduling);
            _watch = watchdog is { } limit ? new PollWatch(runner, Page, MapAt(argument), limit) : null;
            _runner = runner;
            _starts++;
        }
        catch
        {
            runner.Dispose();
            EndRun();
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Stop(TimeSpan timeout)
    {
        if (_runner is not { HasEnded: false } runner)
        {
            return false;
        }

        _stopping = true;
        using (MappedMemory control = MapAt(Page->Argument))
        {
            MemoryOrdering.StoreRelease(ref ((ServiceControl*)control.Address)->StopRequest, 1);
        }

        if (!runner.Wait(timeout))
        {
            runner.Force(Page->ThreadId);
        }

        return true;
    }

    /// <inheritdoc/>
    /// <remarks>A process changes its state by ending.</remarks>
    public bool Wait(TimeSpan timeout) => _runner is null || _runner.Wait(timeout);

    /// <inheritdoc/>
    public void Unload()
    {
        if (GetStatus().State is CoreState.Running or CoreState.Stopping)
        {
            throw new SosException(SosError.Refused, $"unloading core {Cpu} failed: its service runs, and has to be stopped first");
        }

        Clear();
    }

    /// <inheritdoc/>
    public void SetLease(TimeSpan? length)
    {
        if (length is not null)
        {
            throw ProcessBackEnd.NoLease();
        }
    }

    /// <inheritdoc/>
    public ulong Release()
    {
        long start = Stopwatch.GetTimestamp();
        Stop(ReleaseTimeout);
        End();
        return (ulong)Stopwatch.GetElapsedTime(start).TotalNanoseconds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The core is its back end's, and outlives those who have it open.
    }

    /// <summary>Ends the core, whatever runs there.</summary>
    internal void End()
    {
        Clear();
        _backEnd.Forget(this);
    }

    private CoreState ReadState()
        => _target is null || _target.Memory.Count == 0 ? CoreState.Reserved
            : _runner is null ? CoreState.Loaded
            : !_runner.HasEnded ? (_stopping ? CoreState.Stopping : CoreState.Running)
            : Page->State == (uint)RunnerState.Exited ? CoreState.Stopped : CoreState.Failed;

    private void Schedule(RunnerProcess runner, SchedulingWish wish)
    {
        int thread = Page->ThreadId;
        if (wish == SchedulingWish.Fifo)
        {
            List<string> remarks = [];
            _quiet = new QuietThread(runner.Id, thread, Cpu, remarks);
            _remarks = remarks;
        }
        else if (wish == SchedulingWish.Other && SchedulerCalls.SetPriority(SchedulerCalls.PriorityProcess, (uint)thread, NiceMin) != 0)
        {
            throw Errno.ToException("giving a service's thread the highest priority", Marshal.GetLastPInvokeError(), "run this as root");
        }
    }

    private void Clear()
    {
        lock (_lock)
        {
            EndRun();
            _target?.Dispose();
            _target = null;
        }
    }

    // In the reverse order of Start.
    private void EndRun()
    {
        _watch?.Dispose();
        _watch = null;
        _runner?.Dispose();
        _runner = null;
        _quiet?.Dispose();
        _quiet = null;
        _remarks = [];
    }

    private void AwaitEntry(RunnerProcess runner)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); Volatile.Read(ref Page->State) < (uint)RunnerState.Entered; Thread.Sleep(1))
        {
            // What it wrote before it ended is there once its end is seen.
            if ((runner.HasEnded || waited.Elapsed > SetupTimeout) && Volatile.Read(ref Page->State) < (uint)RunnerState.Entered)
            {
                throw RunnerProcess.Explain(Page);
            }
        }
    }
}

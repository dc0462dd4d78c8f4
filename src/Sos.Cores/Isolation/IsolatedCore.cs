using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Sos.Abi;
using Sos.Cores.BackEnds;
using Sos.Cores.InProcess;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Cores.Isolation;

/// <summary>A core behind a fence: its service is a process, which outlives the program that started it.</summary>
public sealed unsafe class IsolatedCore : IServiceCore
{
    private static readonly TimeSpan ForceTimeout = TimeSpan.FromSeconds(10);

    private readonly FenceRecord _fence;
    private readonly RunnerMemory _shared;
    private IsolatedTarget? _target;
    private FileDescriptor? _notifier;

    internal IsolatedCore(FenceRecord fence)
    {
        _fence = fence;
        if (!System.IO.File.Exists(System.IO.Path.Combine(fence.Folder, "page")))
        {
            // The fence was interrupted as it was built: it can be released all the same. Or it is taken down now, and then nothing is made again.
            using System.IO.FileStream fences = IsolatedBackEnd.Lock();
            if (FenceRecord.Read(fence.Cpu) is null)
            {
                throw CoreRefusals.NotReserved(fence.Cpu);
            }

            MakeFolder(fence);
        }

        _shared = new RunnerMemory(fence.Folder);
    }

    /// <inheritdoc/>
    public int Cpu => _fence.Cpu;

    /// <inheritdoc/>
    public BackEndKind BackEnd => BackEndKind.Isolated;

    /// <inheritdoc/>
    public int ChangeDescriptor => -1;

    private RunnerPage* Page => _shared.Page;

    /// <inheritdoc/>
    public CoreStatus GetStatus()
    {
        RunRecord? run = RunRecord.Read(_fence.Folder);
        LeaseRecord? lease = LeaseRecord.Read(Cpu);
        CoreState state = StateOf(run, out bool killed);
        FenceDrift drift = FenceDrift.Read(Cpu);
        FaultRecord? fault = state == CoreState.Failed && !killed ? Page->Fault.ToRecord() : null;
        return new CoreStatus(
            state, Cpu, true, 0, Page->ExitCode, Page->Starts, Page->Faults + (killed ? 1u : 0), 0, Page->Notifications, fault)
        {
            Remarks = [.. Remarks(run, state, killed), .. LeaseRemarks(lease), .. FenceRemarks(drift)],
            Fence = drift.Problem is not null ? "broken" : drift.Mended == 0 ? "whole" : $"mended {drift.Mended}x",
            LeaseLeft = lease?.Left,
            LeaseLength = lease is null ? null : TimeSpan.FromMilliseconds(lease.LengthMs),
            Watchdog = run is null or { WatchdogNs: 0 } ? null : DriverTime.FromNs(run.WatchdogNs),
        };
    }

    /// <inheritdoc/>
    public LinuxCounts GetLinuxCounts() => LinuxCountsReader.Read(Cpu);

    /// <inheritdoc/>
    public INetworkDevice FindDevice(string name, DeviceOptions options) => NetdevDevice.Find(name, Cpu, options);

    /// <inheritdoc/>
    public INetworkDevice FindAgain(CardRecord card, DeviceOptions options) => NetdevDevice.FindAgain(
        Cpu,
        card.Netdev ?? throw new SosException(
            SosError.NotFound, $"{card.Device} was no network device of Linux: 'sosctl service stop {Cpu}' ends its service"),
        options);

    /// <inheritdoc/>
    public IDisposable? Enter(IReadOnlyList<CardRecord> cards)
        => NetworkNamespace.TryEnter(cards.Select(card => card.Netdev?.Namespace).FirstOrDefault(found => found is not null)) ?? throw new SosException(
            SosError.NotFound, $"the network namespace of {cards[0].Device} is gone: 'sosctl service stop {Cpu}' ends its service");

    /// <inheritdoc/>
    public bool GiveBack(CardRecord card, List<string> notes) => NetdevDevice.GiveBack(Cpu, card, notes);

    /// <inheritdoc/>
    public IServiceTarget BeginLoad(ServiceConfiguration configuration)
    {
        _target?.Dispose();
        return _target = new IsolatedTarget(_fence.Folder, configuration);
    }

    /// <inheritdoc/>
    public MappedMemory Map(ulong offset, ulong size) => RunnerMemory.MapShared(_fence.Folder, offset, size);

    /// <inheritdoc/>
    public void Start(ulong entry, ulong stackTop, ulong argument, TimeSpan? watchdog)
    {
        if (_target is not { } target || GetStatus().State is CoreState.Running or CoreState.Stopping)
        {
            throw new SosException(SosError.Refused, $"starting core {Cpu} failed: it runs already, or nothing is loaded");
        }

        target.WatchdogNs = watchdog is null ? 0 : DriverTime.ToNs(watchdog.Value);
        _notifier?.Dispose();
        _notifier = null;
        FileDescriptor notifier = new RunnerLaunch(_fence, target).Start(entry, stackTop, argument);
        if (target.MovesPackets)
        {
            notifier.Dispose();
        }
        else
        {
            _notifier = notifier;
        }
    }

    /// <inheritdoc/>
    public IProgramAccess OpenPrograms(CoreRecord record)
    {
        if (record.Control is not { } control || record.Plan.Ports.Any(port => port.Device is not null || port.Captures is not null))
        {
            throw new SosException(
                SosError.Refused, $"the events of the service on core {Cpu} go to its keeper, since it has a network device: programs cannot have them");
        }

        FileDescriptor notifier = _notifier ?? TakeNotifier();
        _notifier = null;
        return new ProcessAccess(this, control, notifier, offset => RunnerMemory.Export(_fence.Folder, offset));
    }

    /// <summary>Takes the eventfd that the service notifies from its process, where another program started it.</summary>
    private FileDescriptor TakeNotifier()
    {
        RunRecord run = RunRecord.Read(_fence.Folder) is { RunnerLives: true } found
            ? found
            : throw new SosException(SosError.Refused, $"the service on core {Cpu} does not run: see 'sosctl service status {Cpu}'");
        string what = $"taking the events of the service on core {Cpu} over from process {run.Runner}";
        using FileDescriptor process = FileDescriptor.Raise(SchedulerCalls.OpenProcess(run.Runner), what);
        return FileDescriptor.Raise(SchedulerCalls.TakeDescriptor(process.Descriptor, RunnerProcess.NotifierDescriptor), what);
    }

    /// <inheritdoc/>
    public bool Stop(TimeSpan timeout)
    {
        if (RunRecord.Read(_fence.Folder) is not { RunnerLives: true } run)
        {
            return false;
        }

        using (MappedMemory? control = MapControl())
        {
            if (control is not null)
            {
                MemoryOrdering.StoreRelease(ref ((ServiceControl*)control.Address)->StopRequest, 1);
            }
        }

        if (!Await(() => !run.RunnerLives, timeout))
        {
            CheckReach(run);
            // The service's thread is the process's first, and has its id.
            _ = SignalCalls.SendToThread(run.Runner, run.Runner, SignalCalls.Sigusr1);
            if (!Await(() => !run.RunnerLives, ForceTimeout))
            {
                _ = ProcessCalls.Kill(run.Runner, SignalCalls.Sigkill);
                Await(() => !run.RunnerLives, ForceTimeout);
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Wait(TimeSpan timeout)
    {
        RunRecord? record = RunRecord.Read(_fence.Folder);
        if (record is { IsOurNamespace: false })
        {
            return Await(() => !record.RunnerLives, timeout);
        }

        int descriptor = record is { RunnerLives: true } run ? SchedulerCalls.OpenProcess(run.Runner) : -1;
        if (descriptor < 0)
        {
            return true;
        }

        Libc.PollDescriptor poll = new() { Descriptor = descriptor, Events = Libc.PollIn };
        int ready = Libc.Poll(&poll, 1, (int)timeout.TotalMilliseconds);
        _ = Libc.Close(descriptor);
        return ready > 0;
    }

    /// <inheritdoc/>
    public void Unload()
    {
        RunRecord? run = RunRecord.Read(_fence.Folder);
        if (StateOf(run, out bool killed) is CoreState.Running or CoreState.Stopping)
        {
            throw new SosException(SosError.Refused, $"unloading core {Cpu} failed: its service runs: stop it first with 'sosctl service stop {Cpu}'");
        }

        if (run is not null)
        {
            AwaitProcesses(run);
        }

        Scheduling.PutBack(run?.ThrottleBefore, Cpu);
        RunRecord.Delete(_fence.Folder);
        _target?.Dispose();
        _target = null;
        Page->Faults += killed ? 1u : 0;
        Page->State = 0;
        Page->RegionCount = 0;
        Page->ExitCode = 0;
        RunnerMemory.Clear(_fence.Folder);
    }

    /// <inheritdoc/>
    public void SetLease(TimeSpan? length)
    {
        using System.IO.FileStream fences = IsolatedBackEnd.Lock();
        if (LeaseRecord.Read(Cpu) is { IsOver: true })
        {
            throw new SosException(SosError.Refused, $"the lease of core {Cpu} is over: it goes back; 'sosctl core reserve {Cpu} --isolated' takes it again");
        }

        if (length is { } wanted)
        {
            LeaseRecord.FromNow(wanted).Write(Cpu);
            LeaseKeeper.Start(Cpu);
        }
        else
        {
            LeaseRecord.Delete(Cpu);
        }
    }

    /// <inheritdoc/>
    public ulong Release()
    {
        long start = Stopwatch.GetTimestamp();
        Stop(TimeSpan.FromSeconds(2));
        Unload();
        using System.IO.FileStream fences = IsolatedBackEnd.Lock();
        List<string> notes = [];
        CpuFence.Remove(FenceRecord.Read(Cpu) ?? _fence, notes);
        LeaseRecord.Delete(Cpu);
        return notes.Count == 0
            ? (ulong)Stopwatch.GetElapsedTime(start).TotalNanoseconds
            : throw new SosException(SosError.Failed, $"cpu {Cpu} is back with Linux, but not all is as it was: {string.Join("; ", notes)}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _notifier?.Dispose();
        _target?.Dispose();
        _shared.Dispose();
    }

    internal static void MakeFolder(FenceRecord fence) => RunnerMemory.MakeFolder(fence.Folder);

    /// <summary>Refuses to do to a process what cannot be done from here: its id is another's, or nobody's.</summary>
    private void CheckReach(RunRecord run)
    {
        if (!run.IsOurNamespace)
        {
            throw new SosException(
                SosError.Refused,
                $"the service on core {Cpu} runs in another process-id namespace ({run.Namespace}, this is {RunRecord.OwnNamespace}) and does not obey: "
                + $"repeat this where it was started, or on the host itself, as by 'nsenter --target 1 --all sosctl service stop {Cpu}'");
        }
    }

    private static bool AwaitEnd(RunRecord run, TimeSpan timeout) => Await(() => !run.RunnerLives && !run.KeeperLives, timeout);

    private static bool Await(Func<bool> condition, TimeSpan timeout)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); !condition(); Thread.Sleep(1))
        {
            if (waited.Elapsed > timeout)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Waits for the end of both processes: names, sockets and memory are free only then.</summary>
    /// <remarks>The runner ends behind its last word in the page, the keeper with its runner. Neither has anything to lose by being killed.</remarks>
    private void AwaitProcesses(RunRecord run)
    {
        if (AwaitEnd(run, ForceTimeout))
        {
            return;
        }

        CheckReach(run);
        if (run.RunnerLives)
        {
            _ = ProcessCalls.Kill(run.Runner, SignalCalls.Sigkill);
        }

        if (run.KeeperLives)
        {
            _ = ProcessCalls.Kill(run.Keeper, SignalCalls.Sigkill);
        }

        if (!AwaitEnd(run, ForceTimeout))
        {
            throw new SosException(
                SosError.Failed,
                $"unloading core {Cpu} failed: process {(run.RunnerLives ? run.Runner : run.Keeper)} was killed and has not ended within "
                + $"{ForceTimeout.TotalSeconds} s: see 'cat /proc/{(run.RunnerLives ? run.Runner : run.Keeper)}/stack', then repeat "
                + $"'sosctl service stop {Cpu}'");
        }
    }

    private CoreState StateOf(RunRecord? run, out bool killed)
    {
        RunnerState page = (RunnerState)Volatile.Read(ref Page->State);
        killed = false;
        if (run is null)
        {
            return Page->RegionCount == 0 && CoreRecord.Read(Cpu)?.Control is null ? CoreState.Reserved : CoreState.Loaded;
        }

        switch (page)
        {
            case RunnerState.Exited:
                return CoreState.Stopped;
            case RunnerState.Faulted:
                return CoreState.Failed;
            default:
                killed = !run.RunnerLives;
                return killed ? CoreState.Failed : StopIsRequested() ? CoreState.Stopping : CoreState.Running;
        }
    }

    private IEnumerable<string> FenceRemarks(FenceDrift drift)
    {
        if (!FenceKeeper.IsThere)
        {
            yield return $"nobody watches its fence: 'sosctl service restart {Cpu}' starts who does";
        }

        if (drift.Problem is { } problem)
        {
            yield return problem;
        }

        if (drift.Mended > 0)
        {
            yield return drift.ToString();
        }
    }

    private IEnumerable<string> LeaseRemarks(LeaseRecord? lease)
    {
        if (lease is not null && !LeaseKeeper.IsThere(Cpu) && !DaemonPresence.IsThere())
        {
            yield return $"nobody keeps its lease: 'sosctl core renew {Cpu}' starts a keeper, or 'sosctl core release {Cpu}' gives the core back";
        }
    }

    private IEnumerable<string> Remarks(RunRecord? run, CoreState state, bool killed)
    {
        if (!_fence.Complete)
        {
            yield return $"the fence was interrupted as it was built: 'sosctl core release {Cpu}' puts all back";
        }

        if (run is null)
        {
            yield break;
        }

        if (killed)
        {
            yield return ReadKeeper() is { State: (uint)KeeperState.Running } && !run.KeeperLives
                ? $"its keeper ({run.Keeper}) was killed, by the watch of fences if it was stopped (SIGSTOP), and so it was ended: see 'dmesg | tail', "
                    + $"then 'sosctl service restart {Cpu}'"
                : $"its process ({run.Runner}) is gone without a fault record: something killed it, see the kernel log ('dmesg | tail')";
        }

        if (run.IsOurNamespace && state == CoreState.Running
            && (ThreadMask.IsStopped(run.Keeper) ? run.Keeper : ThreadMask.IsStopped(run.Runner) ? run.Runner : 0) is var stopped and not 0)
        {
            yield return $"process {stopped} is stopped (SIGSTOP), and no frame passes: the watch of fences ends the service, "
                + $"if 'kill -CONT {stopped}' does not let it go on before";
        }

        yield return $"process {run.Runner}, keeper {run.Keeper}, {run.Scheduling}{(run.Method is null ? "" : $", {run.Method}")}";
        if (ReadKeeper() is { } keeper)
        {
            yield return $"keeper: {keeper.ToLinux} frames to Linux ({keeper.ToLinuxDropped} not taken), "
                + $"{keeper.Replayed} replayed, {keeper.Captured} captured, {keeper.SocketCalls} socket calls, {keeper.Wakes} wakes";
            if (state == CoreState.Running && keeper.Errno != 0)
            {
                yield return $"keeper: the socket's last failure was \"{System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(keeper.Errno)}\"";
            }
        }

        foreach (string remark in NetdevDevice.Remarks(Cpu))
        {
            yield return remark;
        }
    }

    /// <summary>Reads the keeper's counts, and what keeps it from its work; null when there is none of this version.</summary>
    private KeeperPage? ReadKeeper()
    {
        string path = System.IO.Path.Combine(_fence.Folder, "keeper");
        if (!System.IO.File.Exists(path))
        {
            return null;
        }

        using MappedMemory memory = RunnerMemory.MapFile(path, (ulong)sizeof(KeeperPage));
        KeeperPage keeper = *(KeeperPage*)memory.Address;
        return keeper.Magic == KeeperPage.MagicValue ? keeper : null;
    }

    private bool StopIsRequested()
    {
        using MappedMemory? control = MapControl();
        return control is not null && MemoryOrdering.LoadAcquire(ref ((ServiceControl*)control.Address)->StopRequest) != 0;
    }

    private MappedMemory? MapControl() => CoreRecord.Read(Cpu)?.Control is { } region ? Map(region.MapOffset, region.Size) : null;
}

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Abi;
using Sos.Cores.InProcess;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Plan;
using Sos.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Cores.Isolation;

/// <summary>Starts the two processes of a service on an isolated core: the runner on it, the keeper elsewhere. Both outlive us.</summary>
internal sealed unsafe class RunnerLaunch
{
    private static readonly TimeSpan SetupTimeout = TimeSpan.FromSeconds(60);

    private readonly FenceRecord _fence;
    private readonly IsolatedTarget _target;

    public RunnerLaunch(FenceRecord fence, IsolatedTarget target) => (_fence, _target) = (fence, target);

    private RunnerPage* Page => _target.Memory.Page;

    /// <summary>Starts them, and returns when the service is entered.</summary>
    /// <returns>The eventfd that the service's notifications arrive at. The keeper reads it where it moves packets, else it is the caller's.</returns>
    /// <exception cref="SosException">They could not be; nothing runs.</exception>
    public FileDescriptor Start(ulong entry, ulong stackTop, ulong argument)
    {
        using (MappedMemory control = _target.Memory.MapAt(argument))
        {
            MemoryOrdering.StoreRelease(ref ((ServiceControl*)control.Address)->StopRequest, 0);
        }

        List<FileDescriptor> regions = _target.Memory.Fill(entry, stackTop, argument);
        (Page->Cpu, Page->LockMemory, Page->Contain, Page->LifeLine, Page->Starter) = (_fence.Cpu, 1, 1, -1, Environment.ProcessId);
        Page->Notifier = RunnerProcess.NotifierDescriptor;
        Page->Magic = RunnerPage.MagicValue;
        Page->Starts++;
        FileDescriptor notifier = FileDescriptor.Raise(
            ProcessCalls.EventFd(0, ProcessCalls.EventNonBlocking | ProcessCalls.EventCloseOnExec), "making an eventfd");

        FenceKeeper.Start();
        int runner = 0;
        int keeper = 0;
        string? throttle = null;
        try
        {
            (string scheduling, throttle) = Schedule();
            string path = RunnerProcess.Find();

            // Its life line is its keeper's: once it is entered it outlives us.
            (FileDescriptor lifeLine, FileDescriptor keepersEnd) = MakePipe();
            using FileDescriptor ownEnd = lifeLine;
            using FileDescriptor otherEnd = keepersEnd;
            using FileDescriptor alive = LockForLife();
            runner = RunnerProcess.Spawn(path, [_target.Memory.PageHandle, lifeLine, notifier, .. regions, alive], detached: true, "contain");
            CpusetGroup.Enter(_fence, runner);
            Page->Ready = 1;
            keeper = StartKeeper(path, runner, notifier, [keepersEnd, alive], argument);
            EndWithKeeper(lifeLine, runner);
            RunRecord record = new(
                runner, ThreadMask.StartTimeOf(runner) ?? 0, keeper, ThreadMask.StartTimeOf(keeper) ?? 0, scheduling, null, throttle,
                _target.WatchdogNs, RunRecord.OwnNamespace);
            record.Write(_fence.Folder);
            AwaitRunner(runner, RunnerState.Mapped);
            AwaitKeeper(keeper);
            string[] methods = [.. _target.Sockets.Select(each => each.Socket.Bind())];
            if (methods.Length > 0)
            {
                (record with { Method = string.Join("; ", methods) }).Write(_fence.Folder);
            }

            Volatile.Write(ref Page->Go, 1);
            AwaitRunner(runner, RunnerState.Entered);
            foreach ((XskSocket socket, _) in _target.Sockets)
            {
                socket.Take();
            }

            return notifier;
        }
        catch
        {
            notifier.Dispose();
            Kill(runner);
            Kill(keeper);
            RunRecord.Delete(_fence.Folder);
            Scheduling.PutBack(throttle, _fence.Cpu);

            throw;
        }
    }

    private static void Kill(int process)
    {
        if (process > 0)
        {
            int status;
            _ = ProcessCalls.Kill(process, SignalCalls.Sigkill);
            _ = ProcessCalls.WaitProcess(process, &status, 0);
        }
    }

    private (string Scheduling, string? ThrottleBefore) Schedule()
    {
        string? lifted = Scheduling.LiftedFrom(_fence.Cpu);
        bool throttled = lifted is not null || Scheduling.IsThrottledHere();
        SchedulingWish wish = _target.Scheduling;
        if (wish == SchedulingWish.Other || (wish == SchedulingWish.Auto && throttled))
        {
            Page->Nice = Scheduling.Nice;
            return ($"SCHED_OTHER, nice {Scheduling.Nice}{(wish == SchedulingWish.Auto ? " (SCHED_FIFO would lose 50 ms of each second here)" : "")}", null);
        }

        string? before = null;
        if (throttled)
        {
            before = lifted ?? LinuxFile.TryRead(Scheduling.ThrottleFile);
            LinuxFile.Write(Scheduling.ThrottleFile, "-1");
        }

        Page->Priority = Scheduling.FifoPriority;
        return ($"SCHED_FIFO, priority {Scheduling.FifoPriority}{(throttled ? ", not throttled until it stops" : "")}", before);
    }

    private int StartKeeper(string path, int runner, FileDescriptor notifier, FileDescriptor[] held, ulong argument)
    {
        string file = Path.Combine(_fence.Folder, "keeper");
        using RunnerMemory.SharedFile page = RunnerMemory.MakeShared(file, AddressSpace.ToPages((ulong)sizeof(KeeperPage)));
        using FileDescriptor process = FileDescriptor.Raise(SchedulerCalls.OpenProcess(runner), "watching the runner");
        List<FileDescriptor> given = [page.Handle];
        int Give(FileDescriptor? handle)
        {
            if (handle is null)
            {
                return -1;
            }

            given.Add(handle);
            return RunnerPage.PageDescriptor + given.Count - 1;
        }

        KeeperPage* keeper = (KeeperPage*)page.Memory.Address;
        keeper->Runner = Give(process);
        keeper->RunnerProcess = runner;
        Array.ForEach(held, each => Give(each));
        keeper->Notifier = _target.MovesPackets ? Give(notifier) : -1;
        keeper->RunnerPage = Give(_target.Memory.PageHandle);
        keeper->Control = Give(_target.Memory.At(argument).Memory);
        keeper->WatchdogNs = _target.WatchdogNs;
        keeper->Information = -1;
        (keeper->CaptureIn, keeper->CaptureOut) = (Give(_target.Captures?.In), Give(_target.Captures?.Out));
        if (_target.Captures is { } captures)
        {
            (FileDescriptor card, ulong size) = _target.Memory.At(AddressSpace.HostPort);
            (keeper->CaptureInPort, keeper->CapturePortSize) = (Give(card), size);
            keeper->CaptureOutPort = Give(_target.Memory.At(AddressSpace.HostPort + AddressSpace.PortStride).Memory);
            keeper->CaptureSwapped = captures.IsSwapped ? 1u : 0;
        }

        using FileDescriptor? information = _target.Sockets.Count == 0 ? null : FileDescriptor.Raise(
            NetworkCalls.Socket(NetworkCalls.FamilyInet, NetworkCalls.TypeDatagram | NetworkCalls.CloseOnExec, 0), "making a socket");
        keeper->Information = Give(information);
        for (int i = 0; i < KeeperPage.PortsMax; i++)
        {
            keeper->Sockets[i] = i < _target.Sockets.Count ? Describe(_target.Sockets[i], Give) : new KeeperSocket { Socket = -1 };
            keeper->Taps[i] = i < _target.Taps.Count ? Describe(_target.Taps[i], Give) : new KeeperTap { Tap = -1 };
        }

        keeper->BusyPoll = _target.Sockets.Any(each => each.Socket.Request.BusyPoll) ? 1u : 0;
        keeper->Magic = KeeperPage.MagicValue;
        return RunnerProcess.Spawn(path, [.. given], detached: true, KeeperPage.Mode);
    }

    /// <summary>Locks a file until the last process that inherits it has ended (flock(2)).</summary>
    private FileDescriptor LockForLife()
    {
        FileDescriptor file = RunnerMemory.MakeFile(Path.Combine(_fence.Folder, RunRecord.AliveFile), 0);
        return ProcessCalls.Lock(file.Descriptor, ProcessCalls.LockExclusive | ProcessCalls.LockWithoutWaiting) == 0
            ? file
            : throw Errno.ToException("locking a file of the core", System.Runtime.InteropServices.Marshal.GetLastPInvokeError(), null);
    }

    private static (FileDescriptor Read, FileDescriptor Write) MakePipe()
    {
        int* pipe = stackalloc int[2];
        return ProcessCalls.Pipe(pipe, ProcessCalls.EventCloseOnExec) == 0
            ? (FileDescriptor.Raise(pipe[0], "making a pipe"), FileDescriptor.Raise(pipe[1], "making a pipe"))
            : throw Errno.ToException("making a pipe", System.Runtime.InteropServices.Marshal.GetLastPInvokeError(), null);
    }

    /// <summary>
    /// Has the kernel kill the runner as soon as its keeper is gone: a service that nobody sends for, and that nobody watches, would hold its socket, so
    /// that a device which is to be open then would stay closed.
    /// </summary>
    private static void EndWithKeeper(FileDescriptor lifeLine, int runner)
    {
        // Owner, signal and flag belong to the pipe's end that the runner has inherited.
        if (ProcessCalls.Fcntl(lifeLine.Descriptor, ProcessCalls.SetOwner, runner) != 0
            || ProcessCalls.Fcntl(lifeLine.Descriptor, ProcessCalls.SetSignal, SignalCalls.Sigkill) != 0
            || ProcessCalls.Fcntl(lifeLine.Descriptor, ProcessCalls.SetFlags, ProcessCalls.Asynchronous) != 0)
        {
            throw Errno.ToException("tying the service to its keeper", System.Runtime.InteropServices.Marshal.GetLastPInvokeError(), null);
        }
    }

    private KeeperSocket Describe((XskSocket Socket, ulong Shared) each, Func<FileDescriptor, int> give)
    {
        ref readonly XskSocket.RingOffsets transmit = ref each.Socket.Offsets[1];
        return new KeeperSocket
        {
            Socket = give(each.Socket.Socket),
            Shared = give(_target.Memory.At(each.Shared).Memory),
            TransmitSize = XskSocket.SizeOf(in transmit, sizeof(XskDescriptor)),
            TransmitProducer = transmit.Producer,
            TransmitConsumer = transmit.Consumer,
            Device = each.Socket.Device,
        };
    }

    private KeeperTap Describe((FileDescriptor Tap, ulong HostPort) each, Func<FileDescriptor, int> give)
    {
        (FileDescriptor memory, ulong size) = _target.Memory.At(each.HostPort);
        return new KeeperTap { Tap = give(each.Tap), HostPort = give(memory), HostPortSize = size };
    }

    private void AwaitKeeper(int process)
    {
        using MappedMemory memory = RunnerMemory.MapFile(Path.Combine(_fence.Folder, "keeper"), (ulong)sizeof(KeeperPage));
        KeeperPage* keeper = (KeeperPage*)memory.Address;
        int status;
        for (Stopwatch waited = Stopwatch.StartNew(); Volatile.Read(ref keeper->State) != (uint)KeeperState.Running; Thread.Sleep(1))
        {
            bool ended = ProcessCalls.WaitProcess(process, &status, ProcessCalls.WaitNoHang) != 0;
            if (Volatile.Read(ref keeper->State) == (uint)KeeperState.Ended)
            {
                // Its runner is gone: why is in the runner's page.
                return;
            }

            if (ended || waited.Elapsed > SetupTimeout)
            {
                throw new SosException(
                    SosError.Failed, "the service's keeper did not start: "
                        + System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(keeper->Errno));
            }
        }
    }

    private void AwaitRunner(int runner, RunnerState state)
    {
        int status;
        for (Stopwatch waited = Stopwatch.StartNew(); Volatile.Read(ref Page->State) < (uint)state; Thread.Sleep(1))
        {
            bool ended = ProcessCalls.WaitProcess(runner, &status, ProcessCalls.WaitNoHang) != 0;
            if ((ended || waited.Elapsed > SetupTimeout) && Volatile.Read(ref Page->State) < (uint)state)
            {
                throw RunnerProcess.Explain(Page);
            }
        }
    }
}

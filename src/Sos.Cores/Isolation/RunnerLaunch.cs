using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Threading;
using Sos.Cores.Loading;
using Sos.Cores.Native;
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
    public DriverHandle Start(ulong entry, ulong stackTop, ulong argument)
    {
        using (MappedMemory control = _target.Memory.MapAt(argument))
        {
            MemoryOrdering.StoreRelease(ref ((ServiceControl*)control.Address)->StopRequest, 0);
        }

        List<DriverHandle> regions = _target.Memory.Fill(entry, stackTop, argument);
        (Page->Cpu, Page->LockMemory, Page->Contain, Page->LifeLine, Page->Starter) = (_fence.Cpu, 1, 1, -1, Environment.ProcessId);
        Page->Notifier = RunnerProcess.NotifierDescriptor;
        Page->Magic = RunnerPage.MagicValue;
        Page->Starts++;
        DriverHandle notifier = RunnerProcess.Raise(
            ProcessCalls.EventFd(0, ProcessCalls.EventNonBlocking | ProcessCalls.EventCloseOnExec), "making an eventfd");

        int runner = 0;
        int keeper = 0;
        string? throttle = null;
        try
        {
            (string scheduling, throttle) = Schedule();
            string path = RunnerProcess.Find();

            // It needs no life line, and gets something else of that number: once it is entered it outlives us.
            runner = RunnerProcess.Spawn(path, [_target.Memory.PageHandle, notifier, notifier, .. regions], detached: true, "contain");
            CpusetGroup.Enter(_fence, runner);
            Page->Ready = 1;
            keeper = StartKeeper(path, runner, notifier, argument);
            RunRecord record = new(
                runner, ThreadMask.StartTimeOf(runner) ?? 0, keeper, ThreadMask.StartTimeOf(keeper) ?? 0, scheduling, null, throttle,
                _target.WatchdogNs);
            record.Write(_fence.Folder);
            AwaitRunner(runner, RunnerState.Mapped);
            AwaitKeeper(keeper);
            if (_target.Socket is { } socket)
            {
                (record with { Method = socket.Bind() }).Write(_fence.Folder);
            }

            Volatile.Write(ref Page->Go, 1);
            AwaitRunner(runner, RunnerState.Entered);
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
            _ = ProcessCalls.Kill(process, ProcessCalls.Sigkill);
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

    private int StartKeeper(string path, int runner, DriverHandle notifier, ulong argument)
    {
        string file = Path.Combine(_fence.Folder, "keeper");
        using RunnerMemory.SharedFile page = RunnerMemory.MakeShared(file, AddressSpace.ToPages((ulong)sizeof(KeeperPage)));
        using DriverHandle process = RunnerProcess.Raise(SchedulerCalls.OpenProcess(runner), "watching the runner");
        List<DriverHandle> given = [page.Handle];
        int Give(DriverHandle? handle)
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
        keeper->Notifier = _target.MovesPackets ? Give(notifier) : -1;
        keeper->RunnerPage = Give(_target.Memory.PageHandle);
        keeper->Control = Give(_target.Memory.At(argument).Memory);
        keeper->WatchdogNs = _target.WatchdogNs;
        keeper->Tap = Give(_target.Tap);
        keeper->HostPort = -1;
        keeper->Socket = Give(_target.Socket?.Socket);
        keeper->SocketShared = -1;
        keeper->Information = -1;
        (keeper->CaptureIn, keeper->CaptureOut) = (Give(_target.Captures?.In), Give(_target.Captures?.Out));
        if (_target.Captures is { } captures)
        {
            (DriverHandle card, ulong size) = _target.Memory.At(AddressSpace.HostPort);
            (keeper->CaptureInPort, keeper->CapturePortSize) = (Give(card), size);
            keeper->CaptureOutPort = Give(_target.Memory.At(AddressSpace.HostPort + AddressSpace.PortStride).Memory);
            keeper->CaptureSwapped = captures.IsSwapped ? 1u : 0;
        }

        if (_target.Tap is not null)
        {
            (DriverHandle memory, ulong portSize) = _target.Memory.At(_target.HostPort);
            (keeper->HostPort, keeper->HostPortSize) = (Give(memory), portSize);
        }

        using DriverHandle? information = _target.Socket is null ? null : RunnerProcess.Raise(
            NetworkCalls.Socket(NetworkCalls.FamilyInet, NetworkCalls.TypeDatagram | NetworkCalls.CloseOnExec, 0), "making a socket");
        if (_target.Socket is { } socket)
        {
            keeper->SocketShared = Give(_target.Memory.At(_target.SocketShared).Memory);
            keeper->TransmitSize = Network.XskSocket.SizeOf(in socket.Offsets[1], sizeof(XskDescriptor));
            (keeper->TransmitProducer, keeper->TransmitConsumer) = (socket.Offsets[1].Producer, socket.Offsets[1].Consumer);
            keeper->Information = Give(information);
            keeper->BusyPoll = _target.SocketRequest!.BusyPoll ? 1u : 0;
            Encoding.UTF8.GetBytes(_target.SocketRequest.Interface, new Span<byte>(keeper->Interface, KeeperPage.InterfaceNameSize - 1));
        }

        keeper->Magic = KeeperPage.MagicValue;
        return RunnerProcess.Spawn(path, [.. given], detached: true, KeeperPage.Mode);
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

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;
using Microsoft.Win32.SafeHandles;
using Sos.Abi;
using Sos.Cores.Devices;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Cores.Services;
using Sos.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Cores.InProcess;

/// <summary>How a service runs in a process.</summary>
public sealed record ProcessTargetOptions
{
    /// <summary>The runner program; null for the one that SOS_RUNNER names, that lies beside this program, or that is installed.</summary>
    public string? RunnerPath { get; init; }

    /// <summary>Logical id of the CPU to run on, or -1 for any.</summary>
    public int Cpu { get; init; } = -1;

    /// <summary>Whether all memory is locked before the start (needs CAP_IPC_LOCK or a limit that allows it).</summary>
    public bool LockMemory { get; init; }
}

/// <summary>
/// A process in place of a core: the same image, laid out by the same loader, in memory that this process shares with a runner.
/// Each start makes one runner process; the memory outlives it, as a core's regions do.
/// </summary>
public sealed unsafe class ProcessTarget : IServiceTarget, IDisposable
{
    private static readonly TimeSpan SetupTimeout = TimeSpan.FromSeconds(60);

    private readonly ProcessTargetOptions _options;
    private readonly RunnerMemory _memory = new();
    private RunnerProcess? _runner;
    private ulong _starts;
    private ulong _faults;
    private bool _stopping;

    /// <summary>Makes an empty target.</summary>
    /// <exception cref="SosException">The system gives no memory.</exception>
    public ProcessTarget(ProcessTargetOptions? options = null) => _options = options ?? new ProcessTargetOptions();

    /// <summary>How often the service called <c>SOS_GATE_NOTIFY</c> since its last start.</summary>
    public ulong Notifications => Volatile.Read(ref Page->Notifications);

    /// <summary>Linux's id of the thread that runs the service; valid while one runs.</summary>
    public int ThreadId => Volatile.Read(ref Page->ThreadId);

    /// <summary>The runner's process id, or 0 when none runs.</summary>
    public int ProcessId => _runner is { HasEnded: false } runner ? runner.Id : 0;

    private RunnerPage* Page => _memory.Page;

    /// <inheritdoc/>
    public ClaimedDevice Claim(PciAddress address)
        => throw new SosException(SosError.Refused, $"a service in a process cannot drive {address}: it takes memory ports");

    /// <inheritdoc/>
    public HostPortResult AddHostPort(PortRequest request, ulong address)
        => throw new SosException(SosError.Refused, "a service in a process has no host port: it takes memory ports");

    /// <inheritdoc/>
    public XskLayout AddXskPort(XskRequest request, ulong address)
        => throw new SosException(SosError.Refused, "a service in a process of a test has no AF_XDP port: it takes memory ports");

    /// <inheritdoc/>
    public TargetRegion AddRegion(RegionRequest request)
        => ProcessId == 0
            ? _memory.Add(request)
            : throw new SosException(SosError.Refused, $"region at 0x{request.Address:x}: none while the service runs");

    /// <inheritdoc/>
    public MappedMemory Map(TargetRegion region) => _memory.Map(region);

    /// <inheritdoc/>
    public ulong[] GetDmaAddresses(TargetRegion region, uint device)
        => throw new SosException(SosError.Refused, "a service in a process has no device, and so no bus addresses");

    /// <summary>Maps the region that the service sees at an address: a memory port, for instance.</summary>
    /// <exception cref="SosException">No region starts there.</exception>
    public MappedMemory MapAt(ulong address) => _memory.MapAt(address);

    /// <summary>A descriptor of a region's memory: a program that has it can map this region and no other.</summary>
    public SafeFileHandle ExportRegion(TargetRegion region) => Duplicate(_memory.DescriptorOf(region));

    /// <summary>The eventfd that the running service signals by <c>SOS_GATE_NOTIFY</c>.</summary>
    /// <exception cref="SosException">Nothing runs.</exception>
    public SafeFileHandle ExportNotifier()
        => Duplicate(_runner?.Notifier.Descriptor ?? throw new SosException(SosError.Refused, "no service runs that could notify"));

    /// <summary>Attaches to what the loaded service shares: counters, log, tables.</summary>
    public RunningService Attach(LoadedService service)
    {
        List<SharedRegion> tables = [];
        foreach (TargetRegion table in service.Tables)
        {
            tables.Add(new SharedRegion(table.MapOffset, table.Size));
        }

        return new RunningService(Map(service.Control), tables, slot => Map(service.Tables[slot]));
    }

    /// <summary>Starts what is loaded, and returns when the service is entered.</summary>
    /// <param name="entry">Address of the first instruction.</param>
    /// <param name="stackTop">Initial stack pointer.</param>
    /// <param name="argument">Address of the control region.</param>
    /// <exception cref="SosException">It runs already, or the runner could not map it.</exception>
    public void Start(ulong entry, ulong stackTop, ulong argument)
    {
        if (ProcessId != 0 || _memory.Count == 0)
        {
            throw new SosException(SosError.Refused, "the service runs already, or nothing is loaded");
        }

        _runner?.Dispose();
        using (MappedMemory control = MapAt(argument))
        {
            MemoryOrdering.StoreRelease(ref ((ServiceControl*)control.Address)->StopRequest, 0);
        }

        List<FileDescriptor> memories = _memory.Fill(entry, stackTop, argument);
        (Page->Cpu, Page->LockMemory, Page->Go) = (_options.Cpu, _options.LockMemory ? 1u : 0, 1);
        _stopping = false;
        _runner = RunnerProcess.Start(_options.RunnerPath ?? RunnerProcess.Find(), Page, _memory.PageHandle, memories);
        AwaitEntry(_runner);
        _starts++;
    }

    /// <summary>Asks the service to stop; after the timeout it is stopped by force.</summary>
    /// <returns>False when nothing was running.</returns>
    public bool Stop(TimeSpan timeout)
    {
        if (_runner is not { } runner || runner.HasEnded)
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

    /// <summary>Waits until the runner has ended.</summary>
    /// <returns>Whether it did in time.</returns>
    public bool Wait(TimeSpan timeout) => _runner is null || _runner.Wait(timeout);

    /// <summary>The state, in the words of a core.</summary>
    /// <returns>In <see cref="CoreState.Failed"/> the fault is null when the runner itself was killed.</returns>
    public CoreStatus GetStatus()
    {
        CoreState state = State();
        bool recorded = state == CoreState.Failed && Page->State == (uint)RunnerState.Faulted;
        FaultRecord? fault = recorded ? Page->Fault.ToRecord() : null;
        if (state == CoreState.Failed && _runner is { FailureCounted: false } failed)
        {
            failed.FailureCounted = true;
            _faults++;
        }

        return new CoreStatus(state, _options.Cpu, false, 0, Page->ExitCode, _starts, _faults, 0, Notifications, fault);
    }

    /// <summary>Ends the runner, whatever it does, and frees the memory.</summary>
    public void Dispose()
    {
        _runner?.Dispose();
        _memory.Dispose();
    }

    private static SafeFileHandle Duplicate(int descriptor)
    {
        int copy = ProcessCalls.Fcntl(descriptor, ProcessCalls.DuplicateCloseOnExec, 0);
        return copy >= 0
            ? new SafeFileHandle(copy, ownsHandle: true)
            : throw Errno.ToException("duplicating a descriptor", Marshal.GetLastPInvokeError(), null);
    }

    private CoreState State()
        => _runner is null ? (_memory.Count == 0 ? CoreState.Reserved : CoreState.Loaded)
            : !_runner.HasEnded ? (_stopping ? CoreState.Stopping : CoreState.Running)
            : Page->State == (uint)RunnerState.Exited ? CoreState.Stopped : CoreState.Failed;

    private void AwaitEntry(RunnerProcess runner)
    {
        DateTime end = DateTime.UtcNow + SetupTimeout;
        while (Volatile.Read(ref Page->State) < (uint)RunnerState.Entered && !runner.HasEnded && DateTime.UtcNow < end)
        {
            Thread.Sleep(1);
        }

        if (Volatile.Read(ref Page->State) < (uint)RunnerState.Entered)
        {
            runner.Dispose();
            throw RunnerProcess.Explain(Page);
        }
    }
}

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Sos.Abi;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Linux;

namespace Sos.Cores.Offline;

/// <summary>A core that the driver holds: its descriptor, and what can be asked of it.</summary>
public sealed unsafe class OfflineCore : IServiceCore
{
    internal OfflineCore(int cpu, FileDescriptor handle)
    {
        Cpu = cpu;
        Handle = handle;
    }

    /// <summary>Logical id.</summary>
    public int Cpu { get; }

    /// <inheritdoc/>
    public BackEndKind BackEnd => BackEndKind.Offline;

    internal FileDescriptor Handle { get; }

    /// <inheritdoc/>
    public int ChangeDescriptor => Handle.Descriptor;

    /// <inheritdoc/>
    public INetworkDevice FindDevice(string name, DeviceOptions options) => CardDevice.Find(Cpu, name, options);

    /// <inheritdoc/>
    public INetworkDevice FindAgain(CardRecord card, DeviceOptions options) => CardDevice.FindAgain(card, options.HostPort);

    /// <inheritdoc/>
    /// <remarks>A card is the machine's, and found from everywhere.</remarks>
    public IDisposable? Enter(IReadOnlyList<CardRecord> cards) => null;

    /// <inheritdoc/>
    public bool GiveBack(CardRecord card, List<string> notes) => CardDevice.GiveBack(Cpu, card, notes);

    /// <inheritdoc/>
    public IServiceTarget BeginLoad(ServiceConfiguration configuration) => configuration.Captures is null
        ? new DriverTarget(this, configuration.ForceUnconfined)
        : throw new SosException(SosError.Refused, "captures are for isolated cores: reserve one with 'sosctl core reserve CPU --isolated'");

    /// <summary>Reads the core's state.</summary>
    public CoreStatus GetStatus()
    {
        SosStatus status = default;
        Check($"reading the state of core {Cpu}", Handle.TryCall(DriverRequest.GetStatus, ref status));
        CoreState state = (CoreState)status.State;
        return new CoreStatus(
            state, (int)status.Cpu, (status.Flags & SosReserve.Persist) != 0, (int)status.Irq, status.ExitCode, status.Starts, status.Faults,
            status.Nmis, status.Notifications, state == CoreState.Failed ? status.Fault.ToRecord() : null)
        {
            LeaseLeft = status.LeaseLengthNs == 0 ? null : DriverTime.FromNs(status.LeaseNs),
            LeaseLength = status.LeaseLengthNs == 0 ? null : DriverTime.FromNs(status.LeaseLengthNs),
            Watchdog = status.PollBoundNs == 0 ? null : DriverTime.FromNs(status.PollBoundNs),
            Performance = (CorePerformance)status.Performance,
            Mechanism = (CoreMechanism)status.Mechanism,
        };
    }

    /// <summary>Sets or renews the lease, after which the core goes back by itself, whatever runs there; or ends it.</summary>
    /// <param name="length">From now; null for no lease.</param>
    public void SetLease(TimeSpan? length)
    {
        SosLease request = new() { DurationNs = length is null ? 0 : DriverTime.ToNs(length.Value) };
        int errno = Handle.TryCall(DriverRequest.SetLease, ref request);
        Check($"setting the lease of core {Cpu}", errno, errno == Errno.Invalid ? "a lease lasts a year at most" : null);
    }

    /// <summary>Gives the cpu back to Linux, whatever runs there.</summary>
    /// <returns>Nanoseconds until Linux had it.</returns>
    public ulong Release()
    {
        SosRelease request = default;
        int errno = Handle.TryCall(DriverRequest.ReleaseCore, ref request);
        Check($"releasing core {Cpu}", errno, errno == Errno.InputOutput
            ? $"Linux could not start the cpu, which stays reserved: {StartAdvice()}, then try 'sosctl core release {Cpu}' again"
            : null);
        return request.DurationNs;
    }

    /// <summary>Starts what is loaded.</summary>
    /// <param name="entry">Address of the first instruction.</param>
    /// <param name="stackTop">Initial stack pointer.</param>
    /// <param name="argument">Address of the control region.</param>
    /// <param name="watchdog">How long it may go without a poll before the driver ends it; null for no watchdog.</param>
    public void Start(ulong entry, ulong stackTop, ulong argument, TimeSpan? watchdog)
    {
        SosStart request = new()
        {
            Entry = entry,
            StackTop = stackTop,
            Argument = argument,
            PollBoundNs = watchdog is null ? 0 : DriverTime.ToNs(watchdog.Value),
        };
        int errno = Handle.TryCall(DriverRequest.Start, ref request);
        Check($"starting core {Cpu}", errno, errno switch
        {
            Errno.Busy => $"it runs already, or nothing is loaded: see 'sosctl service status {Cpu}'",
            Errno.InputOutput => "the core does not answer; the driver takes it back by a reset: try again, and see the kernel log ('dmesg | tail')",
            _ => null,
        });
    }

    /// <summary>Stops the service and waits until the core is back in the monitor.</summary>
    /// <param name="timeout">How long it may take to obey before it is stopped by force; at most a minute.</param>
    /// <returns>False when nothing was running.</returns>
    public bool Stop(TimeSpan timeout)
    {
        SosStop request = new() { TimeoutMs = (uint)Math.Clamp(timeout.TotalMilliseconds, 1, 60_000) };
        int errno = Handle.TryCall(DriverRequest.Stop, ref request);
        while (errno == Errno.Interrupted)
        {
            // The stop goes on in the driver; what is left is to wait for its end.
            Wait(TimeSpan.FromMilliseconds(100));
            CoreState state = GetStatus().State;
            errno = state is CoreState.Running or CoreState.Stopping ? Errno.Interrupted : 0;
        }

        if (errno == Errno.Busy)
        {
            return false;
        }

        Check($"stopping core {Cpu}", errno, errno == Errno.InputOutput
            ? $"not even a reset brought it back: see the kernel log, and try 'sosctl core release {Cpu}'"
            : null);
        return true;
    }

    /// <summary>Drops what is loaded: regions, host ports, devices.</summary>
    public void Unload()
    {
        int errno = Handle.TryCall(DriverRequest.Unload);
        Check($"unloading core {Cpu}", errno, errno == Errno.Busy ? $"its service runs: stop it first with 'sosctl service stop {Cpu}'" : null);
    }

    /// <inheritdoc/>
    public IProgramAccess OpenPrograms(CoreRecord record) => new DriverAccess(this);

    /// <summary>Makes a descriptor with which a program that may not hold the core can map one shared region, and do nothing else.</summary>
    /// <param name="region">Index of the region.</param>
    public SafeFileHandle ExportRegion(uint region)
    {
        SosExport request = new() { Region = region, Flags = SosExport.Write, Fd = -1 };
        Check($"exporting region {region} of core {Cpu}", Handle.TryCall(DriverRequest.ExportRegion, ref request));
        return new SafeFileHandle(request.Fd, ownsHandle: true);
    }

    /// <summary>Takes every export of a region back: whoever has it mapped has it no more.</summary>
    public void RevokeRegion(uint region)
    {
        SosRevoke request = new() { Region = region };
        Check($"taking back region {region} of core {Cpu}", Handle.TryCall(DriverRequest.RevokeRegion, ref request));
    }

    /// <summary>Binds an eventfd, which the service can then signal; null unbinds.</summary>
    /// <param name="index">Bit of <see cref="Sos.Sdk.Control.ServiceControl.Events"/>.</param>
    /// <param name="eventFd">The eventfd.</param>
    public void BindEvent(uint index, SafeHandle? eventFd)
    {
        SosBindEvent request = new() { Index = index, Fd = eventFd is null ? -1 : (int)eventFd.DangerousGetHandle() };
        Check($"binding an eventfd to core {Cpu}", Handle.TryCall(DriverRequest.BindEvent, ref request));
        GC.KeepAlive(eventFd);
    }

    /// <summary>Reads what Linux counts of this cpu, which its files in /proc show for online cpus only.</summary>
    public LinuxCounts GetLinuxCounts()
    {
        SosLinuxCounts counts = default;
        Check($"reading Linux's counters of cpu {Cpu}", Handle.TryCall(DriverRequest.GetLinuxCounts, ref counts));
        return new LinuxCounts(
            counts.DeviceIrqs, counts.TimerIrqs, counts.ReschedIrqs, counts.CallIrqs, counts.OtherIrqs, counts.Softirqs, counts.IdleSwitches);
    }

    /// <summary>Waits for a change of state since the last <see cref="GetStatus"/> on this descriptor.</summary>
    /// <returns>Whether one came in time.</returns>
    public bool Wait(TimeSpan timeout)
    {
        Libc.PollDescriptor descriptor = new() { Descriptor = Handle.Descriptor, Events = Libc.PollIn };
        int ready = Libc.Poll(&descriptor, 1, (int)timeout.TotalMilliseconds);
        if (ready < 0 && Marshal.GetLastPInvokeError() != Errno.Interrupted)
        {
            throw Errno.ToException($"waiting for core {Cpu}", Marshal.GetLastPInvokeError(), null);
        }

        return ready > 0;
    }

    /// <summary>Maps a region.</summary>
    /// <param name="offset">Its mmap offset.</param>
    /// <param name="size">Bytes.</param>
    public MappedMemory Map(ulong offset, ulong size) => MappedMemory.Map(Handle, offset, size);

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    internal void Check(string what, int errno, string? advice = null)
    {
        if (errno == Errno.NoDevice)
        {
            throw CoreRefusals.NotReserved(Cpu);
        }

        if (errno != 0)
        {
            throw Errno.ToException(what, errno, advice);
        }
    }

    /// <summary>Says what keeps Linux from starting a cpu.</summary>
    private static string StartAdvice()
    {
        // With its threads off (or forced off) Linux starts none of them: Documentation/admin-guide/hw-vuln/l1tf.rst.
        const string control = "/sys/devices/system/cpu/smt/control";
        return LinuxFile.TryRead(control) is "off" or "forceoff"
            ? $"the threads of this machine's processors are switched off, so 'echo on > {control}' (or, after \"forceoff\", restart the machine)"
            : "see the kernel log";
    }
}

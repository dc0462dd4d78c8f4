using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Abi;
using Sos.Cores.BackEnds;
using Sos.Cores.Native;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Cores.Offline;

/// <summary>The driver's description of itself.</summary>
/// <param name="AbiVersion">SOS_ABI_VERSION that it speaks.</param>
/// <param name="Version">Its version.</param>
/// <param name="Cpus">Logical ids of the cores that SOS holds.</param>
public sealed record DriverInfo(uint AbiVersion, string Version, IReadOnlyList<int> Cpus);

/// <summary>The driver, /dev/sos: reserves cores and opens those that are reserved.</summary>
public sealed unsafe class SosDriver : IDisposable
{
    /// <summary>Where the driver is.</summary>
    public const string DefaultPath = "/dev/sos";

    private readonly FileDescriptor _handle;

    private SosDriver(FileDescriptor handle) => _handle = handle;

    /// <summary>Opens the driver and checks that it speaks our ABI.</summary>
    /// <exception cref="SosException">The driver is missing, of another ABI, or not ours to open.</exception>
    public static SosDriver Open(string path = DefaultPath)
    {
        int descriptor = Libc.Open(path, Libc.OpenReadWrite | Libc.OpenCloseOnExec);
        if (descriptor < 0)
        {
            throw ExplainOpen(path, Marshal.GetLastPInvokeError());
        }

        SosDriver device = new(new FileDescriptor(descriptor));
        try
        {
            uint abi = device.GetInfo().AbiVersion;
            return abi == ServiceControl.AbiVersion
                ? device
                : throw new SosException(
                    SosError.DriverMissing,
                    $"the loaded driver speaks ABI {abi}, this program ABI {ServiceControl.AbiVersion}: "
                    + "build and load the driver of this version (rmmod sos; modprobe sos)");
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Asks the driver for its version and its cores.</summary>
    public DriverInfo GetInfo()
    {
        SosInfo info = default;
        int errno = _handle.TryCall(DriverRequest.GetInfo, ref info);
        if (errno != 0)
        {
            throw errno is Errno.NotTerminal or Errno.Invalid
                ? new SosException(SosError.DriverMissing, "this device is not the SOS driver, or one of another version: load the driver of this version")
                : Errno.ToException("asking the driver for its version", errno, null);
        }

        ReadOnlySpan<byte> version = new(info.Version, SosInfo.VersionSize);
        int end = version.IndexOf((byte)0);
        int[] cpus = new int[Math.Min(info.CoreCount, SosInfo.CoresMax)];
        for (int i = 0; i < cpus.Length; i++)
        {
            cpus[i] = (int)info.Cpus[i];
        }

        return new DriverInfo(info.AbiVersion, Encoding.UTF8.GetString(end < 0 ? version : version[..end]), cpus);
    }

    /// <summary>Takes a cpu from Linux.</summary>
    /// <param name="cpu">Its logical id.</param>
    /// <param name="persist">Whether the core outlives its descriptors.</param>
    /// <param name="lease">After which it goes back by itself; null for never.</param>
    /// <param name="durationNs">Nanoseconds that it took.</param>
    /// <exception cref="SosException">Linux or the driver refused.</exception>
    public OfflineCore Reserve(int cpu, bool persist, TimeSpan? lease, out ulong durationNs)
    {
        OfflineCore core = Reserve(cpu, persist, lease, new CoreOptions(), out CoreArrival arrival);
        durationNs = arrival.DurationNs;
        return core;
    }

    /// <summary>Takes a cpu from Linux, with wishes.</summary>
    /// <param name="cpu">Its logical id.</param>
    /// <param name="persist">Whether the core outlives its descriptors.</param>
    /// <param name="lease">After which it goes back by itself; null for never.</param>
    /// <param name="options">How it is to run.</param>
    /// <param name="arrival">How it went.</param>
    /// <exception cref="SosException">Linux or the driver refused.</exception>
    public OfflineCore Reserve(int cpu, bool persist, TimeSpan? lease, CoreOptions options, out CoreArrival arrival)
    {
        SosReserve request = new()
        {
            Cpu = (uint)cpu,
            Flags = (persist ? SosReserve.Persist : 0) | (options.ShareCore ? SosReserve.ShareCore : 0)
                | (options.ResctrlClass is null ? 0 : SosReserve.Class),
            CoreFd = -1,
            Performance = (uint)options.Performance,
            LeaseNs = lease is null ? 0 : DriverTime.ToNs(lease.Value),
            Clos = options.ResctrlClass ?? 0,
        };
        int errno = _handle.TryCall(DriverRequest.ReserveCore, ref request);
        if (errno != 0)
        {
            throw Errno.ToException($"reserving cpu {cpu}", errno, ExplainReserve(cpu, errno));
        }

        arrival = new CoreArrival(request.DurationNs, (int)request.Siblings);
        return new OfflineCore(cpu, new FileDescriptor(request.CoreFd));
    }

    /// <summary>Opens a core that SOS holds.</summary>
    /// <exception cref="SosException">It does not.</exception>
    public OfflineCore OpenCore(int cpu)
    {
        SosOpen request = new() { Cpu = (uint)cpu, CoreFd = -1 };
        int errno = _handle.TryCall(DriverRequest.OpenCore, ref request);
        return errno switch
        {
            0 => new OfflineCore(cpu, new FileDescriptor(request.CoreFd)),
            Errno.NoDevice => throw CoreRefusals.NotReserved(cpu),
            _ => throw Errno.ToException($"opening core {cpu}", errno, null),
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    internal static SosException ExplainOpen(string path, int errno) => errno switch
    {
        Errno.NoEntry or Errno.NoDevice or Errno.NoDeviceOrAddress => new SosException(
            SosError.DriverMissing, $"{path} does not exist: the driver is not loaded; load it with 'modprobe sos' (or 'insmod sos.ko') as root, "
            + "or do without it: 'sosctl core reserve CPU --isolated'"),
        Errno.NotPermitted or Errno.AccessDenied => new SosException(
            SosError.NotPermitted, $"{path} may be opened with CAP_SYS_ADMIN only: run this as root ('sudo sosctl ...')"),
        _ => Errno.ToException($"opening {path}", errno, null),
    };

    internal static string? ExplainReserve(int cpu, int errno) => errno switch
    {
        Errno.NotPermitted => cpu == 0
            ? "Linux needs cpu 0 for itself: choose another"
            : $"cpu {cpu} cannot be unplugged: choose another ('sosctl core list' shows them)",
        Errno.CrossDevice => $"cpu {cpu} shares a physical core with a cpu that cannot leave Linux, and on this processor either can read what the "
            + "other computes: choose another cpu, or say --share-core",
        Errno.NotSupported => "this processor has no classes of service (resctrl): leave --resctrl-class away",
        Errno.Busy => "it is reserved already, or Linux refuses to unplug it now: see 'sosctl core list' and the kernel log ('dmesg | tail')",
        Errno.NoDevice => $"cpu {cpu} is not online: 'echo 1 > /sys/devices/system/cpu/cpu{cpu}/online' brings it up, if it exists",
        Errno.NoSpace => $"SOS holds {SosInfo.CoresMax} cores, the most it can: release one first",
        Errno.InputOutput => "the core did not arrive in the monitor: see the kernel log ('dmesg | tail')",
        Errno.Invalid => $"the machine has no cpu {cpu} ('sosctl core list' shows those it has), the lease is longer than a year, or the processor has "
            + "no such class of service (num_closids below /sys/fs/resctrl/info says how many)",
        _ => null,
    };
}

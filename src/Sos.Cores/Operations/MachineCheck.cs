using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.Isolation;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Offline;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Cores.Operations;

/// <summary>How a finding bears on the back ends.</summary>
public enum FindingKind
{
    /// <summary>All is well.</summary>
    Good = 0,

    /// <summary>Not needed, but SOS works less well without.</summary>
    Note = 1,

    /// <summary>A back end cannot be used for it.</summary>
    Missing = 2,
}

/// <summary>One thing that the machine has or lacks.</summary>
/// <param name="Topic">What it is about, one or two words.</param>
/// <param name="Kind">How it bears.</param>
/// <param name="Text">What was found.</param>
/// <param name="Advice">What to do about it; null when there is nothing to do.</param>
public sealed record Finding(string Topic, FindingKind Kind, string Text, string? Advice = null);

/// <summary>Finds out what the machine allows.</summary>
/// <param name="Findings">One by one.</param>
/// <param name="Offline">Whether cores can be unplugged.</param>
/// <param name="Isolated">Whether cores can be fenced off.</param>
/// <param name="Processor">The instruction sets that services may use.</param>
public sealed record MachineReport(IReadOnlyList<Finding> Findings, bool Offline, bool Isolated, ProcessorFeatures Processor);

/// <summary>The version of the driver that is loaded.</summary>
/// <param name="Version">Its version.</param>
/// <param name="AbiVersion">SOS_ABI_VERSION that it speaks.</param>
public sealed record DriverVersion(string Version, uint AbiVersion);

/// <summary>Looks at the machine: what both back ends need, what is missing, and how to get it. Changes nothing.</summary>
public static class MachineCheck
{
    private const ulong LockedMemoryMin = 64 << 20;
    private const int MemoryLockLimit = 8; // RLIMIT_MEMLOCK

    /// <summary>Looks.</summary>
    public static MachineReport Run()
    {
        ProcessorFeatures processor = ProcessorFeatures.Detect();
        List<Finding> findings = [.. Processor(processor), .. Cpus(), .. Driver(), .. Fence(), .. RealTime(), .. Network()];
        bool usable = !findings.Exists(finding => finding is { Topic: "processor" or "cpus" or "user", Kind: FindingKind.Missing });
        bool driver = !findings.Exists(finding => finding is { Topic: "driver", Kind: FindingKind.Missing });
        return new MachineReport(findings, usable && driver, usable, processor);
    }

    /// <summary>Asks the driver for its version.</summary>
    /// <exception cref="SosException">It is not loaded, cannot be asked, or is another's.</exception>
    public static DriverVersion ReadDriver()
    {
        using SosDriver driver = SosDriver.Open();
        DriverInfo info = driver.GetInfo();
        return new DriverVersion(info.Version, info.AbiVersion);
    }

    private static IEnumerable<Finding> Processor(ProcessorFeatures features)
    {
        string avx512 = features.Sets.HasFlag(InstructionSets.Avx512) ? ", AVX-512" : "";
        yield return features.RunsImages
            ? new Finding("processor", FindingKind.Good, $"x86-64-v3 (AVX2){avx512}")
            : new Finding("processor", FindingKind.Missing, $"no {ProcessorFeatures.Required}",
                "choose another machine, or in a virtual one the processor of its host");
        yield return features.Sets.HasFlag(InstructionSets.InvariantTsc)
            ? new Finding("clock", FindingKind.Good, "the TSC is invariant")
            : new Finding("clock", FindingKind.Note, "the TSC is not said to be invariant: a service's clock may drift when the frequency changes");
        yield return Libc.EffectiveUserId() == 0
            ? new Finding("user", FindingKind.Good, "root")
            : new Finding("user", FindingKind.Missing, "not root, who alone may take cpus from Linux", "sudo sosctl ...");
    }

    private static IEnumerable<Finding> Cpus()
    {
        IReadOnlyList<CpuInfo> all = new CpuTopology().List();
        int[] spare = [.. all.Where(cpu => cpu.Online && cpu.Id != 0).Select(cpu => cpu.Id)];
        int[] pluggable = [.. all.Where(cpu => cpu.Online && cpu.Id != 0 && cpu.HotPluggable).Select(cpu => cpu.Id)];
        yield return spare.Length > 0
            ? new Finding("cpus", FindingKind.Good, $"{spare.Length} can be taken: {CpuSet.Of(spare)}; cpu 0 stays with Linux")
            : new Finding("cpus", FindingKind.Missing, "only cpu 0 is there, which stays with Linux", "give the machine a second cpu");
        if (pluggable.Length < spare.Length)
        {
            yield return new Finding("hotplug", FindingKind.Note,
                $"Linux can unplug {(pluggable.Length == 0 ? "none" : CpuSet.Of(pluggable))} of them: the others can be isolated only");
        }

        string? idle = LinuxFile.TryRead("/sys/devices/system/cpu/cpuidle/current_driver");
        if (idle is not null and not "none")
        {
            yield return new Finding("c-states", FindingKind.Good, $"driver {idle}: a service that polls keeps its cpu out of them; siblings may slow it down");
        }
    }

    private static IEnumerable<Finding> Driver()
    {
        string release = Scheduling.Release();
        if (new OfflineBackEnd().Obstacle is not { } obstacle)
        {
            yield return new Finding("driver", FindingKind.Good, "loaded: cores can be unplugged from Linux");
        }
        else if (KernelConfig.Has("CONFIG_MODULES") == false)
        {
            yield return new Finding("driver", FindingKind.Missing,
                $"this kernel ({release}) takes no modules",
                "use the isolated back end, or a stock kernel");
        }
        else if (Lockdown() is { } lockdown && lockdown != "none")
        {
            yield return new Finding("driver", FindingKind.Missing,
                $"not loaded; the kernel is locked down ({lockdown}) and takes signed modules only",
                "sign sos.ko with a key that the machine knows (mokutil), switch Secure Boot off, or use the isolated back end");
        }
        else if (!Scheduling.IsAtLeast(release, 6, 1))
        {
            yield return new Finding("driver", FindingKind.Missing,
                $"not loaded; it needs Linux 6.1 or later, this is {release}",
                "the isolated back end needs none");
        }
        else
        {
            // The message says what is in the way: no driver, one of another version, or no right to it.
            string? advice = obstacle.Error == SosError.DriverMissing ? "make install && modprobe sos" : null;
            yield return new Finding("driver", FindingKind.Missing, obstacle.Message, advice);
        }

        bool iommu = Directory.Exists("/sys/kernel/iommu_groups") && Directory.EnumerateDirectories("/sys/kernel/iommu_groups").Any();
        yield return iommu
            ? new Finding("iommu", FindingKind.Good, "there is one: a card that a service drives is confined")
            : new Finding("iommu", FindingKind.Note,
                "none in use: a card that a service drives can reach all memory",
                "switch it on in the firmware and boot with intel_iommu=on or amd_iommu=on; with AF_XDP Linux drives the card");
    }

    private static IEnumerable<Finding> Fence()
    {
        (FenceMethod method, _, string reason) = CpusetGroup.Find();
        yield return method == FenceMethod.Partition
            ? new Finding("cpuset", FindingKind.Good, "cgroup v2 makes isolated partitions")
            : new Finding("cpuset", FindingKind.Note, reason, "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1) for isolated partitions");
        string? isolated = LinuxFile.TryRead("/sys/devices/system/cpu/isolated");
        if (!string.IsNullOrEmpty(isolated))
        {
            yield return new Finding("isolcpus", FindingKind.Good, $"the boot arguments isolate cpu {isolated}: choose one of these");
        }

        foreach (int cpu in FenceRecord.List())
        {
            FenceDrift drift = FenceDrift.Read(cpu);
            if (drift.Problem is { } problem)
            {
                yield return new Finding($"fence {cpu}", FindingKind.Note, problem);
            }

            yield return drift.Mended > 0
                ? new Finding($"fence {cpu}", FindingKind.Note, drift.ToString(), "see \"Those who break fences\" in docs/isolated.md")
                : new Finding($"fence {cpu}", FindingKind.Good, FenceKeeper.IsThere ? "whole, and watched" : "whole, but nobody watches it");
        }

        if (Runs("irqbalance"))
        {
            yield return new Finding("irqbalance", FindingKind.Note,
                "it runs, and puts interrupts onto fenced cpus, from where they are taken again within a second",
                "tell it which: IRQBALANCE_BANNED_CPULIST in /etc/default/irqbalance, or stop it");
        }
    }

    private static bool Runs(string program) => Directory.EnumerateDirectories("/proc")
        .Any(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0]) && LinuxFile.TryRead(Path.Combine(folder, "comm")) == program);

    private static unsafe IEnumerable<Finding> RealTime()
    {
        List<Finding> findings = [];
        string? runtime = LinuxFile.TryRead(Scheduling.ThrottleFile);
        findings.Add(Scheduling.IsThrottledHere()
            ? new Finding("scheduling", FindingKind.Note,
                $"Linux throttles SCHED_FIFO (kernel.sched_rt_runtime_us = {runtime}): isolated services run as SCHED_OTHER, nice -20, and "
                + $"lose nothing to the throttle",
                "'service start --scheduling fifo' lifts it until the service stops; see docs/isolated.md first")
            : new Finding("scheduling", FindingKind.Good, "SCHED_FIFO is not throttled: isolated services use it"));
        ulong* limit = stackalloc ulong[2];
        bool known = ProcessCalls.GetLimit(MemoryLockLimit, limit) == 0;
        findings.Add(known && limit[0] >= LockedMemoryMin
            ? new Finding("memlock", FindingKind.Good, "memory can be locked")
            : new Finding("memlock", FindingKind.Note,
                "the limit of locked memory is low: root's right to lock (CAP_IPC_LOCK) is used instead",
                "ulimit -l unlimited"));
        return findings;
    }

    private static IEnumerable<Finding> Network()
    {
        int socket = NetworkCalls.Socket(NetworkCalls.FamilyXdp, NetworkCalls.TypeRaw | NetworkCalls.CloseOnExec, 0);
        if (socket >= 0)
        {
            _ = Libc.Close(socket);
        }

        yield return socket >= 0
            ? new Finding("af_xdp", FindingKind.Good, "the kernel has AF_XDP: isolated services reach any network device")
            : new Finding("af_xdp", FindingKind.Note,
                "no AF_XDP sockets: isolated services reach no network device",
                "a kernel with CONFIG_XDP_SOCKETS, and root's rights (CAP_NET_RAW, CAP_BPF) in a container");
        yield return File.Exists("/dev/net/tun")
            ? new Finding("tap", FindingKind.Good, "/dev/net/tun is there: Linux keeps its network behind an isolated service")
            : new Finding("tap", FindingKind.Note, "no /dev/net/tun: isolated services have no host port", "modprobe tun");
    }

    /// <summary>/sys/kernel/security/lockdown has the state in brackets: "none [integrity] confidentiality".</summary>
    private static string? Lockdown()
    {
        string? text = LinuxFile.TryRead("/sys/kernel/security/lockdown");
        int start = text?.IndexOf('[', StringComparison.Ordinal) ?? -1;
        int end = text?.IndexOf(']', StringComparison.Ordinal) ?? -1;
        return start >= 0 && end > start ? text![(start + 1)..end] : null;
    }
}

using System.IO;
using System.Linq;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation;

/// <summary>
/// The choice between SCHED_FIFO and the ordinary class. A FIFO thread that never sleeps is throttled by Linux
/// (sched_rt_runtime_us: 50 ms of each second by default), and without that it starves the kernel's own threads of its cpu, for which others
/// may wait. From 6.12 on Linux lets those have 50 ms when they want to run, and takes nothing otherwise. docs/isolated.md has more.
/// </summary>
public static class Scheduling
{
    /// <summary>SCHED_FIFO's lowest priority: the kernel's threads that are real-time, such as the watchdog's, stay above.</summary>
    public const int FifoPriority = 1;

    /// <summary>The highest priority of the ordinary class.</summary>
    public const int Nice = -20;

    /// <summary>The file of the throttle.</summary>
    public const string ThrottleFile = "/proc/sys/kernel/sched_rt_runtime_us";

    /// <summary>Whether a FIFO thread that never sleeps loses time to the throttle.</summary>
    /// <param name="release">Linux's release, as in "6.1.0-18-amd64".</param>
    /// <param name="runtimeUs">Text of <see cref="ThrottleFile"/>.</param>
    /// <param name="groups">Whether the kernel has real-time groups (CONFIG_RT_GROUP_SCHED), which throttle in every version.</param>
    public static bool IsThrottled(string release, string? runtimeUs, bool groups)
        => runtimeUs?.Trim() is { } text && text != "-1" && (groups || !IsAtLeast(release, 6, 12));

    /// <summary>Whether this machine throttles.</summary>
    public static bool IsThrottledHere() => IsThrottled(Release(), LinuxFile.TryRead(ThrottleFile), HasGroups());

    /// <summary>Returns the throttle as it was before it was lifted for a service on another isolated core.</summary>
    /// <returns>Null when it was not.</returns>
    internal static string? LiftedFrom(int cpu)
        => FenceRecord.List().Where(other => other != cpu)
            .Select(other => FenceRecord.Read(other) is { } fence ? RunRecord.Read(fence.Folder)?.ThrottleBefore : null)
            .FirstOrDefault(before => before is not null);

    /// <summary>Puts the throttle back as it was before a service, unless another wants it lifted, too.</summary>
    internal static void PutBack(string? before, int cpu)
    {
        if (before is not null && LiftedFrom(cpu) is null)
        {
            _ = LinuxFile.TryPutBack(ThrottleFile, before);
        }
    }

    /// <summary>Linux's release.</summary>
    public static string Release() => LinuxFile.TryRead("/proc/sys/kernel/osrelease") ?? "0.0";

    /// <summary>Compares the first two numbers of a release.</summary>
    public static bool IsAtLeast(string release, int major, int minor)
    {
        string[] parts = release.Split('.', '-');
        return parts.Length >= 2 && int.TryParse(parts[0], out int first) && int.TryParse(parts[1], out int second)
            && (first, second).CompareTo((major, minor)) >= 0;
    }

    // Only a kernel with real-time groups shows this file in the cgroups of the cpu controller.
    private static bool HasGroups()
        => KernelConfig.Has("CONFIG_RT_GROUP_SCHED")
            ?? (File.Exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us") || File.Exists("/sys/fs/cgroup/cpu,cpuacct/cpu.rt_runtime_us"));
}

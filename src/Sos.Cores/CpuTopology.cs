using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Sos.Cores;

/// <summary>A cpu as Linux sees it.</summary>
/// <param name="Id">Logical id.</param>
/// <param name="Online">Whether Linux uses it.</param>
/// <param name="Package">Physical package, -1 if unknown (Linux tells it of online cpus only).</param>
/// <param name="Core">Core within the package, -1 if unknown.</param>
/// <param name="Siblings">Other cpus of the same physical core that are online.</param>
/// <param name="HotPluggable">Whether Linux can unplug it.</param>
public sealed record CpuInfo(int Id, bool Online, int Package, int Core, IReadOnlyList<int> Siblings, bool HotPluggable);

/// <summary>A thread that may run on one cpu only.</summary>
/// <param name="ThreadId">Its id.</param>
/// <param name="Name">Its name.</param>
public sealed record PinnedThread(int ThreadId, string Name);

/// <summary>The machine's cpus, and what holds them.</summary>
public sealed class CpuTopology
{
    /// <summary>PF_KTHREAD of the kernel's linux/sched.h.</summary>
    private const uint KernelThreadFlag = 0x0020_0000;

    private readonly string _sys;
    private readonly string _proc;

    /// <summary>Reads below the given mounts of sysfs and procfs.</summary>
    public CpuTopology(string sys = "/sys", string proc = "/proc")
    {
        _sys = sys;
        _proc = proc;
    }

    /// <summary>All cpus that Linux knows, in ascending order.</summary>
    public IReadOnlyList<CpuInfo> List()
    {
        string root = Path.Combine(_sys, "devices/system/cpu");
        HashSet<int> online = [.. ParseList(ReadText(Path.Combine(root, "online")))];
        List<CpuInfo> cpus = [];
        foreach (int id in ParseList(ReadText(Path.Combine(root, "present"))))
        {
            string folder = Path.Combine(root, $"cpu{id}");
            cpus.Add(new CpuInfo(
                id,
                online.Contains(id),
                ParseNumber(ReadText(Path.Combine(folder, "topology/physical_package_id"))),
                ParseNumber(ReadText(Path.Combine(folder, "topology/core_id"))),
                [.. ParseList(ReadText(Path.Combine(folder, "topology/thread_siblings_list"))).Where(other => other != id)],
                File.Exists(Path.Combine(folder, "online"))));
        }

        return cpus;
    }

    /// <summary>Finds user threads that may run on <paramref name="cpu"/> alone: without it Linux would break their affinity.</summary>
    public IReadOnlyList<PinnedThread> FindPinnedThreads(int cpu)
    {
        List<PinnedThread> pinned = [];
        foreach (string process in Directory.EnumerateDirectories(_proc).Where(IsNumbered))
        {
            try
            {
                foreach (string thread in Directory.EnumerateDirectories(Path.Combine(process, "task")))
                {
                    if (TryReadPinned(thread, cpu, out PinnedThread? found))
                    {
                        pinned.Add(found!);
                    }
                }
            }
            catch (IOException)
            {
                // It ended while we looked.
            }
        }

        return pinned;
    }

    /// <summary>Says why a cpu should not be taken from Linux.</summary>
    /// <param name="cpu">Its logical id.</param>
    /// <param name="force">Whether pinned threads may lose their affinity.</param>
    /// <param name="held">Cores that SOS holds though Linux counts them as its own.</param>
    /// <exception cref="SosException">It should not; the message says why and what to do.</exception>
    public void CheckReservable(int cpu, bool force, params IEnumerable<int> held)
    {
        if (cpu == 0)
        {
            throw new SosException(SosError.Refused, "cpu 0 stays with Linux, which runs what cannot be moved there: choose another");
        }

        IReadOnlyList<CpuInfo> cpus = List();
        CpuInfo? info = cpus.FirstOrDefault(candidate => candidate.Id == cpu);
        if (info is null)
        {
            throw new SosException(SosError.NotFound, $"there is no cpu {cpu}: this machine has {FormatList(cpus.Select(other => other.Id))}");
        }

        if (!info.Online)
        {
            throw new SosException(
                SosError.Refused,
                $"cpu {cpu} is not online: it is a service core already ('sosctl core list' shows it), or was taken offline "
                + $"('echo 1 > /sys/devices/system/cpu/cpu{cpu}/online' brings it back)");
        }

        if (cpus.Count(other => other.Online && !held.Contains(other.Id)) < 2)
        {
            throw new SosException(SosError.Refused, $"cpu {cpu} is the last one that Linux has: release another first");
        }

        IReadOnlyList<PinnedThread> pinned = FindPinnedThreads(cpu);
        if (pinned.Count > 0 && !force)
        {
            string list = string.Join(", ", pinned.Take(8).Select(thread => $"{thread.Name} ({thread.ThreadId})"));
            string more = pinned.Count > 8 ? $" and {pinned.Count - 8} more" : "";
            throw new SosException(
                SosError.Refused,
                $"{pinned.Count} thread(s) may run on cpu {cpu} only: {list}{more}; move them ('taskset -p'), "
                + "choose another cpu, or let Linux move them with --force");
        }
    }

    /// <summary>Reads a list of cpus as sysfs writes it: "0-2,5".</summary>
    public static IReadOnlyList<int> ParseList(string text)
    {
        List<int> cpus = [];
        foreach (string part in text.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-');
            if (int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                && int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last))
            {
                for (int cpu = first; cpu <= last; cpu++)
                {
                    cpus.Add(cpu);
                }
            }
        }

        return cpus;
    }

    /// <summary>Writes cpus as people read them: "0, 1, 5".</summary>
    public static string FormatList(IEnumerable<int> cpus) => string.Join(", ", cpus);

    private bool TryReadPinned(string thread, int cpu, out PinnedThread? pinned)
    {
        pinned = null;
        string status = ReadText(Path.Combine(thread, "status"));
        string? allowed = Field(status, "Cpus_allowed_list:");
        if (allowed is null || allowed != cpu.ToString(CultureInfo.InvariantCulture))
        {
            return false;
        }

        // The name in parentheses may hold anything; the fields behind it start with the state (proc(5), stat: field 3; flags: field 9).
        string stat = ReadText(Path.Combine(thread, "stat"));
        string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 7 || !uint.TryParse(fields[6], CultureInfo.InvariantCulture, out uint flags) || (flags & KernelThreadFlag) != 0)
        {
            return false;
        }

        pinned = new PinnedThread(ParseNumber(Path.GetFileName(thread)), Field(status, "Name:") ?? "?");
        return true;
    }

    private static string? Field(string status, string name)
        => status.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim();

    private static bool IsNumbered(string path) => Path.GetFileName(path).All(char.IsAsciiDigit);

    private static int ParseNumber(string text)
        => int.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : -1;

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Linux shows no topology of an offline cpu, and threads end while we look.
            return "";
        }
    }
}

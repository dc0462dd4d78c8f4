using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation;

/// <summary>Where a thread may run, and which thread it is for sure: Linux gives ids out again.</summary>
/// <param name="Process">Id of its process.</param>
/// <param name="Thread">Its id.</param>
/// <param name="Parent">Id of the process that started its process.</param>
/// <param name="StartTime">When it was started, in clock ticks since boot.</param>
/// <param name="Movable">Whether Linux lets its affinity be changed: it does not for the kernel's own threads that belong to a cpu.</param>
/// <param name="Cpus">Where it may run.</param>
public sealed record ThreadMask(int Process, int Thread, int Parent, ulong StartTime, bool Movable, CpuSet Cpus)
{
    private const uint FixedAffinityFlag = 0x0400_0000; // PF_NO_SETAFFINITY of the kernel's linux/sched.h

    /// <summary>All threads of the machine, the kernel's too.</summary>
    public static IReadOnlyList<ThreadMask> ReadAll(string proc = "/proc")
    {
        List<ThreadMask> threads = [];
        foreach (string process in Directory.EnumerateDirectories(proc).Where(folder => Path.GetFileName(folder).All(char.IsAsciiDigit)))
        {
            threads.AddRange(OfProcess(int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture), proc));
        }

        return threads;
    }

    /// <summary>The threads of a process; none when it has ended.</summary>
    public static IReadOnlyList<ThreadMask> OfProcess(int process, string proc = "/proc")
    {
        List<ThreadMask> threads = [];
        try
        {
            string folder = Path.Combine(proc, process.ToString(CultureInfo.InvariantCulture), "task");
            foreach (string thread in Directory.Exists(folder) ? Directory.EnumerateDirectories(folder) : [])
            {
                if (Read(process, thread) is { } found)
                {
                    threads.Add(found);
                }
            }
        }
        catch (IOException)
        {
            // It ended while we looked.
        }

        return threads;
    }

    /// <summary>Reads when a process was started, in clock ticks since boot.</summary>
    /// <returns>Null when there is no such process, or all its threads have ended and it waits for its parent to notice.</returns>
    public static ulong? StartTimeOf(int process, string proc = "/proc")
    {
        string folder = Path.Combine(proc, process.ToString(CultureInfo.InvariantCulture));
        string[]? fields = StatFields(folder);
        return fields is null || fields[0] == "X" || (fields[0] == "Z" && !HasOtherThreads(folder))
            ? null
            : ulong.Parse(fields[19], CultureInfo.InvariantCulture);
    }

    /// <summary>Whether a process was stopped by a signal; a debugger's hold is none.</summary>
    public static bool IsStopped(int process, string proc = "/proc")
        => StatFields(Path.Combine(proc, process.ToString(CultureInfo.InvariantCulture))) is ["T", ..];

    // The first thread of a process may end before the others, as any of them does when all are killed. It is a zombie until they have ended, too,
    // and what the process has open, a TAP device for one, is closed by the last of them. A thread closes before it leaves this folder.
    private static bool HasOtherThreads(string folder)
    {
        try
        {
            return Directory.EnumerateDirectories(Path.Combine(folder, "task")).Skip(1).Any();
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static ThreadMask? Read(int process, string folder)
    {
        string[]? fields = StatFields(folder);
        string? allowed = LinuxFile.TryRead(Path.Combine(folder, "status"))?.Split('\n')
            .FirstOrDefault(line => line.StartsWith("Cpus_allowed_list:", System.StringComparison.Ordinal));
        if (fields is null || allowed is null)
        {
            return null;
        }

        bool movable = (uint.Parse(fields[6], CultureInfo.InvariantCulture) & FixedAffinityFlag) == 0;
        return new ThreadMask(
            process, int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture), int.Parse(fields[1], CultureInfo.InvariantCulture),
            ulong.Parse(fields[19], CultureInfo.InvariantCulture), movable, CpuSet.ParseList(allowed[(allowed.IndexOf(':') + 1)..]));
    }

    // proc(5): behind the name in parentheses, which may hold anything, stand state, ppid, ..., flags (9th of all), ..., starttime (22nd).
    private static string[]? StatFields(string folder)
    {
        string? stat = LinuxFile.TryRead(Path.Combine(folder, "stat"));
        string[] fields = stat?[(stat.LastIndexOf(')') + 1)..].Split(' ', System.StringSplitOptions.RemoveEmptyEntries) ?? [];
        return fields.Length > 19 ? fields : null;
    }
}

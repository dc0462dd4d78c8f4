using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation;

/// <summary>Keeps everything that can be moved off a cpu, and puts it all back.</summary>
public static class CpuFence
{
    /// <summary>A thread that starts others while it is moved may have them miss it: their affinity is looked at again, so often.</summary>
    private const int PassesMax = 10;

    /// <summary>Builds a fence.</summary>
    /// <param name="cpu">The cpu; Linux has it online.</param>
    /// <param name="notes">What a person should know though it works.</param>
    /// <returns>The record, written.</returns>
    /// <exception cref="SosException">It could not be built; everything is as before.</exception>
    public static FenceRecord Build(int cpu, List<string> notes)
    {
        (FenceMethod method, string? root, string reason) = CpusetGroup.Find();
        FenceRecord record = new()
        {
            Cpu = cpu,
            Method = method,
            Folder = SharedFolder(cpu),
            Threads = [.. ThreadMask.ReadAll().Where(thread => thread.Movable)
                .Select(thread => new FencedThread(thread.Thread, thread.StartTime, thread.Cpus.ToString(), null))],
            Settings = [.. FenceSettings.Naming(cpu)],
        };
        if (reason.Length > 0)
        {
            notes.Add(reason);
        }

        record.Write();
        try
        {
            if (root is not null)
            {
                record = CpusetGroup.Make(record, root, notes);
                record.Write();
            }

            CpuSet away = Allowed(cpu);
            record = MoveThreads(record, away, notes) with { Settings = FenceSettings.Move(record, away, notes) };
            record = record with { Complete = true };
            record.Write();
            return record;
        }
        catch
        {
            Remove(FenceRecord.Read(cpu) ?? record, notes);
            throw;
        }
    }

    /// <summary>Takes a fence down: what it changed and nobody else has changed since is as it was before.</summary>
    /// <exception cref="SosException">The cpu is not Linux's again; the record is kept, and it may be repeated.</exception>
    public static void Remove(FenceRecord record, List<string> notes)
    {
        CpuSet others = CpuSet.Of(FenceRecord.List().Where(cpu => cpu != record.Cpu));

        // Decided before the cpuset goes: taking that down changes affinities too.
        List<(int Thread, CpuSet Cpus)> targets = FindTargets(record, others);
        FenceSettings.PutBack(record, others, notes);
        CpusetGroup.Remove(record);
        Dictionary<int, CpuSet> now = ThreadMask.ReadAll().ToDictionary(thread => thread.Thread, thread => thread.Cpus);
        foreach ((int thread, CpuSet cpus) in targets)
        {
            // A thread may end meanwhile, which is the only way in which a second try fails.
            if (now.TryGetValue(thread, out CpuSet? current) && !current.Equals(cpus) && cpus.Bind(thread) != 0)
            {
                _ = cpus.Bind(thread);
            }
        }

        if (Directory.Exists(record.Folder))
        {
            Directory.Delete(record.Folder, recursive: true);
        }

        // The record goes last: as long as it is there, all of this may be repeated.
        DeviceDrift.Delete(record.Cpu);
        FenceDrift.Delete(record.Cpu);
        FenceRecord.Delete(record.Cpu);
    }

    /// <summary>Where everything else may run: all cpus that Linux has, without those that are fenced.</summary>
    internal static CpuSet Allowed(int cpu)
    {
        CpuSet online = CpuSet.Of(new CpuTopology().List().Where(info => info.Online).Select(info => info.Id));
        return online.Except(CpuSet.Of(FenceRecord.List())).Without(cpu);
    }

    private static FenceRecord MoveThreads(FenceRecord record, CpuSet away, List<string> notes)
    {
        Dictionary<(int, ulong), FencedThread> known = record.Threads.ToDictionary(thread => (thread.Thread, thread.StartTime));
        HashSet<int> stuck = [];
        for (int pass = 0, moved = 1; pass < PassesMax && moved > 0; pass++)
        {
            moved = 0;
            foreach (ThreadMask thread in ThreadMask.ReadAll())
            {
                if (!thread.Movable || !thread.Cpus.Contains(record.Cpu) || stuck.Contains(thread.Thread))
                {
                    continue;
                }

                CpuSet rest = thread.Cpus.Without(record.Cpu);
                known.TryAdd((thread.Thread, thread.StartTime), new FencedThread(thread.Thread, thread.StartTime, thread.Cpus.ToString(), null));
                int errno = (rest.IsEmpty ? away : rest).Bind(thread.Thread);
                moved++;
                if (errno != 0)
                {
                    stuck.Add(thread.Thread);
                }
            }
        }

        Dictionary<(int, ulong), ThreadMask> now = ThreadMask.ReadAll().ToDictionary(thread => (thread.Thread, thread.StartTime));
        int left = now.Values.Count(thread => thread.Movable && thread.Cpus.Contains(record.Cpu));
        if (left > 0)
        {
            notes.Add($"{left} thread(s) may still run on cpu {record.Cpu}: Linux did not let them be moved");
        }

        return record with
        {
            Threads = [.. known.Where(pair => now.ContainsKey(pair.Key)).Select(pair => pair.Value with { After = now[pair.Key].Cpus.ToString() })],
        };
    }

    private static List<(int Thread, CpuSet Cpus)> FindTargets(FenceRecord record, CpuSet others)
    {
        CpuSet fenced = others.With(record.Cpu);
        IReadOnlyList<ThreadMask> threads = ThreadMask.ReadAll();
        Dictionary<(int, ulong), FencedThread> known = record.Threads.ToDictionary(thread => (thread.Thread, thread.StartTime));
        Dictionary<int, ThreadMask> processes = threads.Where(thread => thread.Thread == thread.Process).ToDictionary(thread => thread.Process);
        List<(int, CpuSet)> targets = [];
        foreach (ThreadMask thread in threads.Where(thread => thread.Movable))
        {
            bool isKnown = known.TryGetValue((thread.Thread, thread.StartTime), out FencedThread? origin);
            origin ??= record.Method == FenceMethod.Partition ? null : FindOrigin(thread, processes, known);
            if (origin is null)
            {
                continue;
            }

            // Without a second half the fence was interrupted as it was built: what it would have left behind is known.
            CpuSet before = CpuSet.ParseList(origin.Before);
            CpuSet after = origin.After is null ? before : CpuSet.ParseList(origin.After);
            bool untouched = after.Except(fenced).Equals(thread.Cpus.Except(fenced)) || (origin.After is null && isKnown);
            CpuSet target = untouched ? before.Except(others) : thread.Cpus;
            if (!target.IsEmpty && (isKnown || untouched))
            {
                targets.Add((thread.Thread, target));
            }
        }

        return targets;
    }

    /// <summary>A thread that was started since has the affinity of the one that started it: the nearest ancestor that is known.</summary>
    private static FencedThread? FindOrigin(
        ThreadMask thread, Dictionary<int, ThreadMask> processes, Dictionary<(int, ulong), FencedThread> known)
    {
        int process = thread.Thread == thread.Process ? thread.Parent : thread.Process;
        for (int steps = 0; steps < 256 && processes.TryGetValue(process, out ThreadMask? ancestor); steps++)
        {
            if (known.TryGetValue((ancestor.Thread, ancestor.StartTime), out FencedThread? origin))
            {
                return origin;
            }

            process = ancestor.Parent;
        }

        return null;
    }

    /// <summary>On a file system of memory: on a disk the pages that a service writes would be written back, each with a fault.</summary>
    private static string SharedFolder(int cpu)
    {
        bool inMemory = DriveInfo.GetDrives().Any(drive => drive is { Name: "/run", DriveFormat: "tmpfs" });
        return Path.Combine(inMemory ? CoreRecord.DefaultFolder : "/dev/shm/sos", $"core-{cpu}");
    }
}

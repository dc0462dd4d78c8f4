using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation;

/// <summary>
/// Looks whether a fence still stands, and mends it: irqbalance puts interrupts wherever it likes, a container with a cpuset takes the cpu back, and a cpu that
/// goes offline takes the affinity of its service with it.
/// </summary>
internal static class FenceWatch
{
    private const string OnlineFile = "/sys/devices/system/cpu/online";

    /// <summary>Looks once, under the fences' lock.</summary>
    /// <param name="record">The fence.</param>
    /// <param name="drift">What was found before; what is found now, too.</param>
    /// <returns>The record, with what the fence was to put back by now; the same when there is nothing new.</returns>
    public static FenceRecord Look(FenceRecord record, ref FenceDrift drift)
    {
        if (!record.Complete)
        {
            return record; // Half a fence is for 'core release'.
        }

        if (!IsOnline(record.Cpu))
        {
            string problem = $"cpu {record.Cpu} is offline, its service runs elsewhere: 'echo 1 > /sys/devices/system/cpu/cpu{record.Cpu}/online'";
            drift = drift.Problem == problem ? drift : drift with { Problem = problem };
            return record;
        }

        List<string> found = [];
        string? standing = CpusetGroup.Repair(record, found);
        ulong service = MendService(record, found);
        (IReadOnlyList<FencedSetting> settings, ulong interrupts) = MendSettings(record, found);
        (IReadOnlyList<FencedThread> threads, ulong moved) = CpusetGroup.HoldsTasks(record) ? (record.Threads, 0) : MendThreads(record, found);
        drift = drift.Problem == standing ? drift : drift with { Problem = standing };
        if (found.Count == 0)
        {
            return record;
        }

        drift = new FenceDrift(
            drift.Interrupts + interrupts, drift.Threads + moved, drift.Service + service, string.Join("; ", found.Take(3)), DateTimeOffset.UtcNow, standing);
        return record with { Settings = settings, Threads = threads };
    }

    private static bool IsOnline(int cpu) => LinuxFile.TryRead(OnlineFile) is not { } online || CpuSet.ParseList(online).Contains(cpu);

    private static IEnumerable<(string Path, string Text)> Broken(FenceRecord record)
    {
        // What Linux did not let go when the fence was built, it does not let go now.
        HashSet<string> stuck = [.. record.Settings
            .Where(setting => setting.After is { } after && FenceSettings.Parse(setting.Path, after).Contains(record.Cpu)).Select(setting => setting.Path)];
        return FenceSettings.Naming(record.Cpu).Where(setting => !stuck.Contains(setting.Path)).Select(setting => (setting.Path, setting.Before));
    }

    private static (IReadOnlyList<FencedSetting> Settings, ulong Count) MendSettings(FenceRecord record, List<string> found)
    {
        Dictionary<string, FencedSetting> settings = record.Settings.ToDictionary(setting => setting.Path);
        ulong count = 0;
        foreach ((string path, string text) in Broken(record))
        {
            CpuSet rest = FenceSettings.Parse(path, text).Without(record.Cpu);
            string target = settings.TryGetValue(path, out FencedSetting? known) && known.After is { } after
                ? after
                : FenceSettings.Format(path, rest.IsEmpty ? CpuFence.Allowed(record.Cpu) : rest);
            string? problem = LinuxFile.TryWrite(path, target);
            string now = LinuxFile.TryRead(path) ?? target;
            settings[path] = known is null ? new FencedSetting(path, text, now) : known with { After = now };
            found.Add($"{path} was \"{text}\"{(problem is null ? "" : $" and stays so: {problem}")}");
            count++;
        }

        return ([.. settings.Values], count);
    }

    /// <summary>A service runs on its cpu, in its cpuset, and nowhere else.</summary>
    private static ulong MendService(FenceRecord record, List<string> found)
    {
        CpuSet own = CpuSet.Of(record.Cpu);
        if (RunRecord.Read(record.Folder) is not { IsOurNamespace: true, RunnerLives: true } run
            || ThreadMask.OfProcess(run.Runner).FirstOrDefault(thread => !thread.Cpus.Equals(own)) is not { } strayed)
        {
            return found.Count > 0 ? 1u : 0u;
        }

        // Version 1 of cgroups puts the tasks of a cpuset whose cpu goes offline into the one above.
        CpusetGroup.Enter(record, run.Runner);
        foreach (ThreadMask thread in ThreadMask.OfProcess(run.Runner).Where(thread => !thread.Cpus.Equals(own)))
        {
            _ = own.Bind(thread.Thread);
        }

        found.Add($"the service might run on cpu {strayed.Cpus}");
        return 1;
    }

    private static (IReadOnlyList<FencedThread> Threads, ulong Count) MendThreads(FenceRecord record, List<string> found)
    {
        int runner = RunRecord.Read(record.Folder)?.Runner ?? 0;
        Dictionary<(int, ulong), FencedThread> known = record.Threads.ToDictionary(thread => (thread.Thread, thread.StartTime));
        ulong count = 0;
        foreach (ThreadMask thread in ThreadMask.ReadAll().Where(thread => thread.Movable && thread.Process != runner && thread.Cpus.Contains(record.Cpu)))
        {
            known.TryGetValue((thread.Thread, thread.StartTime), out FencedThread? before);
            if (before?.After is { } after && CpuSet.ParseList(after).Contains(record.Cpu))
            {
                continue; // It could not be moved when the fence was built.
            }

            CpuSet rest = thread.Cpus.Without(record.Cpu);
            rest = rest.IsEmpty ? CpuFence.Allowed(record.Cpu) : rest;
            if (rest.Bind(thread.Thread) == 0)
            {
                // Whoever set it meant it: that is what it gets back.
                known[(thread.Thread, thread.StartTime)] = new FencedThread(thread.Thread, thread.StartTime, thread.Cpus.ToString(), rest.ToString());
                found.Add($"thread {thread.Thread} of process {thread.Process} might run there");
                count++;
            }
        }

        return ([.. known.Values], count);
    }
}

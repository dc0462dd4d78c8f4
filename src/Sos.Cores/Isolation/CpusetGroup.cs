using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Sos.Cores.Isolation;

/// <summary>The cgroup that a fenced cpu has: an isolated partition of cgroup v2, or a cpuset of cgroup v1.</summary>
internal static class CpusetGroup
{
    /// <summary>Finds out what this machine has.</summary>
    /// <returns>The method, the root of its hierarchy, and why it is not the best one.</returns>
    public static (FenceMethod Method, string? Root, string Reason) Find(string mounts = "/proc/self/mounts")
    {
        string[][] lines = [.. (LinuxFile.TryRead(mounts) ?? "").Split('\n').Select(line => line.Split(' ')).Where(fields => fields.Length > 3)];
        string? unified = lines.FirstOrDefault(fields => fields[2] == "cgroup2" && Controllers(fields[1]).Contains("cpuset"))?[1];
        if (unified is not null && !IsWritable(Path.Combine(unified, "cgroup.subtree_control")))
        {
            return (FenceMethod.Affinity, null, "cgroup v2 is there but cannot be written, as in a container: affinities alone keep tasks away");
        }

        if (unified is not null)
        {
            return (FenceMethod.Partition, unified, "");
        }

        string? legacy = lines.FirstOrDefault(fields => fields[2] == "cgroup" && fields[3].Split(',').Contains("cpuset"))?[1];
        return legacy is not null && IsWritable(Path.Combine(legacy, "cgroup.procs"))
            ? (FenceMethod.Cpuset, legacy, "cgroup v1 has the cpusets: affinities keep tasks away, which a task with the right to may change")
            : (FenceMethod.Affinity, null, "no cpuset is to be had: affinities alone keep tasks away, which a task with the right to may change");
    }

    /// <summary>Makes the group.</summary>
    /// <returns>The record with what was made; a partition that Linux finds invalid is given up for affinities, with a note.</returns>
    public static FenceRecord Make(FenceRecord record, string root, List<string> notes)
    {
        string group = Path.Combine(root, $"sos-{record.Cpu}");
        return record.Method == FenceMethod.Partition ? MakePartition(record, root, group, notes) : MakeCpuset(record, root, group);
    }

    /// <summary>Puts a process that is to run on the cpu into the group.</summary>
    /// <exception cref="SosException">Linux refuses, and without it the process may not run there.</exception>
    public static void Enter(FenceRecord record, int process)
    {
        if (record.Cgroup is null)
        {
            return;
        }

        // Inside 'ip netns exec' there is another /sys, without cgroups: the first process has the one that is meant.
        string file = Path.Combine(record.Cgroup, "cgroup.procs");
        file = File.Exists(file) ? file : "/proc/1/root" + file;
        string? problem = LinuxFile.TryWrite(file, $"{process}");

        // A cpuset of cgroup v1 takes nothing from the other tasks: outside of it the cpu can be had, too.
        if (problem is not null && record.Method == FenceMethod.Partition)
        {
            throw new SosException(
                SosError.Failed, $"process {process} could not be put into {file}: {problem}; use 'nsenter --net=...' in place of 'ip netns exec'");
        }
    }

    /// <summary>Removes the group.</summary>
    public static void Remove(FenceRecord record, List<string> notes)
    {
        if (record.Cgroup is not { } group || !Directory.Exists(group))
        {
            return;
        }

        try
        {
            string partition = Path.Combine(group, "cpuset.cpus.partition");
            if (record.Method == FenceMethod.Partition && File.Exists(partition))
            {
                _ = LinuxFile.TryWrite(partition, "member");
            }

            Directory.Delete(group);
            if (record.ControllerFile is { } file && !Directory.EnumerateDirectories(Path.GetDirectoryName(file)!, "sos-*").Any())
            {
                _ = LinuxFile.TryWrite(file, "-cpuset");
            }
        }
        catch (IOException e)
        {
            notes.Add($"{group} could not be removed: {e.Message}");
        }
    }

    private static FenceRecord MakePartition(FenceRecord record, string root, string group, List<string> notes)
    {
        string control = Path.Combine(root, "cgroup.subtree_control");
        bool enabled = (LinuxFile.TryRead(control) ?? "").Split(' ').Contains("cpuset");
        record = record with { Cgroup = group, ControllerFile = enabled ? null : control };
        record.Write();
        if (!enabled)
        {
            LinuxFile.Write(control, "+cpuset");
        }

        Directory.CreateDirectory(group);
        LinuxFile.Write(Path.Combine(group, "cpuset.cpus"), $"{record.Cpu}");
        string exclusive = Path.Combine(group, "cpuset.cpus.exclusive");
        if (File.Exists(exclusive))
        {
            _ = LinuxFile.TryWrite(exclusive, $"{record.Cpu}"); // Linux 6.7 and later; cpuset.cpus alone makes a valid partition too
        }

        string partition = Path.Combine(group, "cpuset.cpus.partition");
        string? problem = LinuxFile.TryWrite(partition, "isolated");
        string state = LinuxFile.TryRead(partition) ?? "unknown";
        if (problem is null && state == "isolated")
        {
            return record;
        }

        notes.Add($"Linux makes no isolated partition of cpu {record.Cpu} ({problem ?? state}): affinities alone keep tasks away");
        Remove(record, notes);
        return record with { Method = FenceMethod.Affinity, Cgroup = null, ControllerFile = null };
    }

    private static FenceRecord MakeCpuset(FenceRecord record, string root, string group)
    {
        record = record with { Cgroup = group };
        record.Write();
        Directory.CreateDirectory(group);
        LinuxFile.Write(Path.Combine(group, "cpuset.cpus"), $"{record.Cpu}");
        LinuxFile.Write(Path.Combine(group, "cpuset.mems"), LinuxFile.TryRead(Path.Combine(root, "cpuset.mems")) ?? "0");
        LinuxFile.Write(Path.Combine(group, "cpuset.sched_load_balance"), "0");
        return record;
    }

    private static string[] Controllers(string root) => (LinuxFile.TryRead(Path.Combine(root, "cgroup.controllers")) ?? "").Split(' ');

    private static bool IsWritable(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

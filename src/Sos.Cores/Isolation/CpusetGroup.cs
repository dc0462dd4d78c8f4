using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation;

/// <summary>The cgroup that a fenced cpu has: an isolated partition of cgroup v2, or a cpuset of cgroup v1.</summary>
internal static class CpusetGroup
{
    private const int RemoveTriesMax = 100;
    private const int RemovePauseMs = 10;

    /// <summary>Finds out what this machine has.</summary>
    /// <returns>The method, the root of its hierarchy, and why it is not the best one.</returns>
    public static (FenceMethod Method, string? Root, string Reason) Find(string mounts = "/proc/self/mounts", string firstMounts = "/proc/1/mounts")
    {
        string[][] lines = ReadMounts(mounts);
        lines = lines.Any(fields => fields[2] is "cgroup" or "cgroup2") ? lines : ReadMounts(firstMounts);
        string? unified = lines.FirstOrDefault(fields => fields[2] == "cgroup2" && Controllers(fields[1]).Contains("cpuset"))?[1];
        if (unified is not null && !IsWritable(Path.Combine(Visible(unified), "cgroup.subtree_control")))
        {
            return (FenceMethod.Affinity, null, "cgroup v2 is there but cannot be written, as in a container: affinities alone keep tasks away");
        }

        if (unified is not null)
        {
            return (FenceMethod.Partition, unified, "");
        }

        string? legacy = lines.FirstOrDefault(fields => fields[2] == "cgroup" && fields[3].Split(',').Contains("cpuset"))?[1];
        return legacy is not null && IsWritable(Path.Combine(Visible(legacy), "cgroup.procs"))
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

        string file = Path.Combine(Visible(record.Cgroup), "cgroup.procs");
        string? problem = LinuxFile.TryWrite(file, $"{process}");

        // A cpuset of cgroup v1 takes nothing from the other tasks: outside of it the cpu can be had, too.
        if (problem is not null && record.Method == FenceMethod.Partition)
        {
            throw new SosException(
                SosError.Failed, $"process {process} could not be put into {file}: {problem}; use 'nsenter --net=...' in place of 'ip netns exec'");
        }
    }

    /// <summary>Removes the group, and looks that it is gone.</summary>
    /// <exception cref="SosException">It is not, or nobody can tell from here.</exception>
    public static void Remove(FenceRecord record)
    {
        if (record.Cgroup is not { } group)
        {
            return;
        }

        string root = Visible(Path.GetDirectoryName(group)!);
        if (!IsCgroup(root))
        {
            throw new SosException(
                SosError.Failed,
                $"{group} cannot be seen from here, and may still keep cpu {record.Cpu} from Linux: repeat 'sosctl core release {record.Cpu}' outside of "
                + "this namespace, as by 'nsenter --mount=/proc/1/ns/mnt'");
        }

        string visible = Path.Combine(root, Path.GetFileName(group));
        string partition = Path.Combine(visible, "cpuset.cpus.partition");
        if (record.Method == FenceMethod.Partition && File.Exists(partition))
        {
            _ = LinuxFile.TryPutBack(partition, "member"); // whether it helped shows below, where the group goes
        }

        RemoveFolder(visible, record.Cpu);
        if (record.ControllerFile is { } file && !Directory.EnumerateDirectories(root, "sos-*").Any())
        {
            _ = LinuxFile.TryPutBack(Path.Combine(root, Path.GetFileName(file)), "-cpuset"); // others may use it by now
        }
    }

    /// <summary>Puts right what others changed about the group of a cpu that is online.</summary>
    /// <param name="record">The fence.</param>
    /// <param name="found">What was put right.</param>
    /// <returns>What could not be put right; null when all is well.</returns>
    public static string? Repair(FenceRecord record, List<string> found)
    {
        string group = record.Cgroup is null ? "" : Visible(record.Cgroup);
        string cpus = Path.Combine(group, "cpuset.cpus");
        string wanted = $"{record.Cpu}";
        if (record.Method == FenceMethod.Cpuset && LinuxFile.TryRead(cpus) is { } now && now != wanted)
        {
            // Version 1 takes a cpu that goes offline out of its cpusets for good.
            string? refused = LinuxFile.TryWrite(cpus, wanted);
            found.AddRange(refused is null ? [$"{cpus} was \"{now}\""] : []);
            return refused is null ? null : $"{cpus} is \"{now}\": {refused}";
        }

        string partition = Path.Combine(group, "cpuset.cpus.partition");
        if (record.Method != FenceMethod.Partition || LinuxFile.TryRead(partition) is not { } state || state == "isolated")
        {
            return null;
        }

        _ = LinuxFile.TryWrite(cpus, wanted);
        _ = LinuxFile.TryWrite(partition, "isolated");
        string after = LinuxFile.TryRead(partition) ?? "gone";
        found.AddRange(after == "isolated" ? [$"its cpuset partition was \"{state}\""] : []);
        return after == "isolated"
            ? null
            : $"its cpuset partition is \"{after}\": another cgroup names cpu {record.Cpu} ('grep -rw {record.Cpu} /sys/fs/cgroup --include=cpuset.cpus*', "
                + "a container with --cpuset-cpus for one); tasks are moved away from it each second meanwhile";
    }

    /// <summary>Whether the kernel itself keeps other tasks away: an isolated partition that is valid.</summary>
    public static bool HoldsTasks(FenceRecord record) => record is { Method: FenceMethod.Partition, Cgroup: { } group }
        && LinuxFile.TryRead(Path.Combine(Visible(group), "cpuset.cpus.partition")) == "isolated";

    /// <summary>
    /// Inside 'ip netns exec' there is another /sys, without cgroups: the first process has the one that is meant, or any other that sees it.
    /// </summary>
    private static string Visible(string path)
    {
        if (IsCgroup(path))
        {
            return path;
        }

        IEnumerable<string> processes = Directory.EnumerateDirectories("/proc").Where(process => char.IsAsciiDigit(Path.GetFileName(process)[0]));
        return processes.Prepend("/proc/1").Select(process => process + "/root" + path).FirstOrDefault(IsCgroup) ?? path;
    }

    private static bool IsCgroup(string folder) => File.Exists(Path.Combine(folder, "cgroup.procs"));

    private static void RemoveFolder(string group, int cpu)
    {
        // A process that has just ended is counted for a moment more.
        for (int tries = 0; Directory.Exists(group); tries++)
        {
            try
            {
                Directory.Delete(group);
            }
            catch (IOException e)
            {
                if (tries >= RemoveTriesMax)
                {
                    throw new SosException(
                        SosError.Failed, $"{group} could not be removed, and keeps cpu {cpu} from Linux: {e.Message}; "
                            + $"'cat {group}/cgroup.procs' shows who is in it", e);
                }

                System.Threading.Thread.Sleep(RemovePauseMs);
            }
        }
    }

    private static string[][] ReadMounts(string path)
        => [.. (LinuxFile.TryRead(path) ?? "").Split('\n').Select(line => line.Split(' ')).Where(fields => fields.Length > 3)];

    private static FenceRecord MakePartition(FenceRecord record, string root, string group, List<string> notes)
    {
        string control = Path.Combine(Visible(root), "cgroup.subtree_control");
        bool enabled = (LinuxFile.TryRead(control) ?? "").Split(' ').Contains("cpuset");
        record = record with { Cgroup = group, ControllerFile = enabled ? null : Path.Combine(root, Path.GetFileName(control)) };
        record.Write();
        group = Path.Combine(Visible(root), Path.GetFileName(group));
        if (!enabled)
        {
            LinuxFile.Write(control, "+cpuset");
        }

        Directory.CreateDirectory(group);
        if (LinuxFile.TryWrite(Path.Combine(group, "cpuset.cpus"), $"{record.Cpu}") is { } refused)
        {
            throw new SosException(
                SosError.Refused,
                $"cpu {record.Cpu} cannot have a cpuset of its own: {refused}; another one has it for itself: "
                + "'grep -r . /sys/fs/cgroup --include=cpuset.cpus.exclusive --include=cpuset.cpus.partition' shows which");
        }

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

        notes.Add($"Linux makes no isolated partition of cpu {record.Cpu} ({problem ?? state}): another cpuset may have it for itself "
            + "('grep . /sys/fs/cgroup/*/cpuset.cpus.exclusive'); affinities alone keep tasks away");
        Remove(record);
        return record with { Method = FenceMethod.Affinity, Cgroup = null, ControllerFile = null };
    }

    private static FenceRecord MakeCpuset(FenceRecord record, string root, string group)
    {
        record = record with { Cgroup = group };
        record.Write();
        group = Path.Combine(Visible(root), Path.GetFileName(group));
        Directory.CreateDirectory(group);
        LinuxFile.Write(Path.Combine(group, "cpuset.cpus"), $"{record.Cpu}");
        LinuxFile.Write(Path.Combine(group, "cpuset.mems"), LinuxFile.TryRead(Path.Combine(Visible(root), "cpuset.mems")) ?? "0");
        LinuxFile.Write(Path.Combine(group, "cpuset.sched_load_balance"), "0");
        return record;
    }

    private static string[] Controllers(string root) => (LinuxFile.TryRead(Path.Combine(Visible(root), "cgroup.controllers")) ?? "").Split(' ');

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

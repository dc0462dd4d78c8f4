using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Sos.Cores.Reading;

/// <summary>Reads what Linux counts of an online cpu, from /proc/interrupts, /proc/softirqs and the scheduler's debug file.</summary>
public static class LinuxCountsReader
{
    /// <summary>Where Linux tells how often it switched tasks on each cpu; needs debugfs and root.</summary>
    public const string SchedulerFile = "/sys/kernel/debug/sched/debug";

    /// <summary>Reads a cpu's counters.</summary>
    /// <exception cref="SosException">The cpu is not online.</exception>
    public static LinuxCounts Read(int cpu)
    {
        string scheduler = "";
        try
        {
            scheduler = File.ReadAllText(SchedulerFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No debugfs: the switches stay unknown, the rest is known.
        }

        return Parse(cpu, File.ReadAllText("/proc/interrupts"), File.ReadAllText("/proc/softirqs"), scheduler)
            ?? throw new SosException(SosError.NotFound, $"cpu {cpu} is not online: 'sosctl core list' shows who has it");
    }

    /// <summary>Reads a cpu's counters from the files' texts.</summary>
    /// <returns>Null when the cpu is not among them.</returns>
    public static LinuxCounts? Parse(int cpu, string interrupts, string softirqs, string scheduler)
    {
        Dictionary<string, ulong>? hard = Column(cpu, interrupts);
        Dictionary<string, ulong>? soft = Column(cpu, softirqs);
        if (hard is null || soft is null)
        {
            return null;
        }

        ulong devices = 0;
        ulong others = 0;
        foreach ((string name, ulong count) in hard)
        {
            devices += name.All(char.IsAsciiDigit) ? count : 0;
            others += name is "SPU" or "PMI" or "IWI" or "PLT" or "NMI" or "TRM" or "THR" or "DFR" or "MCE" ? count : 0;
        }

        return new LinuxCounts(
            devices, hard.GetValueOrDefault("LOC"), hard.GetValueOrDefault("RES"), hard.GetValueOrDefault("CAL") + hard.GetValueOrDefault("TLB"),
            others, soft.Values.Aggregate(0UL, (sum, count) => sum + count), Switches(cpu, scheduler));
    }

    private static Dictionary<string, ulong>? Column(int cpu, string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] header = lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        int column = Array.IndexOf(header, $"CPU{cpu}");
        if (column < 0)
        {
            return null;
        }

        Dictionary<string, ulong> counts = [];
        foreach (string line in lines.Skip(1))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > column + 1 && ulong.TryParse(words[column + 1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong count))
            {
                counts[words[0].TrimEnd(':')] = count;
            }
        }

        return counts;
    }

    private static ulong Switches(int cpu, string scheduler)
    {
        bool here = false;
        foreach (string line in scheduler.Split('\n'))
        {
            if (line.StartsWith("cpu#", StringComparison.Ordinal))
            {
                here = line.StartsWith($"cpu#{cpu},", StringComparison.Ordinal) || line == $"cpu#{cpu}";
            }
            else if (here && line.TrimStart().StartsWith(".nr_switches", StringComparison.Ordinal))
            {
                return ulong.TryParse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim(), CultureInfo.InvariantCulture, out ulong count)
                    ? count
                    : 0;
            }
        }

        return 0;
    }
}

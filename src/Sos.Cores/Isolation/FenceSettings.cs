using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation;

/// <summary>Where Linux lets interrupts and unbound workqueues run: files that hold a set of cpus each.</summary>
internal static class FenceSettings
{
    private const string InterruptFolder = "/proc/irq";
    private const string DefaultInterruptMask = InterruptFolder + "/default_smp_affinity";
    private const string WorkqueueMask = "/sys/devices/virtual/workqueue/cpumask";

    /// <summary>Those that name the cpu.</summary>
    public static IEnumerable<FencedSetting> Naming(int cpu)
    {
        foreach (string path in Paths())
        {
            if (LinuxFile.TryRead(path) is { } text && Parse(path, text).Contains(cpu))
            {
                yield return new FencedSetting(path, text, null);
            }
        }
    }

    /// <summary>Takes the cpu out of them.</summary>
    /// <returns>The settings with what they are now.</returns>
    public static IReadOnlyList<FencedSetting> Move(FenceRecord record, CpuSet away, List<string> notes)
    {
        int refused = 0;
        List<FencedSetting> moved = [];
        foreach (FencedSetting setting in record.Settings)
        {
            CpuSet rest = Parse(setting.Path, setting.Before).Without(record.Cpu);
            refused += LinuxFile.TryWrite(setting.Path, Format(setting.Path, rest.IsEmpty ? away : rest)) is null ? 0 : 1;
            moved.Add(setting with { After = LinuxFile.TryRead(setting.Path) ?? setting.Before });
        }

        if (refused > 0)
        {
            notes.Add($"{refused} interrupt(s) stay where they are: Linux keeps those of each cpu there (managed or per-cpu)");
        }

        return moved;
    }

    /// <summary>Gives them what they had, unless someone has changed them since.</summary>
    public static void PutBack(FenceRecord record, CpuSet others, List<string> notes)
    {
        CpuSet fenced = others.With(record.Cpu);
        foreach (FencedSetting setting in record.Settings)
        {
            if ((LinuxFile.TryRead(setting.Path) ?? LinuxFile.TryRead(setting.Path)) is not { } text)
            {
                continue; // the interrupt is gone
            }

            CpuSet current = Parse(setting.Path, text);
            CpuSet before = Parse(setting.Path, setting.Before);
            CpuSet after = Parse(setting.Path, setting.After ?? setting.Before);
            CpuSet target = before.Except(others);
            bool untouched = setting.After is null || after.Except(fenced).Equals(current.Except(fenced));
            if (untouched && !target.IsEmpty && !target.Equals(current)
                && LinuxFile.TryPutBack(setting.Path, Format(setting.Path, target)) is { } problem)
            {
                notes.Add($"{setting.Path} could not be set back to {setting.Before}: {problem}");
            }
        }
    }

    private static IEnumerable<string> Paths()
    {
        yield return WorkqueueMask;
        yield return DefaultInterruptMask;
        if (Directory.Exists(InterruptFolder))
        {
            foreach (string folder in Directory.EnumerateDirectories(InterruptFolder).Order(StringComparer.Ordinal))
            {
                yield return Path.Combine(folder, "smp_affinity_list");
            }
        }
    }

    private static bool IsList(string path) => path.EndsWith("_list", StringComparison.Ordinal);

    /// <summary>Reads the text of one.</summary>
    public static CpuSet Parse(string path, string text) => IsList(path) ? CpuSet.ParseList(text) : CpuSet.ParseMask(text);

    /// <summary>Writes the text of one.</summary>
    public static string Format(string path, CpuSet cpus) => IsList(path) ? cpus.ToString() : cpus.ToMask();
}

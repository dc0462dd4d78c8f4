using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading.Tasks;
using Sos.Lab.Machine;

namespace Sos.Demo.Scenes;

/// <summary>The state of the machine's Linux, as it says itself, at one moment; two of them tell what happened between.</summary>
/// <param name="CpuTicks">For each CPU that Linux has: its time in all states, and that in softirq, in clock ticks.</param>
/// <param name="Interrupts">Interrupts by the name of their line's user, over all CPUs.</param>
/// <param name="NetworkSoftirqs">NET_RX softirqs, over all CPUs.</param>
internal sealed record GuestReading(
    IReadOnlyDictionary<int, (long Total, long Softirq)> CpuTicks,
    IReadOnlyDictionary<string, long> Interrupts,
    long NetworkSoftirqs)
{
    private const int SoftirqColumn = 6; // proc(5): user nice system idle iowait irq softirq steal guest guest_nice
    private const int CountedColumns = 8; // guest time is part of user time

    /// <summary>Reads.</summary>
    public static async Task<GuestReading> TakeAsync(LabMachine machine) =>
        Parse(await machine.CheckAsync("grep ^cpu[0-9] /proc/stat; cat /proc/interrupts; grep NET_RX /proc/softirqs"));

    /// <summary>Reads what the guest printed.</summary>
    internal static GuestReading Parse(string text)
    {
        Dictionary<int, (long, long)> cpus = [];
        Dictionary<string, long> interrupts = [];
        long softirqs = 0;
        foreach (string line in text.Split('\n'))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words is [['c', 'p', 'u', .. var cpu], ..] && int.TryParse(cpu, CultureInfo.InvariantCulture, out int number))
            {
                long[] ticks = words.Skip(1).Take(CountedColumns).Select(Number).ToArray();
                cpus[number] = (ticks.Sum(), ticks[SoftirqColumn]);
            }
            else if (words is ["NET_RX:", .. var counts])
            {
                softirqs = counts.Sum(Number);
            }
            else if (words.Length > 2 && words[0].EndsWith(':'))
            {
                long count = words.Skip(1).TakeWhile(IsNumber).Sum(Number);
                interrupts[words[^1]] = interrupts.GetValueOrDefault(words[^1]) + count;
            }
        }

        return new GuestReading(cpus, interrupts, softirqs);
    }

    /// <summary>Share of the time of the CPUs that Linux had throughout that went into softirqs since a moment.</summary>
    public double SoftirqShareSince(GuestReading earlier)
    {
        List<int> cpus = [.. CpuTicks.Keys.Where(earlier.CpuTicks.ContainsKey)];
        long total = cpus.Sum(cpu => CpuTicks[cpu].Total - earlier.CpuTicks[cpu].Total);
        long softirq = cpus.Sum(cpu => CpuTicks[cpu].Softirq - earlier.CpuTicks[cpu].Softirq);
        return total > 0 ? (double)softirq / total : 0;
    }

    /// <summary>Interrupts of a line since an earlier moment.</summary>
    public long InterruptsSince(GuestReading earlier, string name) =>
        Interrupts.GetValueOrDefault(name) - earlier.Interrupts.GetValueOrDefault(name);

    private static bool IsNumber(string word) => long.TryParse(word, CultureInfo.InvariantCulture, out _);

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}

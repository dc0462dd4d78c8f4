using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Torture.Report;

namespace Sos.Torture.Parts;

/// <summary>Reserve, load, start, stop, release, over and over, with a card under traffic: nothing leaks, nothing is complained of.</summary>
internal static class CyclePart
{
    private const int WarmUpCycles = 2;

    /// <summary>
    /// The memory that Linux may have lost at the end. Caches come and go by a few MiB; the smallest thing that a cycle takes and could lose,
    /// a core's block of 64 KiB, makes 12.5 MiB in 200 cycles.
    /// </summary>
    private const long LostKiBMax = 12 * 1024;

    /// <summary>Linux frees much of what is no longer used later, in the background: what stays after so many looks, a second apart, is lost.</summary>
    private const int LooksMax = 20;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>Runs the cycles.</summary>
    public static async Task<(TortureRow Row, CyclePhases Phases)> RunAsync(Subject subject, int cycles, ChecksumWorkload workload)
    {
        TortureRow row = new(subject.Kernel, "cycle under traffic") { CoreReturned = 0, LinuxUnaffected = 0 };
        CyclePhases phases = new(subject.Kernel);
        int known = subject.Machine.Console.Problems.Count;
        using Process traffic = subject.Client.Start($"exec ping -i 0.02 {Subject.EchoAddress} > /dev/null");
        for (int i = 0; i < WarmUpCycles; i++)
        {
            await TurnAsync(subject, new TortureRow(subject.Kernel, "") { CoreReturned = 0 }, new CyclePhases(subject.Kernel));
        }

        Dictionary<string, long> before = await ResourcesAsync(subject);
        for (row.Tries = 0; row.Tries < cycles; row.Tries++)
        {
            await TurnAsync(subject, row, phases);
            row.LinuxUnaffected += await subject.IsLinuxWellAsync(workload, known, subject.Machine.Options.Cpus, row.Problems) ? 1 : 0;
        }

        row.Problems.AddRange(await LostAsync(subject, before));
        traffic.Kill(entireProcessTree: true);
        await traffic.WaitForExitAsync();
        return (row, phases);
    }

    private static async Task TurnAsync(Subject subject, TortureRow row, CyclePhases phases)
    {
        const string Now = "cut -d' ' -f1 /proc/uptime";
        CommandResult result = await subject.Machine.RunAsync(
            $"set -e; {Now}; sosctl core reserve {subject.Cpu} --json; {Now}; {subject.StartEcho} --json; {Now}; "
            + $"sosctl service status {subject.Cpu} --json; {Now}; sosctl service stop {subject.Cpu} --json; {Now}; "
            + $"sosctl core release {subject.Cpu} --json; {Now}",
            Limit);
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (result.ExitCode != 0 || lines.Length != 11)
        {
            row.Problems.Add(result.Output + result.Error);
            _ = await subject.Machine.RunAsync($"sosctl core release {subject.Cpu}", Limit);
            return;
        }

        double[] times = [.. lines.Where((_, index) => index % 2 == 0).Select(line => double.Parse(line, CultureInfo.InvariantCulture) * 1000)];
        phases.Add("reserve, driver", Subject.Parse(lines[1]).GetProperty("duration_ms").GetDouble());
        phases.Add("reserve", times[1] - times[0]);
        phases.Add("load and start", times[2] - times[1]);
        phases.Add("stop", times[4] - times[3]);
        phases.Add("release", times[5] - times[4]);
        phases.Add("release, driver", Subject.Parse(lines[9]).GetProperty("duration_ms").GetDouble());
        bool ran = Subject.Parse(lines[5]).GetProperty("state").GetString() == "Running"
            && Subject.Parse(lines[7]).GetProperty("state").GetString() == "Stopped";
        row.Contained += ran ? 1 : 0;
        row.CoreReturned++;
        if (!ran)
        {
            row.Problems.Add(result.Output);
        }
    }

    private static async Task<List<string>> LostAsync(Subject subject, Dictionary<string, long> before)
    {
        List<string> lost = [];
        for (int look = 0; look < LooksMax; look++)
        {
            lost = Compare(before, await ResourcesAsync(subject));
            if (lost.Count == 0)
            {
                break;
            }
        }

        return lost;
    }

    private static async Task<Dictionary<string, long>> ResourcesAsync(Subject subject)
    {
        string text = await subject.Machine.CheckAsync(
            "sync; echo 3 > /proc/sys/vm/drop_caches; sleep 1; echo 3 > /proc/sys/vm/drop_caches; "
            + "awk '/^(MemFree|AnonPages|Cached|Buffers|SReclaimable|SUnreclaim|PageTables|KernelStack):/ {print $1, $2}' /proc/meminfo; "
            + "awk '$1 == \"count:\" {pages += $2} END {print \"PerCpuLists\", pages * 4}' /proc/zoneinfo; "
            + "echo vmalloc: $(grep -vc unpurged /proc/vmallocinfo); echo irqs: $(ls /proc/irq | wc -l); echo handlers: $(grep -c . /proc/interrupts); "
            + "echo modules: $(awk '$1 == \"sos\" {print $3}' /proc/modules); echo netdevs: $(ls /sys/class/net | wc -l)");
        return text.Split('\n').Select(line => line.Split(' '))
            .ToDictionary(words => words[0].TrimEnd(':'), words => long.Parse(words[1], CultureInfo.InvariantCulture));
    }

    private static List<string> Compare(Dictionary<string, long> before, Dictionary<string, long> after)
    {
        List<string> problems = [];
        foreach (string name in (string[])["irqs", "handlers", "modules", "netdevs"])
        {
            if (before[name] != after[name])
            {
                problems.Add($"{name}: {before[name]} before, {after[name]} after");
            }
        }

        // One area for each stack of a process that runs at this moment.
        if (after["vmalloc"] - before["vmalloc"] > 16)
        {
            problems.Add($"vmalloc areas: {before["vmalloc"]} before, {after["vmalloc"]} after");
        }

        long lost = KnownKiB(before) - KnownKiB(after);
        long slab = after["SUnreclaim"] - before["SUnreclaim"];
        if (lost > LostKiBMax || slab > LostKiBMax)
        {
            problems.Add($"{lost} KiB are lost, {slab} KiB more are in the slab");
        }

        return problems;
    }

    /// <summary>
    /// Pages that are free, those on the lists of a CPU among them, or belong to programs and files, which may grow as they like. Pages that a driver takes are
    /// in none of it.
    /// </summary>
    private static long KnownKiB(Dictionary<string, long> resources) =>
        ((string[])["MemFree", "PerCpuLists", "AnonPages", "Cached", "Buffers", "SReclaimable", "PageTables", "KernelStack"])
            .Sum(name => resources[name]);
}

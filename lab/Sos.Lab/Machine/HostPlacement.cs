using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;

namespace Sos.Lab.Machine;

/// <summary>
/// Who runs on which CPU of the host while something is measured: one virtual CPU of a machine has a host CPU of its own; its other
/// virtual CPUs, QEMU itself and whoever else takes part share the rest.
/// </summary>
/// <param name="OwnCpu">The host CPU for one virtual CPU; -1 if the host has only one CPU.</param>
/// <param name="OtherCpus">The rest.</param>
public sealed record HostPlacement(int OwnCpu, IReadOnlyList<int> OtherCpus)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Chooses among the CPUs that this process may use.</summary>
    public static HostPlacement Choose()
    {
        string allowed = File.ReadLines("/proc/self/status")
            .First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal));
        List<int> cpus = ParseList(allowed.Split(':')[1].Trim());
        return cpus.Count < 2 ? new HostPlacement(-1, cpus) : new HostPlacement(cpus[^1], cpus[..^1]);
    }

    /// <summary>Moves all threads of a machine and of other processes to their places; on a host of one CPU there is nothing to move.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="virtualCpu">The virtual CPU that gets a host CPU of its own.</param>
    /// <param name="others">Processes that share the rest with the machine.</param>
    /// <exception cref="LabException">QEMU has no thread of that name, or the host refuses.</exception>
    public async Task ApplyAsync(LabMachine machine, int virtualCpu, params int[] others)
    {
        if (OwnCpu < 0)
        {
            return;
        }

        string rest = string.Join(',', OtherCpus);
        foreach (int process in (int[])[machine.ProcessId, .. others])
        {
            await TasksetAsync("-apc", rest, process);
        }

        await TasksetAsync("-pc", OwnCpu.ToString(CultureInfo.InvariantCulture), ThreadOf(machine.ProcessId, virtualCpu));
    }

    /// <summary>Reads a list of CPUs as the kernel writes it, such as "0-3,8".</summary>
    public static List<int> ParseList(string list)
    {
        List<int> cpus = [];
        foreach (string range in list.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = range.Split('-');
            int first = int.Parse(ends[0], CultureInfo.InvariantCulture);
            int last = int.Parse(ends[^1], CultureInfo.InvariantCulture);
            cpus.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return cpus;
    }

    // QEMU names its threads "CPU 2/TCG", "CPU 2/KVM".
    private static int ThreadOf(int process, int virtualCpu)
    {
        foreach (string thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
        {
            if (File.ReadAllText(Path.Combine(thread, "comm")).StartsWith($"CPU {virtualCpu}/", StringComparison.Ordinal))
            {
                return int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture);
            }
        }

        throw new LabException($"QEMU (process {process}) has no thread for virtual CPU {virtualCpu}");
    }

    private static async Task TasksetAsync(string options, string cpus, int id) =>
        _ = (await HostProcess.RunAsync(["taskset", options, cpus, id.ToString(CultureInfo.InvariantCulture)], Limit)).EnsureSuccess();
}

using System;
using System.Globalization;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Torture.Report;

namespace Sos.Torture.Parts;

/// <summary>
/// A program that holds a core for itself, does all that the driver lets it do (tests/kernel/abi_smoke.c), and is killed in the middle: the
/// driver ends what runs and gives the core back.
/// </summary>
internal static class OwnerPart
{
    // abi_smoke reserves a core to persist only at its end, which it does not reach in this time.
    private const double KilledAfterSecondsMax = 3;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>Kills owners at random points.</summary>
    public static async Task<TortureRow> RunAsync(Subject subject, int tries, Random random, ChecksumWorkload workload)
    {
        TortureRow row = new(subject.Kernel, "owner killed") { CoreReturned = 0, LinuxUnaffected = 0 };
        int known = subject.Machine.Console.Problems.Count;
        for (row.Tries = 0; row.Tries < tries; row.Tries++)
        {
            string seconds = (random.NextDouble() * KilledAfterSecondsMax).ToString("F2", CultureInfo.InvariantCulture);
            CommandResult result = await subject.Machine.RunAsync(
                $"/usr/lib/sos/tests/abi_smoke {subject.Cpu} > /tmp/owner 2>&1 & owner=$!; sleep {seconds}; kill -9 $owner; wait $owner 2> /dev/null; "
                + "grep '^not ok' /tmp/owner; "
                + $"n=0; while [ \"$(cat /sys/devices/system/cpu/cpu{subject.Cpu}/online)\" != 1 ] && [ $n != 300 ]; do sleep 0.1; n=$((n + 1)); done; "
                + $"[ $n != 300 ] && [ -z \"$(cat /sys/class/misc/sos/reserved_cpus)\" ] && echo back",
                Limit);
            string output = result.Output.Trim();
            row.Contained += output.Contains("not ok", StringComparison.Ordinal) ? 0 : 1;
            row.CoreReturned += output.EndsWith("back", StringComparison.Ordinal) ? 1 : 0;
            if (output != "back")
            {
                row.Problems.Add($"killed after {seconds} s: {output}");
            }

            row.LinuxUnaffected += await subject.IsLinuxWellAsync(workload, known, subject.Machine.Options.Cpus, row.Problems) ? 1 : 0;
        }

        return row;
    }
}

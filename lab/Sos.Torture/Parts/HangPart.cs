using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Torture.Report;

namespace Sos.Torture.Parts;

/// <summary>Services that hang, and a core that is lost altogether: all are taken back, and the core serves again.</summary>
internal static class HangPart
{
    private const uint HungVector = 0x101;
    private const uint MachineCheckVector = 18;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>The watchdog ends a service that does not poll.</summary>
    public static Task<TortureRow> WatchdogAsync(Subject subject, int tries, ChecksumWorkload workload)
        => RunAsync(subject, "hang, watchdog", tries, workload, async row =>
        {
            await subject.Machine.CheckAsync(subject.StartFault("-p fault=4 -p address=0 -p delay=1000 --watchdog 2s"));
            JsonElement status = Subject.Parse(await subject.Machine.CheckAsync(subject.AwaitState("Failed"), Limit));
            return Check(status, HungVector, "Spin", row.Problems);
        });

    /// <summary>A service that does not obey a stop is ended by force.</summary>
    public static Task<TortureRow> ForcedStopAsync(Subject subject, int tries, ChecksumWorkload workload)
        => RunAsync(subject, "hang, forced stop", tries, workload, async row =>
        {
            await subject.Machine.CheckAsync(subject.StartFault("-p fault=4 -p address=0 -p delay=1000 --watchdog off") + " && sleep 1.5");
            JsonElement stopped = Subject.Parse(await subject.Machine.CheckAsync($"sosctl service stop {subject.Cpu} --timeout 100 --json", Limit));
            bool good = stopped.GetProperty("state").GetString() == "Failed"
                && stopped.GetProperty("fault").GetString()!.Contains("Spin", StringComparison.Ordinal);
            if (!good)
            {
                row.Problems.Add(stopped.ToString());
            }

            return good;
        });

    /// <summary>A machine check leaves the core where no NMI reaches it: INIT takes it back, without anybody's doing.</summary>
    public static Task<TortureRow> MachineCheckAsync(Subject subject, int tries, ChecksumWorkload workload)
        => RunAsync(subject, "machine check, INIT", tries, workload, async row =>
        {
            await subject.Machine.CheckAsync(subject.StartFault("-p fault=0 -p address=0"));
            string before = await subject.Machine.CheckAsync("dmesg | grep -c 'taken back by INIT' || true");
            await subject.Machine.RaiseMachineCheckAsync(subject.Cpu);
            JsonElement status = Subject.Parse(await subject.Machine.CheckAsync(subject.AwaitState("Failed"), Limit));
            string retaken = await subject.Machine.CheckAsync(
                $"n=0; until [ $(dmesg | grep -c 'taken back by INIT') -gt {before} ] || [ $n = 200 ]; do sleep 0.1; n=$((n + 1)); done; "
                + $"[ $n != 200 ] && echo yes || dmesg | grep sos: | tail -n 5");
            if (retaken != "yes")
            {
                row.Problems.Add(retaken);
            }

            return Check(status, MachineCheckVector, null, row.Problems) && retaken == "yes";
        });

    private static async Task<TortureRow> RunAsync(
        Subject subject, string kind, int tries, ChecksumWorkload workload, Func<TortureRow, Task<bool>> hangAsync)
    {
        TortureRow row = new(subject.Kernel, kind) { CoreReturned = 0, LinuxUnaffected = 0 };
        int known = subject.Machine.Console.Problems.Count;
        await subject.Machine.CheckAsync($"sosctl core reserve {subject.Cpu}");
        for (row.Tries = 0; row.Tries < tries; row.Tries++)
        {
            row.Contained += await hangAsync(row) ? 1 : 0;
            CommandResult back = await subject.Machine.RunAsync(
                $"sosctl service stop {subject.Cpu}; {subject.StartFault("-p fault=0 -p address=0")} && {subject.AwaitState("Running")} "
                + $"&& sosctl service stop {subject.Cpu}",
                Limit);
            row.CoreReturned += back.ExitCode == 0 && back.Output.Contains("\"state\":\"Running\"", StringComparison.Ordinal) ? 1 : 0;
            if (row.CoreReturned <= row.Tries)
            {
                row.Problems.Add(back.Output + back.Error);
            }

            row.LinuxUnaffected += await subject.IsLinuxWellAsync(workload, known, subject.Machine.Options.Cpus - 1, row.Problems) ? 1 : 0;
        }

        await subject.Machine.CheckAsync($"sosctl core release {subject.Cpu}");
        return row;
    }

    private static bool Check(JsonElement status, uint vector, string? method, List<string> problems)
    {
        bool good = status.GetProperty("state").GetString() == "Failed"
            && status.GetProperty("fault") is { ValueKind: JsonValueKind.Object } fault
            && fault.GetProperty("vector").GetUInt32() == vector
            && (method is null || fault.GetProperty("callers").EnumerateArray().Append(fault.GetProperty("at"))
                .Any(place => place.GetString()!.Contains(method, StringComparison.Ordinal)));
        if (!good)
        {
            problems.Add(status.ToString());
        }

        return good;
    }
}

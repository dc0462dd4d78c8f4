using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Isolation;
using Sos.Cores.Running;

namespace Sos.Daemon;

/// <summary>
/// The supervisor: watches the cores that have a record, restarts services by their policy, and gives back to Linux what a service had whose
/// core went back by itself. The work is done by sosctl, under the same locks as when a person does it.
/// </summary>
internal sealed class Supervisor(TextWriter log)
{
    /// <summary>How soon a service that was just started is noticed, and the end of one on an isolated core; the driver tells of an end at once.</summary>
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(500);

    /// <summary>After a lease was ended, or could not be.</summary>
    private static readonly TimeSpan LeaseRound = TimeSpan.FromSeconds(10);

    /// <summary>After what a service had could not be given back.</summary>
    private static readonly TimeSpan LeftoversRound = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan CommandLimit = TimeSpan.FromMinutes(2);

    private readonly SortedDictionary<int, SupervisedCore> _cores = [];
    private readonly Dictionary<int, DateTime> _nextLeftovers = [];
    private DateTime _nextLeases = DateTime.MinValue;

    /// <summary>Watches until it is told to end.</summary>
    public void Run(CancellationToken end)
    {
        Log("started");
        while (!end.IsCancellationRequested)
        {
            FollowRecords();
            EndLeases();
            foreach (SupervisedCore core in _cores.Values.ToList())
            {
                Look(core, DateTime.UtcNow);
            }

            CoreBackEnds.WaitAny([.. _cores.Values.Select(core => core.Core)], Round);
        }

        foreach (SupervisedCore core in _cores.Values)
        {
            core.Dispose();
        }

        Log("ended; services go on");
    }

    // A core is opened only if sosctl wrote a record of it, hence reserved it to persist: our descriptor keeps nobody else's core alive.
    private void FollowRecords()
    {
        IReadOnlyList<int> recorded = CoreRecord.List();
        foreach (int cpu in _cores.Keys.Where(cpu => !recorded.Contains(cpu)).ToList())
        {
            Forget(cpu);
        }

        if (recorded.Count == 0)
        {
            return;
        }

        // Opened anew each time: held open, the driver's device would keep the driver from being unloaded.
        IReadOnlyDictionary<int, ICoreBackEnd> reserved = new CoreBackEnds().ListCores();
        foreach (int cpu in recorded.Where(cpu => !reserved.ContainsKey(cpu)))
        {
            Forget(cpu);
            if (DateTime.UtcNow >= _nextLeftovers.GetValueOrDefault(cpu))
            {
                // Not all of "release": somebody may have reserved the core again since we looked.
                bool done = GiveBack(cpu, "release", "--leftovers");
                _nextLeftovers[cpu] = done ? DateTime.MinValue : DateTime.UtcNow + LeftoversRound;
            }
        }

        foreach (int cpu in recorded.Where(reserved.ContainsKey))
        {
            try
            {
                Follow(reserved[cpu], cpu);
            }
            catch (SosException e)
            {
                // It went meanwhile, or its record is damaged: the next round sees what there is then.
                Log($"core {cpu}: {e.Message}");
            }
        }
    }

    private void Follow(ICoreBackEnd backEnd, int cpu)
    {
        if (CoreRecord.Read(cpu) is not { } record)
        {
            return;
        }

        if (!_cores.TryGetValue(cpu, out SupervisedCore? core))
        {
            core = new SupervisedCore(backEnd.Open(cpu), record);
            _cores.Add(cpu, core);
        }
        else if (core.Record.Started != record.Started)
        {
            core.Reopen(backEnd.Open(cpu));
        }

        core.Record = record;
    }

    private void Look(SupervisedCore core, DateTime now)
    {
        try
        {
            CoreState state = core.Core.GetStatus().State;
            if (CoreLock.IsTaken(core.Core.Cpu))
            {
                return; // Somebody works on the core: its state does not last, and he may be restarting it.
            }

            if (core.Note(state, now) is { } news)
            {
                Log($"core {core.Core.Cpu}: {news}");
            }

            if (core.Due <= now)
            {
                Restart(core, now);
            }
        }
        catch (SosException)
        {
            // Released: the next round finds the record without a core, or neither.
            Forget(core.Core.Cpu);
        }
    }

    private void Restart(SupervisedCore core, DateTime now)
    {
        core.Restarting(now);
        (int exitCode, string output) = Sosctl("service", "restart", $"{core.Core.Cpu}");
        Log($"core {core.Core.Cpu}: "
            + (exitCode == 0 ? $"{core.Record.Service} restarted" : core.Failed(core.Core.GetStatus().State, output, DateTime.UtcNow)));
    }

    // An isolated core's lease has a keeper of its own; when that was killed, another does what is left to do.
    private void EndLeases()
    {
        if (DateTime.UtcNow < _nextLeases)
        {
            return;
        }

        foreach (int cpu in FenceRecord.List())
        {
            if (!LeaseKeeper.IsThere(cpu) && LeaseIsOver(cpu))
            {
                Forget(cpu);
                _ = GiveBack(cpu, LeaseKeeper.CommandName);
                _nextLeases = DateTime.UtcNow + LeaseRound;
            }
        }
    }

    private bool LeaseIsOver(int cpu)
    {
        try
        {
            return LeaseRecord.Read(cpu) is { } lease && (lease.IsOver || lease.Left == TimeSpan.Zero);
        }
        catch (SosException e)
        {
            Log($"core {cpu}: {e.Message}");
            _nextLeases = DateTime.UtcNow + LeaseRound;
            return false;
        }
    }

    private bool GiveBack(int cpu, string command, params string[] options)
    {
        (int exitCode, string output) = Sosctl(["core", command, $"{cpu}", .. options]);
        Log($"core {cpu}: its lease was over; {(exitCode == 0 ? output : $"giving back what its service had failed ({output})")}");
        return exitCode == 0;
    }

    private void Forget(int cpu)
    {
        if (_cores.Remove(cpu, out SupervisedCore? core))
        {
            core.Dispose();
        }
    }

    private static (int ExitCode, string Output) Sosctl(params string[] arguments)
    {
        string beside = Path.Combine(AppContext.BaseDirectory, "sosctl");
        using Process process = Process.Start(new ProcessStartInfo(File.Exists(beside) ? beside : "sosctl", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        System.Threading.Tasks.Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(CommandLimit))
        {
            process.Kill();
            process.WaitForExit();
        }

        string text = $"{output.Result}{error.Result}".Trim().ReplaceLineEndings("; ");
        return (process.ExitCode, text);
    }

    private void Log(string line)
    {
        log.WriteLine($"sosd: {line}");
        log.Flush();
    }
}

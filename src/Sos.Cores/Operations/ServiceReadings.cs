using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Cores.Services;
using Sos.Sdk.Control;

namespace Sos.Cores.Operations;

/// <summary>A service as it is at a moment.</summary>
/// <param name="Cpu">The core.</param>
/// <param name="BackEnd">What keeps it.</param>
/// <param name="Status">The core's state.</param>
/// <param name="Record">What was started; null when that is not known, or nothing was.</param>
/// <param name="Polls">Passes of its poll loop so far.</param>
/// <param name="TableGeneration">Generation of the table that it uses, 0 for none.</param>
/// <param name="Counters">Its counters by name.</param>
/// <param name="Remarks">What a person should know, a sentence each.</param>
public sealed record ServiceView(
    int Cpu, BackEndKind BackEnd, CoreStatus Status, CoreRecord? Record, ulong Polls, ulong TableGeneration,
    IReadOnlyDictionary<string, ulong> Counters, IReadOnlyList<string> Remarks)
{
    /// <summary>The fault in the words of the service's source; null without one.</summary>
    public FaultReport? Fault => Status.Fault is { } fault ? FaultReport.Create(fault, Record?.Plan.Image ?? "") : null;
}

/// <summary>A record of a service's log.</summary>
/// <param name="Number">Its number since the service's start, from 0.</param>
/// <param name="Time">When it was written, by Linux's clock.</param>
/// <param name="Severity">How grave it is.</param>
/// <param name="Text">The text.</param>
/// <param name="Value">A number that belongs to the text.</param>
public sealed record LogLine(ulong Number, DateTimeOffset Time, LogSeverity Severity, string Text, ulong Value);

/// <summary>Reads services, steadily though others start and stop them.</summary>
/// <param name="backEnds">The back ends.</param>
public sealed class ServiceReadings(CoreBackEnds backEnds)
{
    // The driver tells of an end at once.
    private static readonly TimeSpan LogRound = TimeSpan.FromMilliseconds(200);

    /// <summary>Reads the service of a core.</summary>
    /// <param name="cpu">The core; it may be empty.</param>
    /// <exception cref="SosException">SOS does not hold it.</exception>
    public ServiceView Read(int cpu) => SteadyReading.Read([cpu], () =>
    {
        using ICoreReading core = backEnds.Open(cpu);
        return Read(core);
    }, backEnds.Folder);

    /// <summary>Reads all cores that SOS holds, the empty ones too, by cpu.</summary>
    /// <exception cref="SosException">No back end can be used.</exception>
    public IReadOnlyList<ServiceView> ReadAll()
    {
        backEnds.CheckUsable();
        return SteadyReading.Read([.. backEnds.ListCores().Keys], () =>
        {
            List<ServiceView> views = [];
            foreach ((int cpu, ICoreBackEnd backEnd) in backEnds.ListCores())
            {
                try
                {
                    using ICoreReading core = backEnd.Open(cpu);
                    views.Add(Read(core));
                }
                catch (SosException e) when (e.Error == SosError.NotFound)
                {
                    // The core was released while we looked.
                }
            }

            return views;
        }, backEnds.Folder);
    }

    /// <summary>Finds a core that runs a service of a name.</summary>
    /// <param name="service">The service's name.</param>
    /// <param name="cpu">The core; null for any.</param>
    /// <returns>The open core, which is the caller's, and its record; null when there is none.</returns>
    public (IServiceCore Core, CoreRecord Record)? Find(string service, int? cpu)
    {
        backEnds.CheckUsable();
        foreach ((int candidate, ICoreBackEnd backEnd) in backEnds.ListCores().Where(core => cpu is null || core.Key == cpu))
        {
            if (CoreRecord.Read(candidate, backEnds.Folder) is { } record && record.Service == service)
            {
                return (backEnd.Open(candidate), record);
            }
        }

        return null;
    }

    /// <summary>Reads the log of a core's service: the records that are still there, one by one.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="follow">Whether to go on with what is logged from then on, until the service ends.</param>
    /// <exception cref="SosException">There is none, when the first record is asked for.</exception>
    public IEnumerable<LogLine> ReadLog(int cpu, bool follow)
    {
        using ICoreReading core = backEnds.Open(cpu);
        CoreRecord? record = null;
        using RunningService running = SteadyReading.Read(
            [cpu], () => RunningService.Attach(core, record = CoreRecord.Read(cpu, backEnds.Folder)), backEnds.Folder);
        foreach (LogLine line in ReadNew(running))
        {
            yield return line;
        }

        if (!follow)
        {
            yield break;
        }

        while (!core.Wait(LogRound))
        {
            foreach (LogLine line in ReadNew(running))
            {
                yield return line;
            }
        }

        // What it said as it ended. Whoever unloads an unplugged core takes its memory away as we read.
        using CoreLock? exclusive = CoreLock.TryTake(cpu, backEnds.Folder);
        bool isThere = !core.BackEnd.LeavesLinux() || (exclusive is not null && IsStillLoaded(core, record!));
        foreach (LogLine line in isThere ? ReadNew(running) : [])
        {
            yield return line;
        }
    }

    private static List<LogLine> ReadNew(RunningService running)
        => [.. running.ReadLog().Select(entry => new LogLine(entry.Number, running.TimeOf(entry.Tsc), entry.Severity, entry.Text, entry.Value))];

    private bool IsStillLoaded(ICoreReading core, CoreRecord record)
    {
        try
        {
            return core.GetStatus().State != CoreState.Reserved && CoreRecord.Read(core.Cpu, backEnds.Folder)?.Started == record.Started;
        }
        catch (SosException)
        {
            return false; // The core is no longer ours.
        }
    }

    private ServiceView Read(ICoreReading core)
    {
        CoreStatus status = core.GetStatus();
        CoreRecord? record = CoreRecord.Read(core.Cpu, backEnds.Folder);
        IReadOnlyList<string> remarks = IsPending(core, status, record) ? [.. status.Remarks, PendingRemark(core.Cpu)] : status.Remarks;
        if (record?.Control is null || status.State == CoreState.Reserved)
        {
            return new ServiceView(core.Cpu, core.BackEnd, status, record, 0, 0, new Dictionary<string, ulong>(), remarks);
        }

        using RunningService running = RunningService.Attach(core, record);
        return new ServiceView(
            core.Cpu, core.BackEnd, status, record, running.Polls, running.TableGeneration, new Dictionary<string, ulong>(running.ReadStatistics()),
            remarks);
    }

    private bool IsPending(ICoreReading core, CoreStatus status, CoreRecord? record)
        => record is { RestartPending: true } && status.State == CoreState.Reserved && !CoreLock.IsTaken(core.Cpu, backEnds.Folder);

    private static string PendingRemark(int cpu)
        => $"it could not be restarted, and what it had waits for it: 'sosctl service restart {cpu}' tries again, 'sosctl service stop {cpu}' gives it back";
}

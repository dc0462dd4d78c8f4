using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Cores.Services;

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

/// <summary>Reads services, steadily though others start and stop them.</summary>
/// <param name="backEnds">The back ends.</param>
public sealed class ServiceReadings(CoreBackEnds backEnds)
{
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

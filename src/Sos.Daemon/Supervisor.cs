using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Enabled;
using Sos.Cores.Operations;
using Sos.Cores.Running;

namespace Sos.Daemon;

/// <summary>
/// The supervisor: watches the cores that have a record, restarts services by their policy, and gives back to Linux what a service had whose
/// core went back by itself. After a boot it starts the services that are enabled. It calls the operations that sosctl calls, under the same locks.
/// </summary>
/// <param name="backEnds">The back ends.</param>
/// <param name="companions">What the control plane knows of services.</param>
/// <param name="log">Takes a line for each thing that is done.</param>
internal sealed class Supervisor(CoreBackEnds backEnds, CompanionCatalogue companions, TextWriter log) : IDisposable
{
    /// <summary>How soon a service that was just started is noticed, and the end of one on an isolated core; the driver tells of an end at once.</summary>
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(500);

    /// <summary>After a lease was ended, or could not be.</summary>
    private static readonly TimeSpan LeaseRound = TimeSpan.FromSeconds(10);

    /// <summary>After what a service had could not be given back.</summary>
    private static readonly TimeSpan LeftoversRound = TimeSpan.FromSeconds(10);

    private readonly CoreOperations _coreOperations = new(backEnds);
    private readonly ServiceOperations _serviceOperations = new(backEnds, companions);
    private readonly EnabledOperations _enabledOperations = new(backEnds, companions);
    private readonly CoreTables _tables = new(backEnds, new ServiceOperations(backEnds, companions));
    private readonly SortedDictionary<int, SupervisedCore> _cores = [];
    private readonly Dictionary<int, DateTime> _nextLeftovers = [];
    private DateTime _nextLeases = DateTime.MinValue;
    private string? _toldOfList;

    /// <summary>Watches until it is told to end.</summary>
    public void Run(CancellationToken end)
    {
        Log("started");
        EnabledStarter starter = new(new EnabledServices(), service => _enabledOperations.Start(service).Notes, Log, EnabledState.FolderIn(backEnds.Folder));
        starter.Begin(DateTime.UtcNow);
        bool isReady = false;
        while (!end.IsCancellationRequested)
        {
            starter.Look(DateTime.UtcNow);
            if (!isReady && starter.NetworkMayCome(DateTime.UtcNow))
            {
                isReady = true;
                Readiness.Tell(Environment.GetEnvironmentVariable("NOTIFY_SOCKET"));
            }

            LookAround(DateTime.UtcNow);
            CoreBackEnds.WaitAny([.. _cores.Values.Select(core => core.Core)], Round);
        }

        starter.Finish(DateTime.UtcNow);
        Dispose();
        Log("ended; services go on");
    }

    /// <summary>Looks once at all cores, and does what is due.</summary>
    internal void LookAround(DateTime now)
    {
        // Before the cores are listed: one that is reserved and gets a service in between is no leftover.
        IReadOnlyList<int> recorded = CoreRecord.List(backEnds.Folder);
        foreach (int cpu in _cores.Keys.Where(cpu => !recorded.Contains(cpu)).ToList())
        {
            Forget(cpu);
        }

        if (ListCores() is { } reserved)
        {
            FollowRecords(recorded, reserved, now);
            EndLeases(reserved, now);
        }

        foreach (SupervisedCore core in _cores.Values.ToList())
        {
            Look(core, now);
        }
    }

    /// <summary>Waits for restarts that are under way: one that is cut short would leave a core without a service.</summary>
    public void Dispose()
    {
        foreach (SupervisedCore core in _cores.Values)
        {
            core.Work?.Wait(CancellationToken.None);
            core.Dispose();
        }

        _cores.Clear();
    }

    // A core is opened only if sosctl wrote a record of it, hence reserved it to persist: our descriptor keeps nobody else's core alive.
    private void FollowRecords(IReadOnlyList<int> recorded, IReadOnlyDictionary<int, ICoreBackEnd> reserved, DateTime now)
    {
        foreach (int cpu in recorded.Where(cpu => !reserved.ContainsKey(cpu)))
        {
            Forget(cpu);
            if (now >= _nextLeftovers.GetValueOrDefault(cpu))
            {
                // Not all of "release": somebody may have reserved the core again since we looked.
                bool done = GiveBack(cpu, () => _coreOperations.ReleaseLeftovers(cpu));
                _nextLeftovers[cpu] = done ? DateTime.MinValue : now + LeftoversRound;
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

    /// <summary>
    /// Returns the cores that SOS holds, or null while a back end cannot be asked (its driver is being replaced, say): nothing may be taken for leftovers then.
    /// </summary>
    private IReadOnlyDictionary<int, ICoreBackEnd>? ListCores()
    {
        try
        {
            IReadOnlyDictionary<int, ICoreBackEnd> cores = backEnds.ListCores();
            _toldOfList = null;
            return cores;
        }
        catch (SosException e)
        {
            if (_toldOfList != e.Message)
            {
                Log($"the cores cannot be listed: until they can, nothing is given back and no lease is ended ({e.Message})");
                _toldOfList = e.Message;
            }

            return null;
        }
    }

    private void Follow(ICoreBackEnd backEnd, int cpu)
    {
        if (CoreRecord.Read(cpu, backEnds.Folder) is not { } record)
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
            if (IsAtWork(core, now))
            {
                return;
            }

            CoreState state = core.Core.GetStatus().State;
            if (CoreLock.IsTaken(core.Core.Cpu, backEnds.Folder))
            {
                return; // Somebody works on the core: its state does not last, and he may be restarting it.
            }

            // What was read before may be the half of a record whose service has been started meanwhile.
            if (CoreRecord.Read(core.Core.Cpu, backEnds.Folder) is not { } record || record.Started != core.Record.Started)
            {
                return;
            }

            core.Record = record;

            Accompany(core, state, now);
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

    // What goes on beside a service goes on as long as it runs, with the same source of its table.
    private void Accompany(SupervisedCore core, CoreState state, DateTime now)
    {
        if (core.Following is { } work && (state != CoreState.Running || !work.IsFor(core.Record)))
        {
            work.Dispose();
            core.Following = null;
        }

        FollowContext context = new(core.Record, _tables, line => Log($"core {core.Core.Cpu}: {line}"));
        if (state == CoreState.Running && core.Following is null && companions.Find(core.Record.Service)?.Follow(context) is { } follow)
        {
            core.Following = new FollowingWork(core.Record, follow, context.Log);
        }

        core.Following?.Look(now);
    }

    // Building a table may take minutes: other cores are watched meanwhile.
    private void Restart(SupervisedCore core, DateTime now)
    {
        core.Restarting(now);
        core.Work = Task.Run(() => TryRestart(core.Core.Cpu));
    }

    private string? TryRestart(int cpu)
    {
        try
        {
            _serviceOperations.Restart(cpu);
            return null;
        }
        catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
        {
            return string.Join("; ", [.. e is SosException refused ? refused.Notes : [], e.Message]).ReplaceLineEndings("; ");
        }
    }

    // The outcome of a restart that has come to its end.
    private bool IsAtWork(SupervisedCore core, DateTime now)
    {
        if (core.Work is not { } work)
        {
            return false;
        }

        if (!work.IsCompleted)
        {
            return true;
        }

        core.Work = null;
        Log($"core {core.Core.Cpu}: "
            + (work.Result is not { } why ? $"{core.Record.Service} restarted" : core.Failed(core.Core.GetStatus().State, why, now)));
        return false;
    }

    private void EndLeases(IReadOnlyDictionary<int, ICoreBackEnd> reserved, DateTime now)
    {
        if (now < _nextLeases)
        {
            return;
        }

        foreach ((int cpu, ICoreBackEnd backEnd) in reserved)
        {
            if (IsOverdue(backEnd, cpu, now))
            {
                Forget(cpu);
                _ = GiveBack(cpu, () => _coreOperations.EndLease(cpu));
                _nextLeases = now + LeaseRound;
            }
        }
    }

    private bool IsOverdue(ICoreBackEnd backEnd, int cpu, DateTime now)
    {
        try
        {
            return backEnd.IsOverdue(cpu);
        }
        catch (SosException e)
        {
            Log($"core {cpu}: {e.Message}");
            _nextLeases = now + LeaseRound;
            return false;
        }
    }

    private bool GiveBack(int cpu, Func<ReleaseResult?> release)
    {
        try
        {
            if (release() is not { } released)
            {
                return true; // Somebody was faster.
            }

            Log($"core {cpu}: its lease was over; {string.Join("; ", released.Notes.DefaultIfEmpty("it is back with Linux"))}");
            return released.IsComplete;
        }
        catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
        {
            Log($"core {cpu}: its lease was over; giving back what its service had failed ({e.Message})");
            return false;
        }
    }

    private void Forget(int cpu)
    {
        if (_cores.Remove(cpu, out SupervisedCore? core))
        {
            core.Dispose();
        }
    }

    // Also from the threads of what goes on beside services.
    private void Log(string line)
    {
        lock (log)
        {
            log.WriteLine($"sosd: {line}");
            log.Flush();
        }
    }
}

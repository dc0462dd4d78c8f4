using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Running;
using Sos.Cores.Services;

namespace Sos.Cores.Operations;

/// <summary>A core that was reserved.</summary>
/// <param name="Cpu">The core.</param>
/// <param name="BackEnd">What keeps it.</param>
/// <param name="DurationNs">Nanoseconds that it took.</param>
/// <param name="Method">How it is kept, in a few words.</param>
/// <param name="Reason">Why this back end was chosen; null when it was asked for.</param>
/// <param name="Siblings">Cpus that share the physical core with it and run Linux.</param>
/// <param name="Notes">What a person should know though it works.</param>
public sealed record ReserveResult(
    int Cpu, BackEndKind BackEnd, ulong DurationNs, string Method, string? Reason, IReadOnlyList<int> Siblings, IReadOnlyList<string> Notes);

/// <summary>A core that was released, or what was left of one.</summary>
/// <param name="Cpu">The core.</param>
/// <param name="DurationNs">Nanoseconds until Linux had it; null when Linux had it before.</param>
/// <param name="IsComplete">Whether nothing is left; if not, it may be repeated.</param>
/// <param name="Notes">What was done, and what did not work.</param>
public sealed record ReleaseResult(int Cpu, ulong? DurationNs, bool IsComplete, IReadOnlyList<string> Notes);

/// <summary>A cpu, whoever has it.</summary>
/// <param name="Cpu">The cpu.</param>
/// <param name="BackEnd">What keeps it from Linux; null when nothing does.</param>
/// <param name="Status">Its state as a service core; null when it is none.</param>
/// <param name="Service">The name of its service; null without one.</param>
/// <param name="IsReservable">Whether it can be reserved.</param>
public sealed record CoreView(CpuInfo Cpu, BackEndKind? BackEnd, CoreStatus? Status, string? Service, bool IsReservable);

/// <summary>The operations on cores.</summary>
/// <param name="backEnds">The back ends.</param>
public sealed class CoreOperations(CoreBackEnds backEnds)
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Lists the cpus of this machine.</summary>
    public IReadOnlyList<CoreView> List() => SteadyReading.Read([.. backEnds.ListCores().Keys], () =>
    {
        IReadOnlyDictionary<int, ICoreBackEnd> held = backEnds.ListCores();
        return (IReadOnlyList<CoreView>)[.. backEnds.Topology.List().Select(cpu => Describe(cpu, held.GetValueOrDefault(cpu.Id)))];
    }, backEnds.Folder);

    /// <summary>Takes a cpu from Linux.</summary>
    /// <param name="cpu">The cpu.</param>
    /// <param name="choice">The back end, and why it was chosen.</param>
    /// <param name="force">Whether it is taken even from threads that may run nowhere else.</param>
    /// <param name="lease">After which it goes back by itself; null for never.</param>
    /// <exception cref="SosException">It cannot be taken; everything is as before.</exception>
    public ReserveResult Reserve(int cpu, BackEndChoice choice, bool force, TimeSpan? lease)
    {
        ArgumentNullException.ThrowIfNull(choice);
        if (choice.BackEnd.Obstacle is { } obstacle)
        {
            throw obstacle;
        }

        CpuTopology topology = backEnds.Topology;
        IReadOnlyDictionary<int, ICoreBackEnd> held = backEnds.ListCores();
        if (held.ContainsKey(cpu))
        {
            throw CoreRefusals.AlreadyReserved(cpu);
        }

        topology.CheckReservable(cpu, force, held.Keys);
        IReadOnlyList<int> siblings = topology.List().First(info => info.Id == cpu).Siblings;
        using CoreLock exclusive = CoreLock.Take(cpu, backEnds.Folder);
        if (CoreRecord.Read(cpu, backEnds.Folder) is not null && backEnds.Holds(cpu))
        {
            throw CoreRefusals.AlreadyReserved(cpu); // Somebody was faster.
        }

        List<string> notes = [];
        if (!GiveBackLeftovers(cpu, notes, exclusive))
        {
            throw new SosException(SosError.Failed, string.Join("; ", notes));
        }

        Reservation reservation = choice.BackEnd.Reserve(cpu, choice.Options, lease);
        notes.AddRange(reservation.Notes);
        return new ReserveResult(
            cpu, choice.BackEnd.Kind, reservation.DurationNs, reservation.Method, choice.Reason.Length == 0 ? null : choice.Reason, siblings, notes);
    }

    /// <summary>Renews, changes or ends a lease.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="choose">Says the new length from that of before (null without a lease); null for no lease.</param>
    /// <returns>The length from now, or null.</returns>
    public TimeSpan? Renew(int cpu, Func<TimeSpan?, TimeSpan?> choose)
    {
        ArgumentNullException.ThrowIfNull(choose);
        using IServiceCore core = backEnds.Open(cpu);
        TimeSpan? lease = choose(core.GetStatus().LeaseLength);
        core.SetLease(lease);
        return lease;
    }

    /// <summary>Gives a core back to Linux, and before that what its service had, whatever runs there.</summary>
    /// <param name="cpu">The core; or one whose service left something behind when it went back by itself.</param>
    public ReleaseResult Release(int cpu)
    {
        using CoreLock exclusive = CoreLock.Take(cpu, backEnds.Folder);
        return Release(cpu, exclusive);
    }

    /// <summary>Gives a core back whose lease is over. Somebody may have given it back, or reserved it again, since that was seen.</summary>
    /// <param name="cpu">The core.</param>
    /// <returns>Null when there was nothing to do.</returns>
    public ReleaseResult? EndLease(int cpu)
    {
        using CoreLock exclusive = CoreLock.Take(cpu, backEnds.Folder);
        return backEnds.ListCores().TryGetValue(cpu, out ICoreBackEnd? backEnd) && backEnd.TryEndLease(cpu) ? Release(cpu, exclusive) : null;
    }

    /// <summary>Gives back what a service had whose core went back by itself. Somebody may have reserved the core again since that was seen.</summary>
    /// <param name="cpu">The core.</param>
    /// <returns>Null when there was nothing to do.</returns>
    public ReleaseResult? ReleaseLeftovers(int cpu)
    {
        using CoreLock exclusive = CoreLock.Take(cpu, backEnds.Folder);
        return CoreRecord.Read(cpu, backEnds.Folder) is null || backEnds.Holds(cpu) ? null : GiveBackLeftovers(cpu, exclusive);
    }

    private bool GiveBackLeftovers(int cpu, List<string> notes, CoreLock exclusive)
        => ServiceStop.GiveBackLeftovers(cpu, (card, found) => backEnds.GiveBack(cpu, card, found), notes, exclusive);

    private ReleaseResult GiveBackLeftovers(int cpu, CoreLock exclusive)
    {
        List<string> notes = [];
        bool returned = GiveBackLeftovers(cpu, notes, exclusive);
        return new ReleaseResult(cpu, null, returned, notes);
    }

    private ReleaseResult Release(int cpu, CoreLock exclusive)
    {
        if (CoreRecord.Read(cpu, backEnds.Folder) is not null && !backEnds.Holds(cpu))
        {
            return GiveBackLeftovers(cpu, exclusive);
        }

        using IServiceCore core = backEnds.Open(cpu);
        List<string> notes = [];
        if (CoreRecord.Read(cpu, backEnds.Folder) is not null)
        {
            TryStop(core, notes, exclusive);
        }

        ulong durationNs = core.Release();
        bool returned = true;
        if (CoreRecord.Read(cpu, backEnds.Folder) is not null)
        {
            // What stood in the way may be gone with the core.
            notes.Clear();
            returned = GiveBackLeftovers(cpu, notes, exclusive);
        }

        return new ReleaseResult(cpu, durationNs, returned, notes);
    }

    /// <summary>Stops a service, so that what it had goes back first: the back end knows nothing of addresses and routes.</summary>
    private static void TryStop(IServiceCore core, List<string> notes, CoreLock exclusive)
    {
        try
        {
            ServiceStop.Stop(core, StopTimeout, notes, exclusive);
        }
        catch (SosException e)
        {
            // The core goes back all the same, whatever runs there.
            notes.Add(e.Message);
        }
    }

    private CoreView Describe(CpuInfo cpu, ICoreBackEnd? holder)
    {
        if (holder is null)
        {
            return new CoreView(cpu, null, null, null, cpu.Online && cpu.Id != 0 && cpu.HotPluggable);
        }

        using IServiceCore core = holder.Open(cpu.Id);
        return new CoreView(cpu, holder.Kind, core.GetStatus(), CoreRecord.Read(cpu.Id, backEnds.Folder)?.Service, false);
    }
}

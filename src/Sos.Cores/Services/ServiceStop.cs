using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Running;

namespace Sos.Cores.Services;

/// <summary>The state of a service when it was stopped.</summary>
/// <param name="State">State of the core before it was unloaded.</param>
/// <param name="ExitCode">What the service returned, in <see cref="CoreState.Stopped"/>.</param>
/// <param name="Fault">The fault, in <see cref="CoreState.Failed"/>; null when its process was killed.</param>
/// <param name="Record">What was started, or null if that is not known.</param>
/// <param name="IsComplete">Whether all is done; if not, the record is kept, and it may be repeated.</param>
/// <param name="Notes">What did not work.</param>
public sealed record StopResult(
    CoreState State, long ExitCode, FaultRecord? Fault, CoreRecord? Record, bool IsComplete, IReadOnlyList<string> Notes);

/// <summary>Stops services, and gives their cards, addresses and routes back to Linux.</summary>
public static class ServiceStop
{
    /// <summary>Stops what runs on a core, unloads it and gives back what it had. Every step is tried, whatever became of those before.</summary>
    /// <param name="core">The core, in any state.</param>
    /// <param name="timeout">How long the service may take to obey.</param>
    /// <param name="notes">What did not work.</param>
    /// <param name="exclusive">The core's lock.</param>
    /// <exception cref="SosException">The service still runs, with all that it has.</exception>
    public static StopResult Stop(IServiceCore core, TimeSpan timeout, List<string> notes, CoreLock exclusive)
    {
        ArgumentNullException.ThrowIfNull(exclusive);
        CoreRecord? record = CoreRecord.Read(core.Cpu, exclusive.Folder);
        List<CardRecord> cards = [.. (record?.Cards ?? []).Select(card => HostPortReading.TryReread(card, notes))];
        CoreStatus status = core.GetStatus();
        bool unloaded = true;
        try
        {
            status = Unload(core, timeout);
        }
        catch (SosException e) when (!StillRuns(core))
        {
            notes.Add(e.Message);
            unloaded = false;
        }

        if (record is null)
        {
            return new StopResult(status.State, status.ExitCode, status.Fault, record, unloaded, notes);
        }

        // The host ports are gone, and what was read of them must not be lost.
        CoreRecord left = record with { RestartPending = false, Cards = [.. cards.Select(Quiet)] };
        left = unloaded ? left with { Control = null, Tables = [], SharedMemory = [] } : left;
        TryWrite(left, exclusive, notes);
        IReadOnlyList<CardRecord> kept = GiveBack(left, cards, core.GiveBack, exclusive, notes);
        if (unloaded && kept.Count == 0)
        {
            CoreRecord.Delete(core.Cpu, exclusive.Folder);
        }
        else
        {
            notes.Add($"not all of {record.Service} is back with Linux: repeat 'sosctl service stop {core.Cpu}' or 'sosctl core release {core.Cpu}' "
                + "once the obstacle is gone");
        }

        return new StopResult(status.State, status.ExitCode, status.Fault, record, unloaded && kept.Count == 0, notes);
    }

    /// <summary>Stops what runs on a core and unloads it. A card stays with SOS, quiet.</summary>
    /// <param name="core">The core, in any state.</param>
    /// <param name="timeout">How long the service may take to obey.</param>
    /// <returns>Its status before it was unloaded.</returns>
    public static CoreStatus Unload(ICoreLifeCycle core, TimeSpan timeout)
    {
        CoreStatus status = core.GetStatus();
        if (status.State is CoreState.Running or CoreState.Stopping)
        {
            core.Stop(timeout);
            status = core.GetStatus();
        }

        if (status.State != CoreState.Reserved)
        {
            core.Unload();
        }

        return status;
    }

    /// <summary>Gives back what a service had whose core is with Linux already: its lease was over, or giving it back failed before.</summary>
    /// <param name="cpu">The cpu; not ours.</param>
    /// <param name="giveBack">Gives a card back, as the back end does that had the core; adds to the notes what did not work.</param>
    /// <param name="notes">What was done, and what did not work.</param>
    /// <param name="exclusive">The core's lock.</param>
    /// <returns>Whether nothing is left; if not, the record is kept, and it may be repeated.</returns>
    public static bool GiveBackLeftovers(int cpu, Func<CardRecord, List<string>, bool> giveBack, List<string> notes, CoreLock exclusive)
    {
        ArgumentNullException.ThrowIfNull(exclusive);
        if (CoreRecord.Read(cpu, exclusive.Folder) is not { } record)
        {
            return true;
        }

        List<CardRecord> cards = [.. record.Cards.Select(card => HostPortReading.TryReread(card, notes))];
        CoreRecord left = record with { Control = null, Cards = [.. cards.Select(Quiet)] };
        TryWrite(left, exclusive, notes);
        IReadOnlyList<CardRecord> kept = GiveBack(left, cards, giveBack, exclusive, notes);
        if (kept.Count > 0)
        {
            notes.Add($"{record.Service} had ended with its core, but {string.Join(" and ", kept.Select(card => card.Device))} "
                + $"{(kept.Count == 1 ? "is" : "are")} not back with Linux: repeat 'sosctl core release {cpu}' once the obstacle is gone");
            return false;
        }

        CoreRecord.Delete(cpu, exclusive.Folder);
        notes.Add($"{record.Service} had ended with its core: what it had is back with Linux");
        return true;
    }

    /// <summary>Gives cards back, all that can be; the record names after each what is left.</summary>
    private static List<CardRecord> GiveBack(
        CoreRecord record, IReadOnlyList<CardRecord> cards, Func<CardRecord, List<string>, bool> giveBack, CoreLock exclusive, List<string> notes)
    {
        List<CardRecord> kept = [];
        foreach (CardRecord card in cards)
        {
            if (!giveBack(card, notes))
            {
                kept.Add(Quiet(card));
                continue;
            }

            record = record with { Cards = [.. record.Cards.Where(other => other.Port != card.Port)] };
            TryWrite(record, exclusive, notes);
        }

        return kept;
    }

    // A card without its host port, whose network is in the record alone.
    private static CardRecord Quiet(CardRecord card) => card with { HostPort = null, Moved = false, AfterMove = null };

    /// <summary>Writes what is left to do, where there is room: giving back goes on without, from the record that is there.</summary>
    private static void TryWrite(CoreRecord record, CoreLock exclusive, List<string> notes)
    {
        try
        {
            record.Write(exclusive.Folder);
        }
        catch (Exception e) when (e is System.IO.IOException or UnauthorizedAccessException)
        {
            notes.Add($"the core's record could not be written ({e.Message}): what changed on the host port since the start is not remembered, "
                + $"should giving it back fail; make room in {exclusive.Folder}");
        }
    }

    // A core that is no longer ours runs nothing: its lease was over.
    private static bool StillRuns(ICoreReading core)
    {
        try
        {
            return core.GetStatus().State is CoreState.Running or CoreState.Stopping;
        }
        catch (SosException e)
        {
            return e.Error != SosError.NotFound;
        }
    }
}

using System;
using System.Collections.Generic;
using Sos.Cores.BackEnds;
using Sos.Cores.Devices;
using Sos.Cores.Isolation.Network;

namespace Sos.Cores.Running;

/// <summary>What a service was when it was stopped.</summary>
/// <param name="State">State of the core before it was unloaded.</param>
/// <param name="ExitCode">What the service returned, in <see cref="CoreState.Stopped"/>.</param>
/// <param name="Fault">The fault, in <see cref="CoreState.Failed"/>; null when its process was killed.</param>
/// <param name="Record">What was started, or null if that is not known.</param>
/// <param name="IsComplete">Whether all is done; if not, the record is kept, and it may be repeated.</param>
public sealed record StopResult(CoreState State, long ExitCode, FaultRecord? Fault, CoreRecord? Record, bool IsComplete);

/// <summary>Stops services, and gives their cards, addresses and routes back to Linux.</summary>
public static class ServiceStop
{
    /// <summary>Stops what runs on a core, as its only user meanwhile.</summary>
    /// <param name="core">The core, in any state.</param>
    /// <param name="timeout">How long the service may take to obey.</param>
    /// <param name="notes">What did not work.</param>
    public static StopResult Stop(IServiceCore core, TimeSpan timeout, List<string> notes)
    {
        using CoreLock exclusive = CoreLock.Take(core.Cpu);
        return Stop(core, timeout, notes, exclusive);
    }

    /// <summary>Stops what runs on a core, unloads it and gives back what it had. Every step is tried, whatever became of those before.</summary>
    /// <param name="core">The core, in any state.</param>
    /// <param name="timeout">How long the service may take to obey.</param>
    /// <param name="notes">What did not work.</param>
    /// <param name="exclusive">The core's lock.</param>
    /// <exception cref="SosException">The service still runs, with all that it has.</exception>
    public static StopResult Stop(IServiceCore core, TimeSpan timeout, List<string> notes, CoreLock exclusive)
    {
        ArgumentNullException.ThrowIfNull(exclusive);
        CoreRecord? record = CoreRecord.Read(core.Cpu);
        CardRecord? card = record?.Card is { } recorded ? HostPortReading.TryReread(recorded, notes) : null;
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
            return new StopResult(status.State, status.ExitCode, status.Fault, record, unloaded);
        }

        // The host port is gone, and what was read of it must not be lost.
        CoreRecord left = record with { RestartPending = false, Card = card is null ? null : card with { HostPort = null, Moved = false } };
        left = unloaded ? left with { Control = null, Tables = [], SharedMemory = [] } : left;
        TryWrite(left, notes);
        bool returned = card is null || core.GiveBack(card, notes);
        if (unloaded && returned)
        {
            CoreRecord.Delete(core.Cpu);
        }
        else
        {
            TryWrite(returned ? left with { Card = null } : left, notes);
            notes.Add($"not all of {record.Service} is back with Linux: repeat 'sosctl service stop {core.Cpu}' or 'sosctl core release {core.Cpu}' "
                + "once the obstacle is gone");
        }

        return new StopResult(status.State, status.ExitCode, status.Fault, record, unloaded && returned);
    }

    /// <summary>Stops what runs on a core and unloads it. A card stays with SOS, quiet.</summary>
    /// <param name="core">The core, in any state.</param>
    /// <param name="timeout">How long the service may take to obey.</param>
    /// <returns>Its status before it was unloaded.</returns>
    public static CoreStatus Unload(IServiceCore core, TimeSpan timeout)
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
    /// <param name="notes">What was done, and what did not work.</param>
    /// <param name="exclusive">The core's lock.</param>
    /// <returns>Whether nothing is left; if not, the record is kept, and it may be repeated.</returns>
    public static bool GiveBackLeftovers(int cpu, List<string> notes, CoreLock exclusive)
    {
        ArgumentNullException.ThrowIfNull(exclusive);
        if (CoreRecord.Read(cpu) is not { } record)
        {
            return true;
        }

        if (record.Card is { } recorded)
        {
            CardRecord card = HostPortReading.TryReread(recorded, notes);
            TryWrite(record with { Control = null, Card = card with { HostPort = null, Moved = false } }, notes);
            if (!(card.Netdev is null ? CardDevice.GiveBack(card, notes) : NetdevDevice.GiveBack(cpu, card, notes)))
            {
                notes.Add($"{record.Service} had ended with its core, but {card.Address} is not back with Linux: repeat 'sosctl core release {cpu}' "
                    + "once the obstacle is gone");
                return false;
            }
        }

        CoreRecord.Delete(cpu);
        notes.Add($"{record.Service} had ended with its core: what it had is back with Linux");
        return true;
    }

    /// <summary>Writes what is left to do, where there is room: giving back goes on without, from the record that is there.</summary>
    private static void TryWrite(CoreRecord record, List<string> notes)
    {
        try
        {
            record.Write();
        }
        catch (Exception e) when (e is System.IO.IOException or UnauthorizedAccessException)
        {
            notes.Add($"the core's record could not be written ({e.Message}): what changed on the host port since the start is not remembered, "
                + $"should giving it back fail; make room in {CoreRecord.DefaultFolder}");
        }
    }

    // A core that is no longer ours runs nothing: its lease was over.
    private static bool StillRuns(IServiceCore core)
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

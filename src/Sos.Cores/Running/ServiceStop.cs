using System;
using System.Collections.Generic;
using Sos.Cores.BackEnds;

namespace Sos.Cores.Running;

/// <summary>How a service ended.</summary>
/// <param name="State">State of the core before it was unloaded.</param>
/// <param name="ExitCode">What the service returned, in <see cref="CoreState.Stopped"/>.</param>
/// <param name="Fault">The fault, in <see cref="CoreState.Failed"/>.</param>
/// <param name="Record">What was started, or null if that is not known.</param>
public sealed record StopResult(CoreState State, long ExitCode, FaultRecord? Fault, CoreRecord? Record);

/// <summary>Stops services, and gives their cards, addresses and routes back to Linux.</summary>
public static class ServiceStop
{
    /// <summary>Stops what runs on a core, unloads it and gives back what it had. Every step is tried, whatever became of those before.</summary>
    /// <param name="core">The core, in any state.</param>
    /// <param name="timeout">How long the service may take to obey.</param>
    /// <param name="notes">What did not work.</param>
    public static StopResult Stop(IServiceCore core, TimeSpan timeout, List<string> notes)
    {
        CoreStatus status = Unload(core, timeout);
        CoreRecord? record = CoreRecord.Read(core.Cpu);
        if (record?.Card is { } card)
        {
            core.GiveBack(card, notes);
        }

        CoreRecord.Delete(core.Cpu);
        return new StopResult(status.State, status.ExitCode, status.Fault, record);
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
}

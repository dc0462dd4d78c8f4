using System;
using System.Collections.Generic;

namespace Sos.Cores;

/// <summary>The status of a core.</summary>
/// <param name="State">Its state.</param>
/// <param name="Cpu">Logical id.</param>
/// <param name="Persistent">Whether it outlives its descriptors.</param>
/// <param name="Irq">Linux's number of the core's doorbell interrupt, 0 if none.</param>
/// <param name="ExitCode">What the service returned; valid when stopped.</param>
/// <param name="Starts">How often a service was started.</param>
/// <param name="Faults">How often one failed.</param>
/// <param name="Nmis">NMIs that arrived at the core.</param>
/// <param name="Notifications">Interrupts that the core raised.</param>
/// <param name="Fault">The fault; null unless failed.</param>
public sealed record CoreStatus(
    CoreState State, int Cpu, bool Persistent, int Irq, long ExitCode, ulong Starts, ulong Faults, ulong Nmis, ulong Notifications, FaultRecord? Fault)
{
    /// <summary>The back end's remarks, a sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Isolated: how the fence stands, in a word or two; null where nothing of Linux can run there.</summary>
    public string? Fence { get; init; }

    /// <summary>The rest of the lease, after which the core goes back by itself; null without one.</summary>
    public TimeSpan? LeaseLeft { get; init; }

    /// <summary>For how long the lease was given or renewed; null without one.</summary>
    public TimeSpan? LeaseLength { get; init; }

    /// <summary>The watchdog's bound of the last start; null without one.</summary>
    public TimeSpan? Watchdog { get; init; }

    /// <summary>The frequency that the core asks for; null where Linux sees to it.</summary>
    public CorePerformance? Performance { get; init; }

    /// <summary>By which it asks.</summary>
    public CoreMechanism Mechanism { get; init; }
}

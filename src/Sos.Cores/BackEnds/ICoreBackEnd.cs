using System;
using System.Collections.Generic;
using Sos.Cores.Running;

namespace Sos.Cores.BackEnds;

/// <summary>How a cpu was reserved.</summary>
/// <param name="DurationNs">Nanoseconds that it took.</param>
/// <param name="Method">How, in a few words.</param>
/// <param name="Notes">What a person should know though it works.</param>
public sealed record Reservation(ulong DurationNs, string Method, IReadOnlyList<string> Notes);

/// <summary>A way to keep cores from Linux.</summary>
public interface ICoreBackEnd
{
    /// <summary>Which one.</summary>
    BackEndKind Kind { get; }

    /// <summary>Why it cannot be used here; null if it can.</summary>
    SosException? Obstacle { get; }

    /// <summary>Logical ids of the cores that it holds, ascending.</summary>
    IReadOnlyList<int> ListCores();

    /// <summary>Takes a cpu from Linux.</summary>
    /// <param name="cpu">Its logical id.</param>
    /// <param name="options">How a core that leaves Linux is to run.</param>
    /// <param name="lease">After which it goes back by itself; null for never.</param>
    /// <exception cref="SosException">Linux refused, or nobody would keep the lease; everything is as before.</exception>
    Reservation Reserve(int cpu, CoreOptions options, TimeSpan? lease);

    /// <summary>Opens a core that it holds.</summary>
    /// <exception cref="SosException">It does not.</exception>
    IServiceCore Open(int cpu);

    /// <summary>Returns whether a core's lease is over and nobody gives the core back.</summary>
    /// <exception cref="SosException">Its lease cannot be read.</exception>
    bool IsOverdue(int cpu);

    /// <summary>Ends a core's lease that is over: from then on it cannot be renewed.</summary>
    /// <returns>False when it is not over, or there is none, or the core goes back by itself.</returns>
    bool TryEndLease(int cpu);

    /// <summary>Returns whether a device was given to a service on a core of this back end.</summary>
    /// <param name="card">What was recorded of it.</param>
    bool HadDevice(CardRecord card);

    /// <summary>Gives back a device whose core is with Linux already.</summary>
    /// <param name="cpu">The core that its service had.</param>
    /// <param name="card">What was recorded of it.</param>
    /// <param name="notes">Takes what did not work.</param>
    /// <returns>Whether Linux has it again; if not, it may be repeated.</returns>
    bool GiveBack(int cpu, CardRecord card, List<string> notes);
}

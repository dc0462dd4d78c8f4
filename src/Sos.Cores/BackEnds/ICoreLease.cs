using System;

namespace Sos.Cores.BackEnds;

/// <summary>How long a core stays ours.</summary>
public interface ICoreLease
{
    /// <summary>Sets or renews the lease, after which the core goes back by itself, whatever runs there; or ends it.</summary>
    /// <param name="length">From now, a year at most; null for no lease.</param>
    /// <exception cref="SosException">It is over already.</exception>
    void SetLease(TimeSpan? length);

    /// <summary>Gives the cpu back to Linux, whatever runs there.</summary>
    /// <returns>Nanoseconds until Linux had it.</returns>
    ulong Release();
}

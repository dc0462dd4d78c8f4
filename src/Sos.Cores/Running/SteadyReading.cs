using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Sos.Cores.Running;

/// <summary>
/// Reads what belongs to cores while other programs may start, stop or release their services: state, record and memory are then not of one
/// moment, and what one names the other may have lost. A reading that fails is repeated as long as somebody works on one of the cores.
/// </summary>
public static class SteadyReading
{
    /// <summary>Even if nobody works on them any more: whoever did may have ended since.</summary>
    private const int TriesMin = 3;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Reads.</summary>
    /// <param name="cpus">The cores.</param>
    /// <param name="read">Reads all of it, from the start.</param>
    /// <param name="folder">Where the cores' locks are.</param>
    /// <exception cref="SosException">What the last try said.</exception>
    public static T Read<T>(IReadOnlyCollection<int> cpus, Func<T> read, string folder = CoreRecord.DefaultFolder)
    {
        DateTime end = DateTime.UtcNow + Patience;
        for (int tries = 1; ; tries++)
        {
            try
            {
                return read();
            }
            catch (SosException) when (tries < TriesMin || (DateTime.UtcNow < end && cpus.Any(cpu => CoreLock.IsTaken(cpu, folder))))
            {
                Thread.Sleep(Pause);
            }
        }
    }
}

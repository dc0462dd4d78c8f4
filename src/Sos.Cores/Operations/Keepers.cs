using System;
using System.Collections.Generic;
using System.Globalization;
using Sos.Cores.Isolation;

namespace Sos.Cores.Operations;

/// <summary>The work of the processes that keep isolated cores' leases and fences.</summary>
public static class Keepers
{
    /// <summary>Keeps a core's lease until it is over, and gives the core back then.</summary>
    public static void KeepLease(CoreBackEnds backEnds, int cpu)
    {
        LeaveFolder();
        LeaseKeeper.Keep(cpu, () => _ = new CoreOperations(backEnds).EndLease(cpu));
    }

    /// <summary>Keeps all fences until there is none.</summary>
    public static void KeepFences()
    {
        LeaveFolder();
        FenceKeeper.Keep();
    }

    /// <summary>Does a keeper's work, if a program's arguments are those of one.</summary>
    /// <param name="backEnds">The back ends.</param>
    /// <param name="arguments">The arguments.</param>
    /// <returns>Whether they were.</returns>
    public static bool TryKeep(CoreBackEnds backEnds, IReadOnlyList<string> arguments)
    {
        switch (arguments)
        {
            case [FenceKeeper.CommandName]:
                KeepFences();
                return true;
            case [LeaseKeeper.CommandName, { } text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int cpu):
                KeepLease(backEnds, cpu);
                return true;
            default:
                return false;
        }
    }

    // Whoever started it may want to unmount its folder.
    private static void LeaveFolder() => Environment.CurrentDirectory = "/";
}

using System;
using System.Collections.Generic;
using System.Globalization;
using Sos.Cores.Isolation;

namespace Sos.Cores.Operations;

/// <summary>The work of the processes that keep isolated cores' leases and fences, and who does it.</summary>
public static class Keepers
{
    /// <summary>The command of the keeper of a lease; the core's number follows.</summary>
    public const string LeaseCommand = LeaseKeeper.CommandName;

    /// <summary>The command of the keeper of all fences.</summary>
    public const string FenceCommand = FenceKeeper.CommandName;

    /// <summary>Makes this very program the one that is started as a keeper. A program that reserves cores or starts services calls this first.</summary>
    /// <param name="arguments">The arguments in front of the keeper's command.</param>
    public static void BecomeProgram(params IReadOnlyList<string> arguments) => KeeperProgram.Current = KeeperProgram.Own(arguments);

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

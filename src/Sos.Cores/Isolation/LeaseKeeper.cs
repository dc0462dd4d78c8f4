using System;
using System.Globalization;
using System.IO;
using System.Threading;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation;

/// <summary>
/// Gives an isolated core back when its lease is over: a process of its own (<see cref="KeeperProgram"/>), for nobody else lives as long. It
/// holds a lock as long as it does. Should it be killed, the next renewal starts another, sosd another once it is over, and <c>core release</c> needs neither.
/// </summary>
public static class LeaseKeeper
{
    /// <summary>The command of the keeper program that is one.</summary>
    public const string CommandName = "keep-lease";

    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(10);
    private const int TriesMax = 10;

    /// <summary>Whether a core's keeper is there.</summary>
    public static bool IsThere(int cpu) => CoreLock.IsLocked(LockPath(cpu));

    /// <summary>Starts one, which outlives this program; none if there is one.</summary>
    /// <exception cref="SosException">It could not be started.</exception>
    public static void Start(int cpu)
    {
        if (!IsThere(cpu))
        {
            KeeperProgram.Start(CommandName, cpu.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Keeps a core's lease until it is over or there is none.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="giveBack">Gives the core back; called again later when it fails.</param>
    public static void Keep(int cpu, Action giveBack)
    {
        FileStream? exclusive = CoreLock.TryLock(LockPath(cpu));
        for (int tries = 0; exclusive is null; tries++)
        {
            // There is another: it keeps this lease, too, or it is about to end with a lease before this one, and then it is our turn.
            Thread.Sleep(Round);
            exclusive = CoreLock.TryLock(LockPath(cpu));
            if (exclusive is null && (tries >= TriesMax || LeaseRecord.Read(cpu) is null))
            {
                return;
            }
        }

        using (exclusive)
        {
            while (LeaseRecord.Read(cpu) is { } lease)
            {
                TimeSpan wait = lease.Left < Round ? lease.Left : Round;
                if (TryEnd(cpu))
                {
                    try
                    {
                        giveBack();
                        return;
                    }
                    catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
                    {
                        // Somebody works on the core, or Linux does not take it yet.
                        wait = RetryDelay;
                    }
                }

                Thread.Sleep(wait);
            }
        }
    }

    /// <summary>Whether a core's lease is over; from then on it cannot be renewed.</summary>
    public static bool TryEnd(int cpu)
    {
        if (LeaseRecord.Read(cpu) is not { } seen || (seen.Left > TimeSpan.Zero && !seen.IsOver))
        {
            return false;
        }

        using FileStream fences = IsolatedBackEnd.Lock();
        if (LeaseRecord.Read(cpu) is not { } lease || (lease.Left > TimeSpan.Zero && !lease.IsOver))
        {
            return false;
        }

        (lease with { IsOver = true }).Write(cpu);
        return true;
    }

    private static string LockPath(int cpu) => Path.Combine(CoreRecord.DefaultFolder, string.Create(CultureInfo.InvariantCulture, $"lease-{cpu}.lock"));
}

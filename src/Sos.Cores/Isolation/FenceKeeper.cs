using System;
using System.IO;
using System.Threading;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Network;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation;

/// <summary>
/// Looks at all fences each second, and at the network devices of services behind them, and mends both: a process of its own
/// (<see cref="KeeperProgram"/>), which starts with the first fence and ends with the last. It holds a lock as long as it lives. Should it be killed, the
/// next service or reservation starts another.
/// </summary>
public static class FenceKeeper
{
    /// <summary>The command of the keeper program that is one.</summary>
    public const string CommandName = "keep-fences";

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(1);

    private static string LockPath => Path.Combine(CoreRecord.DefaultFolder, "fence-keeper.lock");

    /// <summary>Whether there is one.</summary>
    public static bool IsThere => CoreLock.IsLocked(LockPath);

    /// <summary>Starts one, which outlives this program; none if there is one.</summary>
    /// <exception cref="SosException">It could not be started.</exception>
    public static void Start()
    {
        if (!IsThere)
        {
            // Whoever starts it may be in a namespace that is to go before it does.
            using NetworkNamespace? place = NetworkNamespace.TryEnterFirst();
            KeeperProgram.Start(CommandName);
        }
    }

    /// <summary>Keeps the fences until there is none.</summary>
    public static void Keep()
    {
        using FileStream? exclusive = CoreLock.TryLock(LockPath);
        StoppedProcesses stopped = new();
        using DeviceWatch devices = new();
        while (exclusive is not null && FenceRecord.List() is { Count: > 0 } fenced)
        {
            Try(() => devices.Look(fenced));
            Try(Look);
            Try(stopped.Look);
            Thread.Sleep(Round);
        }
    }

    private static void Try(Action look)
    {
        try
        {
            look();
        }
        catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
        {
            // Somebody builds or takes down a fence, or there is no room for the count: the next round looks again.
        }
    }

    private static void Look()
    {
        using FileStream fences = IsolatedBackEnd.Lock();
        foreach (int cpu in FenceRecord.List())
        {
            if (FenceRecord.Read(cpu) is not { } record)
            {
                continue;
            }

            FenceDrift before = FenceDrift.Read(cpu);
            FenceDrift drift = before;
            FenceRecord seen = FenceWatch.Look(record, ref drift);
            if (!ReferenceEquals(seen, record))
            {
                seen.Write();
            }

            if (drift != before)
            {
                drift.Write(cpu);
            }
        }
    }
}

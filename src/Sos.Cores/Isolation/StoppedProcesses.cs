using System.Collections.Generic;
using Sos.Cores.Running;
using Sos.Linux;

namespace Sos.Cores.Isolation;

/// <summary>
/// Ends services of which a process was stopped by a signal (SIGSTOP), as a watchdog ends one that hangs: nothing passes meanwhile, neither to the service nor,
/// where the device is to be open without it, to Linux. One that is seen stopped in two looks is killed, and the other process ends with it.
/// </summary>
/// <param name="folder">Where the fences' records are.</param>
internal sealed class StoppedProcesses(string folder = CoreRecord.DefaultFolder)
{
    private HashSet<(int Process, ulong Start)> _seen = [];

    /// <summary>Looks once.</summary>
    public void Look()
    {
        HashSet<(int Process, ulong Start)> stopped = [];
        foreach (int cpu in FenceRecord.List(folder))
        {
            if (FenceRecord.Read(cpu, folder) is { } fence && RunRecord.Read(fence.Folder) is { IsOurNamespace: true } run)
            {
                Look(run.Keeper, run.KeeperStart, stopped);
                Look(run.Runner, run.RunnerStart, stopped);
            }
        }

        _seen = stopped;
    }

    private void Look(int process, ulong start, HashSet<(int Process, ulong Start)> stopped)
    {
        if (!ThreadMask.IsStopped(process) || ThreadMask.StartTimeOf(process) != start)
        {
            return;
        }

        stopped.Add((process, start));
        if (_seen.Contains((process, start)))
        {
            _ = ProcessCalls.Kill(process, SignalCalls.Sigkill); // it may have ended, or gone on, at this moment
        }
    }
}

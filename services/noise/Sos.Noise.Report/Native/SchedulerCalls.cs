using System.Runtime.InteropServices;

namespace Sos.Noise.Report.Native;

/// <summary>sched_setscheduler(2).</summary>
internal static unsafe partial class SchedulerCalls
{
    public const int Fifo = 1; // SCHED_FIFO

    [LibraryImport("libc", EntryPoint = "sched_setscheduler", SetLastError = true)]
    public static partial int SetScheduler(int thread, int policy, int* priority);
}

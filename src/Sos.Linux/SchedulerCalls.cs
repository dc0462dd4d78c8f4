using System.Runtime.InteropServices;

namespace Sos.Linux;

/// <summary>The system calls about who runs where, and how.</summary>
public static unsafe partial class SchedulerCalls
{
    public const int Fifo = 1; // SCHED_FIFO
    public const int RoundRobin = 2; // SCHED_RR
    public const int ResetOnFork = 0x4000_0000; // SCHED_RESET_ON_FORK
    public const int PriorityProcess = 0; // PRIO_PROCESS

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    public static partial int SetAffinity(int thread, nuint size, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sched_setscheduler", SetLastError = true)]
    public static partial int SetScheduler(int thread, int policy, int* priority);

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    public static partial int SetPriority(int which, uint who, int nice);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint OpenProcess(nint number, nint process, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint TakeDescriptor(nint number, nint process, nint descriptor, nint flags);

    /// <summary>Has this thread, and what it starts, run before or behind others.</summary>
    /// <param name="nice">-20, before all, to 19.</param>
    /// <returns>0 or an errno.</returns>
    public static int SetNice(int nice) => SetPriority(PriorityProcess, 0, nice) == 0 ? 0 : Marshal.GetLastPInvokeError(); // of this thread

    /// <summary>pidfd_open(2): a descriptor that becomes readable as the process ends; negative when it is gone.</summary>
    public static int OpenProcess(int process)
    {
        const int pidfdOpen = 434; // SYS_pidfd_open, the same number on all architectures
        return (int)OpenProcess(pidfdOpen, process, 0);
    }

    /// <summary>pidfd_getfd(2): a copy of a descriptor of another process, which needs the right to trace it; negative on failure.</summary>
    /// <param name="process">A descriptor of the process.</param>
    /// <param name="descriptor">The descriptor's number there.</param>
    public static int TakeDescriptor(int process, int descriptor)
    {
        const int pidfdGetFd = 438; // SYS_pidfd_getfd, the same number on all architectures
        return (int)TakeDescriptor(pidfdGetFd, process, descriptor, 0);
    }
}

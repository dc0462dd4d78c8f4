using System.Runtime.InteropServices;

namespace Sos.Cores.Native;

/// <summary>The system calls about who runs where.</summary>
internal static unsafe partial class SchedulerCalls
{
    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int SetAffinity(int thread, nuint size, ulong* mask);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint OpenProcess(nint number, nint process, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint TakeDescriptor(nint number, nint process, nint descriptor, nint flags);

    /// <summary>Lets a thread run on some cpus only.</summary>
    /// <returns>0 or an errno.</returns>
    public static int SetAffinity(int thread, CpuSet cpus)
    {
        fixed (ulong* words = cpus.Words)
        {
            return SetAffinity(thread, (nuint)(cpus.Words.Length * sizeof(ulong)), words) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, uint who, int nice);

    /// <summary>Has this thread, and what it starts, run before or behind others.</summary>
    /// <param name="nice">-20, before all, to 19.</param>
    /// <returns>0 or an errno.</returns>
    public static int SetNice(int nice) => SetPriority(0, 0, nice) == 0 ? 0 : Marshal.GetLastPInvokeError(); // PRIO_PROCESS, of this thread

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

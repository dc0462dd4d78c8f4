using System.Runtime.InteropServices;
using Sos.Linux;

namespace Sos.Runner;

/// <summary>
/// How a runner and a keeper give up what they do not need: all capabilities, the right to gain any (no_new_privs), and all system calls
/// but a few (seccomp). A service that is taken over can then do no more than stop, fault, notify, or send wrong packets.
/// </summary>
internal static unsafe class Containment
{
    /// <summary>Argument of a runner that is to give up its rights first.</summary>
    public const string FirstArgument = "contain";

    /// <summary>Argument of a runner that has.</summary>
    public const string RunnerArgument = "contained";

    /// <summary>Argument of a keeper that has.</summary>
    public const string KeeperArgument = "contained-keeper";

    private const int SetNoNewPrivileges = 38; // PR_SET_NO_NEW_PRIVS
    private const int DropBounding = 24; // PR_CAPBSET_DROP
    private const int SetDumpable = 4; // PR_SET_DUMPABLE
    private const int CapabilitiesMax = 63;
    private const int MemoryLockLimit = 8; // RLIMIT_MEMLOCK
    private const int LockMemory = 14; // CAP_IPC_LOCK
    private const uint CapabilityVersion = 0x2008_0522; // _LINUX_CAPABILITY_VERSION_3
    private const int CoreLimit = 4; // RLIMIT_CORE
    private const ulong Unlimited = ulong.MaxValue;

    // The numbers of system calls on x86-64.
    private const int SysRead = 0, SysWrite = 1, SysPoll = 7, SysMprotect = 10, SysMunmap = 11, SysSigAction = 13, SysSigProcMask = 14, SysSigReturn = 15;
    private const int SysIoctl = 16, SysWriteParts = 20, SysYield = 24, SysMadvise = 28, SysNanosleep = 35, SysGetPid = 39, SysSendTo = 44, SysReceiveFrom = 45;
    private const int SysExit = 60, SysGetTid = 186, SysFutex = 202, SysRestart = 219, SysClockGetTime = 228, SysClockNanosleep = 230;
    private const int SysExitGroup = 231, SysTgkill = 234, SysPpoll = 271, SysRseq = 334, SysMembarrier = 324, SysSignalStack = 131, SysMmap = 9;

    private static readonly int[] ServiceCalls = [SysSigReturn, SysExitGroup, SysExit, SysGetTid];

    private static readonly int[] KeeperCalls =
    [
        SysRead, SysWrite, SysWriteParts, SysPoll, SysPpoll, SysIoctl, SysSendTo, SysReceiveFrom, SysTgkill, SysYield, SysNanosleep, SysClockNanosleep,
        SysClockGetTime, SysGetPid, SysGetTid, SysFutex, SysRestart, SysSigAction, SysSigProcMask, SysSigReturn, SysSignalStack, SysMadvise,
        SysMunmap, SysMmap, SysMprotect, SysMembarrier, SysRseq, SysExit, SysExitGroup,
    ];

    /// <summary>Lifts the limit of locked memory, gives up all rights, and starts this program again.</summary>
    /// <returns>Only when that failed: the exit code.</returns>
    public static int StartAgain(string argument)
    {
        bool mayLock = SetLimit(MemoryLockLimit, Unlimited);
        for (int capability = 0; capability <= CapabilitiesMax; capability++)
        {
            // Root's rights come back with exec, as far as the bounding set has them. Where the limit of locked memory cannot be lifted,
            // the right to lock stays until that is done. Numbers that this kernel does not know are refused (EINVAL).
            if (mayLock || capability != LockMemory)
            {
                _ = ProcessCalls.ProcessControl(DropBounding, (nuint)capability, 0, 0, 0);
            }
        }

        if (!SetLimit(CoreLimit, 0) || ProcessCalls.ProcessControl(SetNoNewPrivileges, 1, 0, 0, 0) != 0)
        {
            return 3;
        }

        byte* program = (byte*)Marshal.StringToCoTaskMemUTF8("/proc/self/exe");
        byte* name = (byte*)Marshal.StringToCoTaskMemUTF8("sos-runner");
        byte* mode = (byte*)Marshal.StringToCoTaskMemUTF8(argument);
        byte** arguments = stackalloc byte*[3] { name, mode, null };
        byte** environment = stackalloc byte*[1] { null };
        _ = ProcessCalls.Execve(program, arguments, environment);
        return 3;
    }

    /// <summary>Leaves this thread the calls of a service alone, and that of entering it; any other call ends the process.</summary>
    /// <param name="notifier">The one descriptor that may be written to.</param>
    /// <returns>0 or an errno.</returns>
    public static int RestrictService(int notifier)
    {
        _ = ProcessCalls.ProcessControl(SetDumpable, 0, 0, 0, 0);
        int errno = DropCapabilities();
        if (errno != 0)
        {
            return errno;
        }

        FilterProgram filter = new();
        foreach (int call in ServiceCalls)
        {
            filter.Allow(call);
        }

        filter.AllowWith(SysWrite, (0, (uint)notifier));
        filter.AllowWith(SysTgkill, (0, (uint)ProcessCalls.GetProcessId()), (1, (uint)HandlerCalls.GetThreadId()), (2, (uint)SignalCalls.Sigusr2));
        return filter.Install();
    }

    /// <summary>Leaves this thread the calls of a keeper, and threads that it starts; any other call ends the process.</summary>
    /// <param name="runner">The one process that may be sent a signal.</param>
    /// <returns>0 or an errno.</returns>
    public static int RestrictKeeper(int runner)
    {
        FilterProgram filter = new();
        foreach (int call in KeeperCalls)
        {
            if (call != SysTgkill)
            {
                filter.Allow(call);
            }
        }

        filter.AllowWith(SysTgkill, (0, (uint)runner), (2, (uint)SignalCalls.Sigusr1));
        int errno = DropCapabilities();
        return errno != 0 ? errno : filter.Install();
    }

    /// <summary>Drops what this thread has left: the right to lock memory, if any.</summary>
    private static int DropCapabilities()
    {
        uint* header = stackalloc uint[2] { CapabilityVersion, 0 };
        uint* none = stackalloc uint[6]; // effective, permitted, inheritable; for the lower and the upper 32
        new System.Span<uint>(none, 6).Clear();
        return ProcessCalls.SetCapabilities(header, none) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    private static bool SetLimit(int resource, ulong value)
    {
        ulong* limit = stackalloc ulong[2] { value, value };
        return ProcessCalls.SetLimit(resource, limit) == 0;
    }
}

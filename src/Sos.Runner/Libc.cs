using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Runner;

/// <summary>
/// The system calls of the runner. Those that the signal handler makes are on the list of signal-safety(7) and change no mode of
/// the runtime (SuppressGCTransition).
/// </summary>
internal static unsafe partial class Libc
{
    public const int ProtectRead = 1; // PROT_READ
    public const int ProtectWrite = 2; // PROT_WRITE
    public const int ProtectExecute = 4; // PROT_EXEC
    public const int MapShared = 1; // MAP_SHARED
    public const int MapPrivate = 2; // MAP_PRIVATE
    public const int MapAnonymous = 0x20; // MAP_ANONYMOUS
    public const int MapFixedNoReplace = 0x100000; // MAP_FIXED_NOREPLACE

    public const int Sigill = 4;
    public const int Sigtrap = 5;
    public const int Sigbus = 7;
    public const int Sigfpe = 8;
    public const int Sigusr1 = 10;
    public const int Sigsegv = 11;
    public const int Sigusr2 = 12;
    public const int SigBlock = 0; // SIG_BLOCK

    public static readonly void* MapFailed = (void*)-1;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial void* Mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int Munmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    public static partial int Mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "mlock", SetLastError = true)]
    public static partial int Mlock(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    public static partial int SchedSetAffinity(int thread, nuint size, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sigaltstack", SetLastError = true)]
    public static partial int SigAltStack(SignalStack* stack, SignalStack* former);

    [LibraryImport("libc", EntryPoint = "sigaction", SetLastError = true)]
    public static partial int SigAction(int signal, SignalAction* action, SignalAction* former);

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    public static partial int ThreadSigMask(int how, SignalSet* set, SignalSet* former);

    /// <summary>An ordinary P/Invoke: while the thread is in it, the runtime counts it as outside of managed code.</summary>
    [LibraryImport("libc", EntryPoint = "tgkill", SetLastError = true)]
    public static partial int SendToThread(int process, int thread, int signal);

    [LibraryImport("libc", EntryPoint = "getpid")]
    public static partial int GetProcessId();

    [LibraryImport("libc", EntryPoint = "getppid")]
    public static partial int GetParentId();

    public const int SchedFifo = 1; // SCHED_FIFO
    public const int SchedResetOnFork = 0x4000_0000; // SCHED_RESET_ON_FORK
    public const int PriorityProcess = 0; // PRIO_PROCESS
    public const int DoNotWait = 0x40; // MSG_DONTWAIT
    public const nuint GetInterfaceName = 0x8910; // SIOCGIFNAME
    public const nuint GetInterfaceFlags = 0x8913; // SIOCGIFFLAGS

    [LibraryImport("libc", EntryPoint = "sched_setscheduler", SetLastError = true)]
    public static partial int SchedSetScheduler(int thread, int policy, int* priority);

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    public static partial int SetPriority(int which, uint who, int nice);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    public static partial int SetLimit(int resource, ulong* limit);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    public static partial int ProcessControl(int operation, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc", EntryPoint = "capset", SetLastError = true)]
    public static partial int SetCapabilities(uint* header, uint* data);

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true)]
    public static partial int Execve(byte* path, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "sendto", SetLastError = true)]
    public static partial nint SendTo(int socket, void* buffer, nuint length, int flags, void* address, uint size);

    [LibraryImport("libc", EntryPoint = "recvfrom", SetLastError = true)]
    public static partial nint ReceiveFrom(int socket, void* buffer, nuint length, int flags, void* address, uint* size);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint WriteFrame(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    public static partial nint WriteParts(int descriptor, Part* parts, int count);

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Part
    {
        public void* Start;
        public nuint Length;
    }

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public const short In = 1; // POLLIN

        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    public static partial void ExitNow(int status);

    [LibraryImport("libc", EntryPoint = "gettid")]
    [SuppressGCTransition]
    public static partial int GetThreadId();

    [LibraryImport("libc", EntryPoint = "write")]
    [SuppressGCTransition]
    public static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "sigaction")]
    [SuppressGCTransition]
    public static partial int SigActionInHandler(int signal, SignalAction* action, SignalAction* former);

    /// <summary>stack_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct SignalStack
    {
        public void* Start;
        public int Flags;
        public nuint Size;
    }

    /// <summary>sigset_t of glibc: 1024 bits.</summary>
    [InlineArray(16)]
    public struct SignalSet
    {
        private ulong _first;
    }

    /// <summary>struct sigaction of glibc.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct SignalAction
    {
        public const int HasInfo = 4; // SA_SIGINFO
        public const int OnStack = 0x0800_0000; // SA_ONSTACK

        public void* Handler;
        public SignalSet Mask;
        public int Flags;
        public void* Restorer;
    }
}

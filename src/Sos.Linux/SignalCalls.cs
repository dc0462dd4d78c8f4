using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Linux;

/// <summary>The system calls about signals.</summary>
public static unsafe partial class SignalCalls
{
    public const int Sigill = 4;
    public const int Sigtrap = 5;
    public const int Sigbus = 7;
    public const int Sigfpe = 8;
    public const int Sigkill = 9;
    public const int Sigusr1 = 10;
    public const int Sigsegv = 11;
    public const int Sigusr2 = 12;
    public const int Block = 0; // SIG_BLOCK

    [LibraryImport("libc", EntryPoint = "sigaltstack", SetLastError = true)]
    public static partial int SetStack(SignalStack* stack, SignalStack* former);

    [LibraryImport("libc", EntryPoint = "sigaction", SetLastError = true)]
    public static partial int SetAction(int signal, SignalAction* action, SignalAction* former);

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    public static partial int SetThreadMask(int how, SignalSet* set, SignalSet* former);

    /// <summary>An ordinary P/Invoke: while the thread is in it, the runtime counts it as outside of managed code.</summary>
    [LibraryImport("libc", EntryPoint = "tgkill", SetLastError = true)]
    public static partial int SendToThread(int process, int thread, int signal);

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

using System.Runtime.InteropServices;

namespace Sos.Runner;

/// <summary>
/// ucontext_t of Linux on x86-64 as the kernel writes it (arch/x86/include/uapi/asm/ucontext.h, sigcontext.h): the state that a
/// thread goes on with when its signal handler returns.
/// </summary>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct SignalContext
{
    [FieldOffset(40)]
    public Registers General;

    /// <summary>Signals that are blocked, bit n - 1 for signal n.</summary>
    [FieldOffset(296)]
    public ulong BlockedSignals;

    /// <summary>The registers in the order of gregset_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Registers
    {
        public ulong R8, R9, R10, R11, R12, R13, R14, R15;
        public ulong Rdi, Rsi, Rbp, Rbx, Rdx, Rax, Rcx, Rsp, Rip, Rflags;
        public ulong Segments;
        public ulong ErrorCode, TrapNumber;
        public ulong OldMask;
        public ulong Cr2;
    }
}

using System;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Sos.Fuzz.Processor;

/// <summary>The general registers of a stopped thread: Linux's <c>struct user_regs_struct</c> of x86-64.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct UserRegisters
{
    public ulong R15, R14, R13, R12, Rbp, Rbx, R11, R10, R9, R8, Rax, Rcx, Rdx, Rsi, Rdi;
    public ulong OriginalRax, Rip, Cs, Flags, Rsp, Ss, FsBase, GsBase, Ds, Es, Fs, Gs;

    /// <summary>A general register by the number that instructions give it.</summary>
    public ulong this[int register]
    {
        get => *At(ref this, register);
        set => *At(ref this, register) = value;
    }

    // The registers in the order of their numbers, as indices of the words above.
    private static ReadOnlySpan<byte> Words => [10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0];

    private static ulong* At(ref UserRegisters registers, int register)
    {
        fixed (UserRegisters* first = &registers)
        {
            return (ulong*)first + Words[register];
        }
    }
}

/// <summary>ptrace(2), as far as stepping needs it. All calls for one process come from one thread.</summary>
internal static unsafe class Ptrace
{
    public const int SignalTrap = 5;
    private const long Poke = 4;
    private const long SingleStep = 9;
    private const long GetRegisters = 12;
    private const long SetRegisters = 13;
    private const long SetOptions = 0x4200;
    private const long Seize = 0x4206;
    private const long Interrupt = 0x4207;
    private const long ExitKill = 0x0010_0000;
    private const uint OwnerReadsAndRuns = 0x140; // 0500
    private const int WaitAll = 0x4000_0000; // __WALL

    /// <summary>Starts a program that has no arguments. .NET's own way would wait for the child too, and take the stops away.</summary>
    /// <exception cref="Win32Exception">Linux does not start it.</exception>
    public static int Start(string program)
    {
        nint path = Marshal.StringToCoTaskMemUTF8(program);
        nint* none = stackalloc nint[2] { path, 0 };
        int process;
        _ = ChangeMode(path, OwnerReadsAndRuns);
        int error = Spawn(&process, path, 0, 0, none, none + 1);
        Marshal.FreeCoTaskMem(path);
        return error == 0 ? process : throw new Win32Exception(error, program);
    }

    /// <summary>Ends a process that was started here.</summary>
    public static void End(int process)
    {
        int status;
        _ = Kill(process, 9);
        _ = WaitPid(process, &status, WaitAll);
    }

    /// <summary>Takes hold of a process, which dies with this one.</summary>
    /// <exception cref="Win32Exception">Linux does not allow it.</exception>
    public static void Attach(int process)
    {
        Require(Call(Seize, process, 0, ExitKill), "PTRACE_SEIZE");
        Require(Call(Interrupt, process, 0, 0), "PTRACE_INTERRUPT");
        Wait(process);
        Require(Call(SetOptions, process, 0, ExitKill), "PTRACE_SETOPTIONS");
    }

    /// <summary>Reads the registers.</summary>
    public static void Read(int process, out UserRegisters registers)
    {
        fixed (UserRegisters* at = &registers)
        {
            Require(Call(GetRegisters, process, 0, (long)at), "PTRACE_GETREGS");
        }
    }

    /// <summary>Writes the registers.</summary>
    public static void Write(int process, ref UserRegisters registers)
    {
        fixed (UserRegisters* at = &registers)
        {
            Require(Call(SetRegisters, process, 0, (long)at), "PTRACE_SETREGS");
        }
    }

    /// <summary>Writes 8 bytes of the process's memory.</summary>
    public static void WriteWord(int process, ulong address, ulong value) => Require(Call(Poke, process, (long)address, (long)value), "PTRACE_POKETEXT");

    /// <summary>Runs one instruction.</summary>
    /// <returns>The signal that stopped it: SIGTRAP if it ran.</returns>
    public static int Step(int process)
    {
        Require(Call(SingleStep, process, 0, 0), "PTRACE_SINGLESTEP");
        return Wait(process);
    }

    private static int Wait(int process)
    {
        int status;
        int result;
        do
        {
            result = WaitPid(process, &status, WaitAll);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == 4); // EINTR

        Require(result, "waitpid");
        return (status & 0xff) == 0x7f ? (status >> 8) & 0xff : throw new InvalidOperationException($"the stepped process ended, status 0x{status:x}");
    }

    private static void Require(long result, string what)
    {
        if (result < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), what);
        }
    }

    [DllImport("libc", EntryPoint = "ptrace", SetLastError = true)]
    private static extern long Call(long request, int process, long address, long data);

    [DllImport("libc", EntryPoint = "posix_spawn")]
    private static extern int Spawn(int* process, nint path, nint actions, nint attributes, nint* arguments, nint* environment);

    [DllImport("libc", EntryPoint = "chmod")]
    private static extern int ChangeMode(nint path, uint mode);

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);

    [DllImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static extern int WaitPid(int process, int* status, int options);
}

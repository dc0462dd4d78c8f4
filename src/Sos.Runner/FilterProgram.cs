using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Linux;

namespace Sos.Runner;

/// <summary>A seccomp filter (seccomp(2)): classic BPF over struct seccomp_data. What it does not allow ends the process.</summary>
internal sealed unsafe class FilterProgram
{
    private const ushort LoadWord = 0x20; // BPF_LD | BPF_W | BPF_ABS
    private const ushort JumpEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    private const ushort Return = 0x06; // BPF_RET | BPF_K
    private const uint Allowed = 0x7fff_0000; // SECCOMP_RET_ALLOW
    private const uint Killed = 0x8000_0000; // SECCOMP_RET_KILL_PROCESS
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;
    private const uint ArgumentsOffset = 16;
    private const uint ArchitectureX64 = 0xc000_003e; // AUDIT_ARCH_X86_64
    private const int SetFilter = 22; // PR_SET_SECCOMP
    private const int FilterMode = 2; // SECCOMP_MODE_FILTER

    private readonly List<Instruction> _code =
    [
        new(LoadWord, 0, 0, ArchitectureOffset),
        new(JumpEqual, 1, 0, ArchitectureX64),
        new(Return, 0, 0, Killed),
    ];

    /// <summary>Allows a call.</summary>
    public void Allow(int number) => AllowWith(number);

    /// <summary>Allows a call if the lower halves of some arguments have these values; the upper ones are of no meaning for what is an int.</summary>
    public void AllowWith(int number, params ReadOnlySpan<(int Argument, uint Value)> conditions)
    {
        // Each test that fails jumps behind the last instruction of this rule.
        int left = (2 * conditions.Length) + 1;
        _code.Add(new Instruction(LoadWord, 0, 0, NumberOffset));
        _code.Add(new Instruction(JumpEqual, 0, (byte)left, (uint)number));
        foreach ((int argument, uint value) in conditions)
        {
            left -= 2;
            _code.Add(new Instruction(LoadWord, 0, 0, ArgumentsOffset + ((uint)argument * 8)));
            _code.Add(new Instruction(JumpEqual, 0, (byte)left, value));
        }

        _code.Add(new Instruction(Return, 0, 0, Allowed));
    }

    /// <summary>Puts it before this thread's system calls, for good.</summary>
    /// <returns>0 or an errno.</returns>
    public int Install()
    {
        Instruction[] code = [.. _code, new Instruction(Return, 0, 0, Killed)];
        fixed (Instruction* start = code)
        {
            Header header = new() { Length = (ushort)code.Length, Code = start };
            return ProcessCalls.ProcessControl(SetFilter, FilterMode, (nuint)(&header), 0, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>struct sock_filter.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Constant);

    /// <summary>struct sock_fprog.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public ushort Length;
        public Instruction* Code;
    }
}

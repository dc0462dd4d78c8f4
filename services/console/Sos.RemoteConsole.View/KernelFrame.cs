using System;

namespace Sos.RemoteConsole.View;

/// <summary>The outcome of a step from a function to its caller.</summary>
public enum UnwindResult : byte
{
    /// <summary>The caller was found.</summary>
    Found = 0,

    /// <summary>There is none: the stack is at its end.</summary>
    End,

    /// <summary>A program was interrupted, or called the kernel: no function of the kernel's is left.</summary>
    Program,

    /// <summary>The caller cannot be found: nothing is known of the function, or its stack is overwritten.</summary>
    Lost,
}

/// <summary>A function that a task is in, and all that is needed to find its caller.</summary>
public struct KernelFrame
{
    /// <summary>Where the processor stores registers as they are on the kernel's stack: struct pt_regs, whose order programs know from ptrace(2).</summary>
    private const ulong StoredR13 = 16;
    private const ulong StoredBp = 32;
    private const ulong StoredR10 = 56;
    private const ulong StoredAx = 80;
    private const ulong StoredDx = 96;
    private const ulong StoredDi = 112;
    private const ulong StoredIp = 128;

    // From there on as the processor stores them at an interrupt (SDM vol. 3, "64-Bit Mode Stack Frame").
    private const ulong InterruptCs = 8;
    private const ulong InterruptSp = 24;

    private const ulong RingMask = 3;

    /// <summary>Stacks are of this size or of a part of it, and aligned: within one, a caller's stack lies above.</summary>
    private const int StackBits = 14;

    // Indices of CpuRegistersLayout.Registers.
    private const int IndexAx = 0;
    private const int IndexDx = 3;
    private const int IndexDi = 5;
    private const int IndexR10 = 9;
    private const int IndexR13 = 12;

    /// <summary>Where <see cref="Instruction"/> was found.</summary>
    public ulong Place;

    /// <summary>The instruction at which the function goes on.</summary>
    public ulong Instruction;

    /// <summary>The stack pointer.</summary>
    public ulong Stack;

    /// <summary>RBP.</summary>
    public ulong Base;

    /// <summary>Where all registers of the function are stored; 0 if they are not.</summary>
    public ulong Registers;

    /// <summary>Whether the function was interrupted before <see cref="Instruction"/>; else it has called another.</summary>
    public bool IsInterrupted;

    /// <summary>The instruction whose entry tells how to go on: the call, which may be the function's last.</summary>
    public readonly ulong Looked => IsInterrupted ? Instruction : Instruction - 1;

    /// <summary>Reads the innermost function of a task that no CPU runs.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="stack">Its stack pointer: task_struct.thread.sp.</param>
    /// <param name="frame">The function.</param>
    /// <returns>False if it cannot be read, or this kernel does not tell how.</returns>
    public static bool TryRead(ref LinuxMemory memory, ulong stack, out KernelFrame frame)
    {
        frame = default;
        if (!memory.Symbols.HasAll(LinuxField.InactiveFrameSize, LinuxField.InactiveReturn)
            || !memory.TryRead(stack, LinuxField.InactiveFramePointer, out frame.Base)
            || !memory.TryRead(stack, LinuxField.InactiveReturn, out frame.Instruction))
        {
            return false;
        }

        frame.Place = stack + memory.Value(LinuxField.InactiveReturn);
        frame.Stack = stack + memory.Value(LinuxField.InactiveFrameSize);
        frame.IsInterrupted = memory.Symbols.Has(LinuxField.ForkReturn) && frame.Instruction == memory.Value(LinuxField.ForkReturn);
        return true;
    }

    /// <summary>Goes to the caller.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="entry">The entry of <see cref="Looked"/>.</param>
    /// <param name="registers">The registers that a CPU holds in this function: RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8 and so on; or none.</param>
    /// <returns>Whether there is one; if not, the frame is what it was.</returns>
    public UnwindResult TryLeave(ref LinuxMemory memory, in OrcEntry entry, ReadOnlySpan<ulong> registers)
    {
        if (entry.Kind is OrcKind.End or OrcKind.Unknown)
        {
            return entry.Kind == OrcKind.End ? UnwindResult.End : UnwindResult.Lost;
        }

        if (!TryFindCallersStack(ref memory, in entry, registers, out ulong stack))
        {
            return UnwindResult.Lost;
        }

        KernelFrame next = new() { IsInterrupted = entry.IsInterrupted, Base = Base };
        if (entry.Kind == OrcKind.Call)
        {
            next.Place = stack - sizeof(ulong);
            next.Stack = stack;
        }
        else
        {
            bool isWhole = entry.Kind == OrcKind.Registers;
            next.Registers = isWhole ? stack : Registers;
            next.Place = isWhole ? stack + StoredIp : stack;
            if (!memory.TryRead(next.Place + InterruptCs, out ushort segment) || !memory.TryRead(next.Place + InterruptSp, out next.Stack))
            {
                return UnwindResult.Lost;
            }

            if ((segment & RingMask) != 0)
            {
                return UnwindResult.Program;
            }
        }

        if (!memory.TryRead(next.Place, out next.Instruction) || next.Instruction < LinuxSymbolsHeader.FunctionBase
            || !TryFindBase(ref memory, in entry, stack, ref next) || IsBelow(next.Stack, Stack))
        {
            return UnwindResult.Lost;
        }

        this = next;
        return UnwindResult.Found;
    }

    /// <summary>Whether a caller's stack would lie below in the same stack, which leads in circles.</summary>
    private static bool IsBelow(ulong next, ulong stack) => (next ^ stack) >> StackBits == 0 && next <= stack;

    private readonly bool TryFindCallersStack(ref LinuxMemory memory, in OrcEntry entry, ReadOnlySpan<ulong> registers, out ulong stack)
    {
        bool isKnown = true;
        stack = 0;
        switch (entry.StackBase)
        {
            case OrcBase.Stack or OrcBase.AtStack:
                stack = Stack;
                break;
            case OrcBase.Frame or OrcBase.AtFrame:
                stack = Base;
                break;
            case OrcBase.Ax:
                isKnown = TryFindRegister(ref memory, registers, IndexAx, StoredAx, out stack);
                break;
            case OrcBase.Dx:
                isKnown = TryFindRegister(ref memory, registers, IndexDx, StoredDx, out stack);
                break;
            case OrcBase.Di:
                isKnown = TryFindRegister(ref memory, registers, IndexDi, StoredDi, out stack);
                break;
            case OrcBase.R10:
                isKnown = TryFindRegister(ref memory, registers, IndexR10, StoredR10, out stack);
                break;
            case OrcBase.R13:
                isKnown = TryFindRegister(ref memory, registers, IndexR13, StoredR13, out stack);
                break;
            default:
                return false;
        }

        // At RSP lies the number to which the offset is added; at RBP and the offset lies the number itself.
        ulong offset = (ulong)(long)entry.StackOffset;
        switch (entry.StackBase)
        {
            case OrcBase.AtStack:
                isKnown = memory.TryRead(stack, out stack);
                stack = unchecked(stack + offset);
                break;
            case OrcBase.AtFrame:
                isKnown = memory.TryRead(unchecked(stack + offset), out stack);
                break;
            default:
                stack = unchecked(stack + offset);
                break;
        }

        return isKnown && stack % sizeof(ulong) == 0;
    }

    private readonly bool TryFindRegister(ref LinuxMemory memory, ReadOnlySpan<ulong> registers, int index, ulong stored, out ulong value)
    {
        if (index < registers.Length)
        {
            value = registers[index];
            return true;
        }

        value = 0;
        return Registers != 0 && memory.TryRead(Registers + stored, out value);
    }

    private readonly bool TryFindBase(ref LinuxMemory memory, in OrcEntry entry, ulong stack, ref KernelFrame next)
    {
        ulong offset = (ulong)(long)entry.FrameOffset;
        return entry.FrameBase switch
        {
            OrcBase.None => next.Registers == 0 || memory.TryRead(next.Registers + StoredBp, out next.Base),
            OrcBase.CallersStack => memory.TryRead(unchecked(stack + offset), out next.Base),
            OrcBase.Frame => memory.TryRead(unchecked(Base + offset), out next.Base),
            _ => false,
        };
    }
}

using System;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>stack</c>: the functions that a task is in, by the return addresses on its stack.</summary>
internal readonly struct StackCommand : ICommand
{
    private const int TasksPerStep = 32;
    private const int WordsPerStep = 64;

    /// <summary>The smallest stack that Linux has on this processor; larger ones (KASAN) are read as far.</summary>
    private const ulong StackSize = 16 << 10;

    /// <summary>Bytes of the longest call: a prefix, ff, an address of 6 bytes.</summary>
    private const int CallMax = 8;

    private const int Place = TaskWalk.NumbersUsed;
    private const int End = Place + 1;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "stack"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "PID"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "return addresses on a process's kernel stack, innermost first; older ones may be among them"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "PLACE               ADDRESS             OFFSET  FUNCTION"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        Words words = new(run.Arguments);
        if (!Words.TryReadNumber(words.Take(), out ulong pid) || pid > int.MaxValue || !words.Take().IsEmpty)
        {
            return run.Fail("stack takes the number of a process, as ps shows it"u8, CommandRun.Usage);
        }

        if (!LinuxView.IsOpen(ref run, LinuxField.TaskTasks, LinuxField.TaskPid, LinuxField.TaskStack, LinuxField.TaskStackPointer))
        {
            return CommandProgress.Done;
        }

        return run.State.Kept[End] == 0 ? Find(ref run, (int)pid) : Scan(ref run);
    }

    private static CommandProgress Find(ref CommandRun run, int pid)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        TaskWalk walk = new(ref run);
        for (int i = 0; i < TasksPerStep; i++)
        {
            switch (walk.Next(out ulong task))
            {
                case WalkStep.End:
                    return run.Fail("there is no process of that number"u8);
                case WalkStep.Torn:
                    return run.Fail("the list of tasks is torn before that process"u8);
                case WalkStep.Task when linux.TryRead(task, LinuxField.TaskPid, out int found) && found == pid:
                    return Begin(ref run, ref linux, task);
            }
        }

        return CommandProgress.More;
    }

    private static CommandProgress Begin(ref CommandRun run, ref LinuxMemory linux, ulong task)
    {
        if (!linux.TryRead(task, LinuxField.TaskStack, out ulong stack) || !linux.TryRead(task, LinuxField.TaskStackPointer, out ulong pointer)
            || !linux.TryRead(task, LinuxField.TaskOnCpu, out int onCpu))
        {
            return run.Fail("that process has no stack that can be read"u8);
        }

        // Of one that a CPU runs, nobody has written down how far its stack goes, unless the CPU stored its registers.
        bool isStored = onCpu != 0 && TryFindStored(ref run, ref linux, task, out pointer);
        bool isKnown = (onCpu == 0 || isStored) && pointer >= stack && pointer - stack < StackSize;
        run.State.Kept[Place] = (isKnown ? pointer : stack) & ~7UL;
        run.State.Kept[End] = stack + StackSize;
        if (!isKnown && !run.State.IsJson)
        {
            run.Output.WriteLine("a CPU runs it: the whole stack follows, with what is left of earlier calls"u8);
        }

        return CommandProgress.More;
    }

    private static bool TryFindStored(ref CommandRun run, ref LinuxMemory linux, ulong task, out ulong pointer)
    {
        bool isKnown = linux.TryRead(task, LinuxField.TaskCpu, out uint cpu);
        bool isStored = LinuxView.TryReadPlace(ref run, cpu, out CpuRegistersLayout stored);
        pointer = stored.Rsp;
        return isKnown && isStored;
    }

    private static CommandProgress Scan(ref CommandRun run)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        ref ulong place = ref run.State.Kept[Place];
        for (int i = 0; i < WordsPerStep; i++, place += sizeof(ulong))
        {
            if (place >= run.State.Kept[End])
            {
                return CommandProgress.Done;
            }

            if (linux.TryRead(place, out ulong address) && IsReturnAddress(ref linux, address)
                && linux.Symbols.TryFindFunction(address - 1, out ReadOnlySpan<byte> name, out ulong offset))
            {
                Write(ref run, place, address, name, offset + 1);
                place += sizeof(ulong);
                return CommandProgress.More;
            }
        }

        return CommandProgress.More;
    }

    private static void Write(ref CommandRun run, ulong place, ulong address, scoped ReadOnlySpan<byte> name, ulong offset)
    {
        RowWriter row = run.BeginRow();
        row.Hex("place"u8, place, 16);
        row.Hex("address"u8, address, 16);
        row.Hex("offset"u8, offset);
        row.Text("function"u8, name);
        row.End();
    }

    /// <summary>Whether the instruction before an address is a call: what merely looks like an address of code mostly is none.</summary>
    internal static bool IsReturnAddress(ref LinuxMemory linux, ulong address)
    {
        if (address < LinuxSymbolsHeader.FunctionBase)
        {
            return false;
        }

        Span<byte> code = stackalloc byte[CallMax];
        if (!linux.TryRead(address - CallMax, code))
        {
            return false;
        }

        if (code[CallMax - 5] == 0xe8)
        {
            return true; // call rel32
        }

        // call r/m64 (ff /2), with a displacement of 0, 1 or 4 bytes, and perhaps a SIB byte; SDM vol. 2, 2.1.5.
        for (int length = 2; length <= 7; length++)
        {
            int at = CallMax - length;
            if (code[at] == 0xff && (code[at + 1] & 0x38) == 0x10 && LengthOfCall(code[at + 1], length > 2 ? code[at + 2] : (byte)0) == length)
            {
                return true;
            }
        }

        return false;
    }

    private static int LengthOfCall(byte form, byte scale)
    {
        int mode = form >> 6;
        bool hasScale = mode != 3 && (form & 7) == 4;
        bool hasWideBase = mode == 0 && ((form & 7) == 5 || (hasScale && (scale & 7) == 5));
        return 2 + (hasScale ? 1 : 0) + (mode == 1 ? 1 : mode == 2 || hasWideBase ? 4 : 0);
    }
}

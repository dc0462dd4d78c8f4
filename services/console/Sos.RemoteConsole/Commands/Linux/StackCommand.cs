using System;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>stack</c>: the functions of the kernel that a process or a CPU is in.</summary>
internal readonly struct StackCommand : ICommand
{
    private const int TasksPerStep = 32;
    private const int WordsPerStep = 64;

    /// <summary>The smallest stack that Linux has on this processor; larger ones (KASAN) are read as far.</summary>
    private const ulong StackSize = 16 << 10;

    private const ulong RingMask = 3;

    /// <summary>No function of the kernel's is larger.</summary>
    private const ulong FunctionSizeMax = 1 << 20;

    // Numbers that are kept, behind those of the walks: Process and Pointer are of one that no CPU runs, to see whether it has run since.
    private const int Place = StackWalk.NumbersUsed;
    private const int End = Place + 1;
    private const int Process = Place + 2;
    private const int Pointer = Place + 3;

    private enum Phase : byte
    {
        Find = 0,
        Unwind,
        Scan,
    }

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "stack"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "PID|--cpu CPU"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "the kernel's functions that a process or a CPU is in, innermost first; what is a guess is marked"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "PLACE               ADDRESS             HOW    FUNCTION, OFFSET"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!TryReadOptions(run.Arguments, out uint number, out bool isCpu))
        {
            return run.Fail("stack takes the number of a process or thread, as ps shows it, or --cpu with that of a CPU"u8, CommandRun.Usage);
        }

        if (!LinuxView.IsOpen(ref run, LinuxField.TaskTasks, LinuxField.TaskPid, LinuxField.TaskStack, LinuxField.TaskStackPointer)
            || (isCpu && !LinuxView.IsOpen(ref run, LinuxField.CpuIds, LinuxField.PerCpuOffset, LinuxField.RunQueues, LinuxField.RunQueueCurrent)))
        {
            return CommandProgress.Done;
        }

        return (Phase)run.State.Step switch
        {
            Phase.Find => isCpu ? FindCpu(ref run, number) : Find(ref run, (int)number),
            Phase.Unwind => Unwind(ref run),
            _ => Scan(ref run),
        };
    }

    private static CommandProgress Find(ref CommandRun run, int pid)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        TaskWalk walk = new(ref run, hasThreads: true);
        for (int i = 0; i < TasksPerStep; i++)
        {
            switch (walk.Next(out ulong task))
            {
                case WalkStep.End:
                    return run.Fail("there is no process or thread of that number"u8);
                case WalkStep.Torn:
                    return run.Fail("the list of tasks is torn before that process"u8);
                case WalkStep.Task when linux.TryRead(task, LinuxField.TaskPid, out int found) && found == pid:
                    return Begin(ref run, ref linux, task);
            }
        }

        return CommandProgress.More;
    }

    private static CommandProgress FindCpu(ref CommandRun run, uint cpu)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        if (cpu >= CpuMask.Count(ref linux))
        {
            return run.Fail("Linux has no such CPU: 'cpus' lists them"u8);
        }

        if (LinuxView.TryReadPlace(ref run, cpu, out CpuRegistersLayout registers))
        {
            return BeginHeld(ref run, cpu, in registers, 0);
        }

        return linux.TryFindPerCpu(linux.Value(LinuxField.RunQueues), cpu, out ulong queue)
            && linux.TryRead(queue, LinuxField.RunQueueCurrent, out ulong task) && task != 0
            ? Begin(ref run, ref linux, task) : run.Fail("what that CPU runs cannot be read"u8);
    }

    private static CommandProgress Begin(ref CommandRun run, ref LinuxMemory linux, ulong task)
    {
        if (!linux.TryRead(task, LinuxField.TaskStack, out ulong stack) || !linux.TryRead(task, LinuxField.TaskStackPointer, out ulong pointer)
            || !linux.TryRead(task, LinuxField.TaskOnCpu, out int onCpu))
        {
            return run.Fail("that process has no stack that can be read"u8);
        }

        ulong end = stack + StackSize;
        if (onCpu != 0)
        {
            // Of one that a CPU runs, nobody has written down how far its stack goes, unless the CPU stored its registers.
            if (TryFindHeld(ref run, ref linux, task, stack, out uint cpu, out CpuRegistersLayout registers))
            {
                return BeginHeld(ref run, cpu, in registers, end);
            }

            Say(ref run, "a CPU runs it: the whole stack follows, with what is left of earlier calls; after 'nmi --look' it can be told apart"u8);
            return BeginScan(ref run, stack, end);
        }

        if (pointer < stack || pointer - stack >= StackSize || !KernelFrame.TryRead(ref linux, pointer, out KernelFrame frame)
            || !OrcTable.TryOpenImage(ref linux, out _))
        {
            return BeginScan(ref run, pointer < stack || pointer - stack >= StackSize ? stack : pointer, end);
        }

        run.State.Kept[End] = end;
        run.State.Kept[Process] = task;
        run.State.Kept[Pointer] = pointer;
        new StackWalk(ref run).Begin(in frame);
        run.State.Step = (ulong)Phase.Unwind;
        Write(ref run, in frame, isGuess: false);
        return CommandProgress.More;
    }

    /// <summary>Whether the CPU that runs a task has stored registers that are this task's: at the panic, or with a stack pointer into its stack.</summary>
    private static bool TryFindHeld(
        ref CommandRun run, ref LinuxMemory linux, ulong task, ulong stack, out uint cpu, out CpuRegistersLayout registers)
    {
        registers = default;
        return linux.TryRead(task, LinuxField.TaskCpu, out cpu) && LinuxView.TryReadPlace(ref run, cpu, out registers)
            && ((registers.Flags & CpuRegistersLayout.AtPanic) != 0 || (registers.Rsp >= stack && registers.Rsp - stack < StackSize));
    }

    private static CommandProgress BeginHeld(ref CommandRun run, uint cpu, in CpuRegistersLayout registers, ulong end)
    {
        if ((registers.Cs & RingMask) != 0)
        {
            Say(ref run, "the CPU was in the program itself: it is in no function of the kernel's"u8);
            return CommandProgress.Done;
        }

        if (!OrcTable.TryOpenImage(ref run.Context.Linux, out _))
        {
            return BeginScan(ref run, registers.Rsp, end);
        }

        run.State.Kept[End] = end;
        KernelFrame frame = new StackWalk(ref run).Begin(cpu, in registers);
        run.State.Step = (ulong)Phase.Unwind;
        Write(ref run, in frame, isGuess: false);
        return CommandProgress.More;
    }

    private static CommandProgress Unwind(ref CommandRun run)
    {
        StackWalk walk = new(ref run);
        CpuRegistersLayout registers = default;
        bool isHeld = walk.TryFindCpu(out uint cpu) && LinuxView.TryReadPlace(ref run, cpu, out registers)
            && registers.Rip == walk.At && registers.Rsp == walk.Pointer;
        if (!walk.TryStep(isHeld ? (ReadOnlySpan<ulong>)registers.Registers : default, out KernelFrame frame, out UnwindResult result))
        {
            return CommandProgress.More;
        }

        if (result != UnwindResult.Found && HasRun(ref run))
        {
            return run.Fail("it ran meanwhile, so that this may be of several moments: ask again"u8);
        }

        switch (result)
        {
            case UnwindResult.Found:
                Write(ref run, in frame, walk.IsGuess);
                return CommandProgress.More;
            case UnwindResult.Lost:
                Say(ref run, "the kernel's tables lead no further; what follows is a guess: return addresses, older ones among them"u8);
                return BeginScan(ref run, walk.Pointer, run.State.Kept[End]);
            default:
                return CommandProgress.Done;
        }
    }

    /// <summary>Whether a process that no CPU ran has run since.</summary>
    private static bool HasRun(ref CommandRun run)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        ulong task = run.State.Kept[Process];
        return task != 0 && (!linux.TryRead(task, LinuxField.TaskOnCpu, out int onCpu) || onCpu != 0
            || !linux.TryRead(task, LinuxField.TaskStackPointer, out ulong pointer) || pointer != run.State.Kept[Pointer]);
    }

    /// <summary>Begins to look for return addresses, from a place up to the end of its stack.</summary>
    private static CommandProgress BeginScan(ref CommandRun run, ulong place, ulong end)
    {
        bool isWithin = place < end && end - place <= StackSize;
        run.State.Kept[End] = isWithin ? end : (place | (StackSize - 1)) + 1; // stacks of interrupts are of that size, or smaller
        run.State.Kept[Place] = place & ~7UL;
        run.State.Step = (ulong)Phase.Scan;
        return CommandProgress.More;
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

            if (linux.TryRead(place, out ulong address) && ReturnAddress.Is(ref linux, address) && linux.Symbols.TryFindFunction(address - 1, out _, out _))
            {
                Write(ref run, new KernelFrame { Place = place, Instruction = address }, isGuess: true);
                place += sizeof(ulong);
                return CommandProgress.More;
            }
        }

        return CommandProgress.More;
    }

    private static void Write(ref CommandRun run, in KernelFrame frame, bool isGuess)
    {
        // A return address may be the first one behind its function: the call is looked up. Far behind the last function lies code that has no name.
        bool isNamed = run.Context.Linux.Symbols.TryFindFunction(frame.Looked, out ReadOnlySpan<byte> name, out ulong offset) && offset < FunctionSizeMax;
        RowWriter row = run.BeginRow();
        row.Hex("place"u8, frame.Place, 16);
        row.Hex("address"u8, frame.Instruction, 16);
        row.Text("how"u8, isGuess ? "guess"u8 : "table"u8, 5);
        row.Text("function"u8, isNamed ? name : "?"u8);
        row.Hex("offset"u8, isNamed ? offset + (frame.Instruction - frame.Looked) : 0);
        row.End();
    }

    /// <summary>Says something to people; programs see the rows alone.</summary>
    private static void Say(ref CommandRun run, ReadOnlySpan<byte> text)
    {
        if (!run.State.IsJson)
        {
            run.Output.WriteLine(text);
        }
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> arguments, out uint number, out bool isCpu)
    {
        Words words = new(arguments);
        ReadOnlySpan<byte> word = words.Take();
        isCpu = word.SequenceEqual("--cpu"u8);
        word = isCpu ? words.Take() : word;
        bool isNumber = Words.TryReadNumber(word, out ulong value) && value <= int.MaxValue && words.Take().IsEmpty;
        number = (uint)value;
        return isNumber;
    }
}

using System;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary>Goes from function to function of a kernel's stack over many steps of a command, by the kernel's own unwinding tables.</summary>
internal readonly ref struct StackWalk
{
    /// <summary>Numbers of the command's memory that the walk takes, from the first one on: another walk is over by then.</summary>
    public const int NumbersUsed = 9;

    /// <summary>Modules that a step looks at.</summary>
    private const int ModulesPerStep = 8;

    /// <summary>A stack of 16 KiB has no room for more calls that matter; a torn one may lead in circles.</summary>
    private const ulong FramesMax = 256;

    private const int Instruction = 0;
    private const int Stack = 1;
    private const int Base = 2;
    private const int Registers = 3;
    private const int Flags = 4;
    private const int Node = 5;
    private const int Modules = 6;
    private const int Frames = 7;
    private const int Cpu = 8;

    private const ulong Interrupted = 1;
    private const ulong Held = 2; // the function's registers are those that a CPU has stored
    private const ulong Guessed = 4;

    private readonly ref LinuxMemory _linux;
    private readonly Span<ulong> _kept;

    /// <summary>Goes on with a walk, or begins one.</summary>
    /// <param name="run">The command's step.</param>
    public StackWalk(ref CommandRun run)
    {
        _linux = ref run.Context.Linux;
        _kept = run.State.Kept[..NumbersUsed];
    }

    /// <summary>Whether what was found last is not certain: code on the way has no tables, and was taken to keep frame pointers.</summary>
    public bool IsGuess => (_kept[Flags] & Guessed) != 0;

    /// <summary>The instruction of the function that was found last.</summary>
    public ulong At => _kept[Instruction];

    /// <summary>The stack pointer of the function that was found last.</summary>
    public ulong Pointer => _kept[Stack];

    /// <summary>Begins at a function.</summary>
    public void Begin(in KernelFrame frame)
    {
        _kept.Clear();
        Keep(in frame, 0);
    }

    /// <summary>Begins where a CPU was that has stored its registers.</summary>
    /// <param name="cpu">The CPU.</param>
    /// <param name="registers">Its registers.</param>
    /// <returns>The function.</returns>
    public KernelFrame Begin(uint cpu, in CpuRegistersLayout registers)
    {
        KernelFrame frame = new()
        {
            Place = registers.Rsp,
            Instruction = registers.Rip,
            Stack = registers.Rsp,
            Base = registers.Registers[6],
            IsInterrupted = true,
        };
        _kept.Clear();
        _kept[Cpu] = cpu;
        Keep(in frame, Held);
        return frame;
    }

    /// <summary>Finds the CPU that has stored the registers of the function that was found last.</summary>
    /// <returns>False if that is no CPU's innermost function.</returns>
    public bool TryFindCpu(out uint cpu)
    {
        cpu = (uint)_kept[Cpu];
        return (_kept[Flags] & Held) != 0;
    }

    /// <summary>Goes to the caller, or a step towards it.</summary>
    /// <param name="registers">The registers that this CPU has stored; none if it has stored others since.</param>
    /// <param name="frame">The caller.</param>
    /// <param name="result">Whether there is one.</param>
    /// <returns>False as long as it is not known: a module is looked for.</returns>
    public bool TryStep(scoped ReadOnlySpan<ulong> registers, out KernelFrame frame, out UnwindResult result)
    {
        frame = new KernelFrame
        {
            Instruction = _kept[Instruction],
            Stack = _kept[Stack],
            Base = _kept[Base],
            Registers = _kept[Registers],
            IsInterrupted = (_kept[Flags] & Interrupted) != 0,
        };
        result = UnwindResult.Lost;
        if (++_kept[Frames] > FramesMax)
        {
            return true;
        }

        if (!TryFindEntry(frame.Looked, out OrcEntry entry, out bool isGuess, out bool isFound))
        {
            _kept[Frames]--;
            return false;
        }

        if (isFound)
        {
            result = frame.TryLeave(ref _linux, in entry, registers);
        }

        if (result == UnwindResult.Found)
        {
            Keep(in frame, (_kept[Flags] & Guessed) | (isGuess ? Guessed : 0));
        }

        return true;
    }

    private void Keep(in KernelFrame frame, ulong flags)
    {
        _kept[Instruction] = frame.Instruction;
        _kept[Stack] = frame.Stack;
        _kept[Base] = frame.Base;
        _kept[Registers] = frame.Registers;
        _kept[Flags] = flags | (frame.IsInterrupted ? Interrupted : 0);
        _kept[Node] = 0;
        _kept[Modules] = 0;
    }

    /// <summary>Looks for an instruction's entry: in the image's table, or in that of the module that holds it.</summary>
    /// <returns>False as long as that is not known.</returns>
    private bool TryFindEntry(ulong instruction, out OrcEntry entry, out bool isGuess, out bool isFound)
    {
        entry = default;
        isGuess = false;
        isFound = false;
        if (instruction >= _linux.Value(LinuxField.ImageStart) && instruction < _linux.Value(LinuxField.ImageEnd))
        {
            isFound = OrcTable.TryOpenImage(ref _linux, out OrcTable image) && image.TryFind(ref _linux, instruction, out entry);
            return true;
        }

        if (!_linux.Symbols.Has(LinuxField.Modules) || !_linux.Symbols.Has(LinuxField.ModuleList))
        {
            return true;
        }

        ulong head = _linux.Value(LinuxField.Modules);
        for (int i = 0; i < ModulesPerStep; i++)
        {
            ulong node = _kept[Node] == 0 ? head : _kept[Node];
            if ((node != head && !LinkedList.IsLinked(ref _linux, node)) || !LinkedList.TryFollow(ref _linux, node, out ulong next)
                || ++_kept[Modules] > LinkedList.EntriesMax)
            {
                return true; // torn
            }

            if (next == head)
            {
                // Code that was made at run time: BPF programs keep frame pointers.
                entry = OrcEntry.ByFramePointer;
                isGuess = true;
                isFound = true;
                return true;
            }

            _kept[Node] = next;
            ulong module = next - _linux.Value(LinuxField.ModuleList);
            if (LinuxModule.Holds(ref _linux, module, instruction))
            {
                isFound = OrcTable.TryOpenModule(ref _linux, module, out OrcTable table) && table.TryFind(ref _linux, instruction, out entry);
                return true;
            }
        }

        return false;
    }
}

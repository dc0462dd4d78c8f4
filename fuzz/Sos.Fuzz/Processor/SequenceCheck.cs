using System;
using System.Collections.Generic;
using System.Linq;
using Iced.Intel;
using Sos.Image;
using Sos.Image.Verification;
using Sos.Image.Verification.Forms;

namespace Sos.Fuzz.Processor;

/// <summary>
/// Runs programs that the verifier accepts, one instruction at a time, and holds what it says of each instruction against the
/// processor's registers, flags and stack: wherever control goes there must be a state, and it must be true.
/// </summary>
internal sealed class SequenceCheck(SteppedProcess process)
{
    private const ulong ImageBase = SteppedProcess.CodeAt;
    private const int StepsMax = 300;
    private const int IterationsMax = 64;
    private const ulong WordSize = InstructionAccess.WordSize;
    private const ulong StackTop = SteppedProcess.ArenaAt + SteppedProcess.ArenaSize - 1024;
    private static readonly int[] CallerSaved = [0, 1, 2, 6, 7, 8, 9, 10, 11];

    private readonly Stack<(ulong Function, ulong ReturnTo, Concretion Concretion)> _calls = new();
    private ServiceImage _image = null!;
    private Verdict _verdict = null!;
    private Dictionary<ulong, Instruction> _instructions = [];

    /// <summary>How many instructions ran.</summary>
    public long Steps { get; private set; }

    /// <summary>Verifies a program, and runs it if it is accepted.</summary>
    /// <returns>Whether it was accepted.</returns>
    /// <exception cref="FuzzException">The processor did something else than the verifier says.</exception>
    public bool Try(byte[] file, Random random)
    {
        _image = ServiceImage.Read(file);
        _verdict = ImageVerifier.Examine(_image, null, new VerifierOptions { KeepStates = true });
        if (!_verdict.Diagnostics.IsEmpty)
        {
            return false;
        }

        _instructions = _verdict.Instructions.ToDictionary(i => i.IP);
        foreach (ImageSegment s in _image.Segments)
        {
            s.Data.Span.CopyTo(process.Code[(int)s.Rva..]);
        }

        Run(random);
        return true;
    }

    private void Run(Random random)
    {
        UserRegisters registers = process.Template;
        registers.OriginalRax = ulong.MaxValue;
        for (int r = 0; r < 16; r++)
        {
            registers[r] = random.Next(3) switch
            {
                0 => (ulong)random.Next(12),
                1 => RandomState.DataAddress(random),
                _ => (ulong)random.NextInt64(),
            };
        }

        registers.Rsp = StackTop;
        registers.Rip = ImageBase + _image.Entry;
        _calls.Clear();
        Enter(_image.Entry, 0, ref registers);
        bool isChanged = true;
        for (int n = 0; n < StepsMax; n++)
        {
            Instruction i = Check(ref registers);
            Effect effect = InstructionForms.EffectOf(i.Code);
            if (effect == Effect.Gate && _calls.Count > 1)
            {
                PassGate(ref registers, random);
                isChanged = true;
                continue;
            }

            if (effect == Effect.Gate || BreaksPremise(i, effect, ref registers) || !Step(i, ref registers, isChanged))
            {
                return;
            }

            isChanged = false;
            Steps++;
            Follow(i, effect, ref registers);
        }
    }

    /// <summary>Holds what is known at the instruction that is next against what is.</summary>
    private Instruction Check(ref UserRegisters registers)
    {
        ulong rva = registers.Rip - ImageBase;
        (ulong function, _, Concretion concretion) = _calls.Peek();
        FuzzException.Require(_verdict.Functions[function].States.TryGetValue(rva, out MachineState? state),
            $"control goes to 0x{rva:x} in the function at 0x{function:x}, where the verifier has been");
        string? problem = concretion.Contradiction(state!, ref registers, process);
        FuzzException.Require(problem is null, $"0x{rva:x} {_instructions[rva]}: {problem}");
        return _instructions[rva];
    }

    private bool Step(in Instruction i, ref UserRegisters registers, bool isChanged)
    {
        ulong from = registers.Rip;
        bool ran = isChanged ? process.Step(ref registers) : process.Continue(ref registers);
        for (int n = 0; ran && registers.Rip == from && i.HasRepPrefix && n < IterationsMax; n++)
        {
            ran = process.Continue(ref registers);
        }

        return ran;
    }

    private void Follow(in Instruction i, Effect effect, ref UserRegisters registers)
    {
        if (effect == Effect.Call)
        {
            Enter(i.NearBranchTarget, ImageBase + i.NextIP, ref registers);
        }
        else if (effect == Effect.Return)
        {
            FuzzException.Require(registers.Rip == _calls.Pop().ReturnTo, $"0x{i.IP:x}: a return goes to where the call was, not to 0x{registers.Rip:x}");
        }
    }

    private void Enter(ulong function, ulong returnTo, ref UserRegisters registers)
    {
        ulong[] saved = new ulong[16];
        for (int r = 0; r < 16; r++)
        {
            saved[r] = registers[r];
        }

        _calls.Push((function, returnTo, new Concretion(registers.Rsp, ImageBase, saved, _image)));
    }

    /// <summary>Does in the gate what the driver may: only what a called function keeps is kept.</summary>
    private static void PassGate(ref UserRegisters registers, Random random)
    {
        registers.Rip += 2;
        foreach (int r in CallerSaved)
        {
            registers[r] = (ulong)random.NextInt64();
        }
    }

    /// <summary>Whether an instruction stores, through a pointer that the verifier does not know for an address of the frame, to a return
    /// address or to the slot of a saved register: the theorem says nothing of what follows. It does of a store to any other slot.</summary>
    private bool BreaksPremise(in Instruction i, Effect effect, ref UserRegisters registers)
    {
        InstructionAccess access = InstructionAccess.Of(i, effect);
        ulong at = i.IP;
        Span<FrameAccess> frame = stackalloc FrameAccess[2];
        int known = StateAt(_calls.Peek().Function, at).FrameAccesses(i, effect, frame);
        bool stores = access.WritesMemory || effect is Effect.RepeatedMove or Effect.RepeatedStore;
        if (!stores || (known > 0 && frame[0].IsWrite))
        {
            return false;
        }

        ulong address = access.WritesMemory ? StepCheck.AddressOf(i, registers) : registers.Rdi;
        ulong size = access.WritesMemory ? (ulong)access.MemorySize : registers.Rcx;
        ulong end = address + Math.Min(size, ulong.MaxValue - address);
        foreach ((ulong function, ulong returnTo, Concretion concretion) in _calls)
        {
            // A caller counts on what is known where the call returns to.
            IEnumerable<long> saved = StateAt(function, at).Slots.Where(s => s.Value.Kind == ValueKind.Saved).Select(s => s.At);
            if (saved.Prepend(0).Select(distance => unchecked(concretion.Frame + (ulong)distance)).Any(slot => address < slot + WordSize && slot < end))
            {
                return true;
            }

            at = returnTo - ImageBase;
        }

        return false;
    }

    private MachineState StateAt(ulong function, ulong rva) => _verdict.Functions[function].States[rva];
}

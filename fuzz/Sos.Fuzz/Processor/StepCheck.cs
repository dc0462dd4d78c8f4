using System;
using System.Buffers.Binary;
using Iced.Intel;
using Sos.Image.Verification;
using Sos.Image.Verification.Forms;

namespace Sos.Fuzz.Processor;

/// <summary>Tells how a trial of bytes on the processor ended.</summary>
internal enum StepOutcome
{
    /// <summary>The verifier does not allow them.</summary>
    Refused,

    /// <summary>They ran, and did what the verifier takes them to do.</summary>
    Agreed,

    /// <summary>The processor raised a fault, with which control ends, or a string is so long that it was left.</summary>
    Faulted,
}

/// <summary>
/// Runs single instructions on the processor, in random states, and compares what they changed with what the verifier takes them to
/// change: length, registers, RSP, memory, flags, and the abstract state.
/// </summary>
internal sealed class StepCheck(SteppedProcess process)
{
    private const int Rsp = 4;
    private const ulong ImageBase = SteppedProcess.CodeAt;
    private const int CodeOffset = 0x1000;
    private const int IterationsMax = 64;

    /// <summary>CF, PF, AF, ZF, SF and OF.</summary>
    private const ulong StatusFlags = 0x8d5;

    private readonly EncodingFilter _filter = new(ImageBase + CodeOffset);
    private readonly byte[] _before = new byte[SteppedProcess.ArenaSize];

    /// <summary>Tries bytes in one random state.</summary>
    /// <exception cref="FuzzException">The processor did something else than the verifier says.</exception>
    public StepOutcome Try(ReadOnlySpan<byte> bytes, Random random)
    {
        if (!_filter.IsAllowed(bytes, out Instruction i, out Effect effect) || effect is Effect.Gate or Effect.Switch)
        {
            return StepOutcome.Refused;
        }

        if (Aim(i, random))
        {
            FuzzException.Require(_filter.IsAllowed([.. _filter.Window], out i, out effect), $"another displacement does not change whether {i} is allowed");
        }

        RandomState state = RandomState.Make(random, process, i);
        _filter.Window.CopyTo(process.Code[CodeOffset..]);
        process.Code.Slice(CodeOffset + i.Length, 16).Fill(0xcc);
        process.Arena.CopyTo(_before);
        UserRegisters before = state.Registers;
        before.Rip = ImageBase + CodeOffset;
        UserRegisters after = before;
        bool ran = process.Step(ref after);

        // A repeated string and a gather trap after each element (SDM vol. 2, REP and VPGATHERDD).
        bool hasElements = effect is Effect.RepeatedMove or Effect.RepeatedStore || i.MemoryIndex.IsVectorRegister();
        for (int n = 0; ran && hasElements && after.Rip == before.Rip && n < IterationsMax; n++)
        {
            ran = process.Continue(ref after);
        }

        if (!ran || (hasElements && after.Rip == before.Rip))
        {
            return StepOutcome.Faulted;
        }

        string? problem = Compare(i, effect, state, ref before, ref after);
        FuzzException.Require(problem is null, $"{i} ({Convert.ToHexString(_filter.Window[..i.Length])}, {i.Code}): {problem}");
        return StepOutcome.Agreed;
    }

    /// <summary>Lets a long displacement from RIP or RSP lead to memory that there is.</summary>
    private bool Aim(in Instruction i, Random random)
    {
        if (i.MemoryDisplSize is not (4 or 8) || !(i.IsIPRelativeMemoryOperand || (i.MemoryBase == Register.RSP && i.MemoryIndex == Register.None)))
        {
            return false;
        }

        _filter.Decode(out ConstantOffsets constants);
        int displacement = i.IsIPRelativeMemoryOperand ? (int)(RandomState.DataAddress(random) - i.NextIP) : random.Next(200, 400);
        BinaryPrimitives.WriteInt32LittleEndian(_filter.Window[constants.DisplacementOffset..], displacement);
        return true;
    }

    private string? Compare(in Instruction i, Effect effect, RandomState state, ref UserRegisters before, ref UserRegisters after)
    {
        InstructionAccess access = InstructionAccess.Of(i, effect);
        if (!IsNext(i, effect, ref before, ref after))
        {
            return $"control goes on at 0x{after.Rip:x}, from 0x{before.Rip:x}";
        }

        ulong rsp = unchecked(before.Rsp + (effect switch
        {
            Effect.Push or Effect.Call => ulong.MaxValue - 7,
            Effect.Pop or Effect.Return => 8,
            _ => 0,
        }));
        for (int r = 0; r < 16; r++)
        {
            ulong expected = r == Rsp ? rsp : before[r];
            if ((access.Registers & (1 << r)) == 0 && after[r] != expected)
            {
                return $"register {r} became 0x{after[r]:x}, from 0x{before[r]:x}, and the verifier says that it does not change";
            }
        }

        if (InstructionForms.KeepsFlags(effect) && ((before.Flags ^ after.Flags) & StatusFlags) != 0)
        {
            return $"flags became 0x{after.Flags:x}, from 0x{before.Flags:x}, and the verifier says that they do not change";
        }

        return CompareMemory(i, effect, access, state, ref before) ?? CompareStates(i, effect, state, ref after);
    }

    private static bool IsNext(in Instruction i, Effect effect, ref UserRegisters before, ref UserRegisters after) => effect switch
    {
        Effect.Jump or Effect.Call => after.Rip == i.NearBranchTarget,
        Effect.Branch => after.Rip == i.NearBranchTarget || after.Rip == i.NextIP,
        Effect.Return => true,
        _ => after.Rip == i.NextIP && i.NextIP == before.Rip + (ulong)i.Length,
    };

    /// <summary>Requires that no byte changed outside of what the instruction may write, and that what the verifier takes for a frame's
    /// place is one.</summary>
    private string? CompareMemory(in Instruction i, Effect effect, InstructionAccess access, RandomState state, ref UserRegisters before)
    {
        ulong address = AddressOf(i, before);
        Span<FrameAccess> frame = stackalloc FrameAccess[2];
        int count = state.Abstract.FrameAccesses(i, effect, frame);
        if (access.MemorySize != 0 && count > 0 && effect != Effect.Push
            && unchecked(address - (state.Concretion.Frame + (ulong)frame[0].At.At)) > (ulong)frame[0].At.Extra)
        {
            return $"memory at 0x{address:x} is accessed, and the verifier says {frame[0]}";
        }

        (ulong from, ulong size) = effect switch
        {
            Effect.Push or Effect.Call => (before.Rsp - 8, 8UL),
            Effect.RepeatedMove or Effect.RepeatedStore => (before.Rdi, before.Rcx),
            _ when access.WritesMemory => (address, (ulong)access.MemorySize),
            _ => (0UL, 0UL),
        };
        ReadOnlySpan<byte> arena = process.Arena;
        for (int at = arena.CommonPrefixLength(_before); at < arena.Length;)
        {
            if (unchecked(SteppedProcess.ArenaAt + (ulong)at - from) >= size)
            {
                return $"memory at 0x{SteppedProcess.ArenaAt + (ulong)at:x} changed, and the verifier says {size} bytes at 0x{from:x} may";
            }

            at++;
            at += arena[at..].CommonPrefixLength(_before.AsSpan(at));
        }

        return null;
    }

    private string? CompareStates(in Instruction i, Effect effect, RandomState state, ref UserRegisters after)
    {
        MachineState abstracted = state.Abstract.Copy();
        switch (effect)
        {
            case Effect.Branch when i.NearBranchTarget != i.NextIP:
                abstracted.Assume(i.ConditionCode, after.Rip != i.NextIP);
                break;
            case Effect.Jump or Effect.Branch or Effect.Call or Effect.Return or Effect.Trap:
                return null;
            default:
                abstracted.Execute(i, effect);
                break;
        }

        return state.Concretion.Contradiction(abstracted, ref after, process);
    }

    /// <summary>The address of a memory operand, from the processor's registers.</summary>
    public static ulong AddressOf(in Instruction i, UserRegisters registers)
    {
        ulong Value(Register register) => register.IsGPR64() ? registers[InstructionAccess.Index(register)] : 0;
        return i.IsIPRelativeMemoryOperand ? i.IPRelativeMemoryAddress
            : unchecked(Value(i.MemoryBase) + (Value(i.MemoryIndex) * (ulong)i.MemoryIndexScale) + i.MemoryDisplacement64);
    }
}

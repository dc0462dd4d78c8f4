using System;
using System.Collections.Generic;
using System.Linq;
using Iced.Intel;
using Sos.Image.Verification.Forms;

namespace Sos.Image.Verification;

/// <summary>A place relative to the function's frame that an instruction accesses.</summary>
/// <param name="At">Its address, on the stack.</param>
/// <param name="Size">Its bytes; -1 if that is not bounded.</param>
/// <param name="IsWrite">Whether it may change.</param>
internal readonly record struct FrameAccess(Value At, long Size, bool IsWrite);

/// <summary>
/// Describes the machine at an instruction: the values of the general registers, of the 8-byte slots of the function's frame at or above RSP, and the
/// outcome of a comparison. A store through any other pointer than a known stack address may change a slot, as addresses of locals leave the function.
/// It is taken to spare the return address and the slots of saved registers, whose addresses no compiler takes: where data goes is not proven.
/// </summary>
internal sealed class MachineState : IEquatable<MachineState>
{
    private const int RegisterCount = 16;
    private const int Rsp = InstructionAccess.Rsp;
    private const int SlotSize = InstructionAccess.WordSize;

    /// <summary>The largest bound that is kept.</summary>
    private const ulong BelowMax = 1UL << 31;

    // What a called function must leave as it was (System V psABI, 3.2.1); RSP is checked by itself. All others it may change.
    private static readonly Register[] CalleeSaved =
        [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];

    private readonly Value[] _registers;
    private FrameSlots _slots;
    private Comparison _compared;

    private MachineState(Value[] registers, FrameSlots slots, Comparison compared)
    {
        _registers = registers;
        _slots = slots;
        _compared = compared;
    }

    /// <summary>At a function's first instruction.</summary>
    public static MachineState AtEntry()
    {
        Value[] registers = new Value[RegisterCount];
        foreach (Register r in CalleeSaved)
        {
            registers[InstructionAccess.Index(r)] = Value.Saved(InstructionAccess.Index(r));
        }

        registers[Rsp] = Value.Stack(0);
        return new MachineState(registers, FrameSlots.None, Comparison.None);
    }

    /// <summary>A state of its parts, for tests.</summary>
    internal static MachineState Of(ReadOnlySpan<Value> registers, IReadOnlyDictionary<long, Value> slots, Comparison compared) =>
        new([.. registers], FrameSlots.Of(slots), compared);

    /// <summary>Gives the value of RSP.</summary>
    public Value StackPointer => _registers[Rsp];

    /// <summary>Gives the values of the registers, by their numbers.</summary>
    public ReadOnlySpan<Value> Registers => _registers;

    /// <summary>Gives the values of the slots, by their distance from RSP at the function's entry.</summary>
    public FrameSlots Slots => _slots;

    /// <summary>Whether a join widened an address in it.</summary>
    public bool HasHulls => Array.Exists(_registers, v => v.Hulls != 0) || _slots.HasHulls;

    /// <summary>Gives the comparison that the flags still tell.</summary>
    public Comparison Compared => _compared;

    /// <summary>The first register that a caller counts on and that does not hold what it held at the entry, or none.</summary>
    public Register FirstNotRestored() => CalleeSaved.FirstOrDefault(r =>
        _registers[InstructionAccess.Index(r)] is var v && (v.Kind != ValueKind.Saved || v.At != InstructionAccess.Index(r)));

    /// <summary>A copy that can be changed.</summary>
    public MachineState Copy() => new([.. _registers], _slots, _compared);

    /// <summary>Keeps the facts that hold whichever way one came.</summary>
    /// <param name="other">The state on the other way.</param>
    /// <param name="isLoop">Whether that way comes around a loop.</param>
    public MachineState Join(MachineState other, bool isLoop)
    {
        Value[] registers = new Value[RegisterCount];
        for (int i = 0; i < RegisterCount; i++)
        {
            registers[i] = _registers[i].Join(other._registers[i], isLoop);
        }

        // Frames of two sizes are not one frame: the hull of two stack pointers would tell nothing that a return could use.
        registers[Rsp] = StackPointer == other.StackPointer ? StackPointer : Value.Unknown;

        return new MachineState(registers, _slots.Join(other._slots, isLoop), _compared == other._compared ? _compared : Comparison.None);
    }

    /// <summary>Lists the accesses of an instruction to places that are named relative to the function's frame.</summary>
    /// <returns>How many there are, 2 at most.</returns>
    public int FrameAccesses(in Instruction i, Effect effect, Span<FrameAccess> accesses)
    {
        InstructionAccess access = InstructionAccess.Of(i, effect);
        int count = 0;
        if (access.MemorySize != 0 && AddressOf(i) is { Kind: ValueKind.Stack } at)
        {
            accesses[count++] = new(at, access.MemorySize, access.WritesMemory);
        }

        if (effect is Effect.Push or Effect.Call && StackPointer.Plus(-SlotSize) is { Kind: ValueKind.Stack } top)
        {
            accesses[count++] = new(top, SlotSize, true);
        }

        if (effect is Effect.RepeatedMove or Effect.RepeatedStore)
        {
            // The direction flag is clear: no instruction that sets it is allowed.
            uint below = _registers[InstructionAccess.Rcx].FullBelow;
            long size = below == 0 ? -1 : below - 1;
            if (_registers[InstructionAccess.Rdi] is { Kind: ValueKind.Stack } destination)
            {
                accesses[count++] = new(destination, size, true);
            }

            if (effect == Effect.RepeatedMove && _registers[InstructionAccess.Rsi] is { Kind: ValueKind.Stack } source)
            {
                accesses[count++] = new(source, size, false);
            }
        }

        return count;
    }

    /// <summary>Goes past an instruction that is no branch, call or return.</summary>
    public void Execute(in Instruction i, Effect effect)
    {
        InstructionAccess access = InstructionAccess.Of(i, effect);
        Value stored = StoredSlot(i, effect, out Value storedAt);
        Value result = Evaluate(i, effect);
        Comparison compared = effect == Effect.Compare ? Compare(i) : InstructionForms.KeepsFlags(effect) ? _compared : Comparison.None;
        Value stackPointer = effect switch
        {
            Effect.Push => StackPointer.Plus(-SlotSize),
            Effect.Pop => StackPointer.Plus(SlotSize),
            _ => StackPointer,
        };
        Span<FrameAccess> accesses = stackalloc FrameAccess[2];
        for (int n = FrameAccesses(i, effect, accesses) - 1; n >= 0; n--)
        {
            if (accesses[n].IsWrite)
            {
                Forget(accesses[n].At, accesses[n].Size);
            }
        }

        if (StoresAnywhere(i, effect, access))
        {
            _slots = _slots.SavedAlone();
        }

        _compared = compared;
        _registers[Rsp] = stackPointer;
        for (int r = 0; r < RegisterCount; r++)
        {
            if ((access.Registers & (1 << r)) != 0)
            {
                SetRegister(r, Value.Unknown);
            }
        }

        if (i.OpCount > 0 && i.Op0Kind == OpKind.Register && result != Value.Unknown)
        {
            SetRegister(InstructionAccess.Index(i.Op0Register), result);
        }

        ForgetBelowStackPointer();
        if (storedAt.IsExactStack && stored != Value.Unknown && storedAt.At >= StackPointer.At + StackPointer.Extra)
        {
            _slots = _slots.With(storedAt.At, stored);
        }
    }

    /// <summary>Goes past a call, or the gate, which calls the driver.</summary>
    /// <param name="argumentBytes">How many bytes above its return address the called function may write.</param>
    public void ReturnFromCall(long argumentBytes)
    {
        for (int r = 0; r < RegisterCount; r++)
        {
            if (r != Rsp && !Array.Exists(CalleeSaved, saved => InstructionAccess.Index(saved) == r))
            {
                SetRegister(r, Value.Unknown);
            }
        }

        // The called function may have the address of a slot, in a register or wherever it was stored before.
        _compared = Comparison.None;
        _slots = _slots.SavedAlone();
        Forget(StackPointer, argumentBytes);
        ForgetBelowStackPointer();
    }

    /// <summary>Goes past a call of a function that is a return and nothing else.</summary>
    public void ReturnAtOnce() => ForgetBelowStackPointer();

    /// <summary>Takes what a conditional branch tells of the value that was compared.</summary>
    public void Assume(ConditionCode condition, bool holds)
    {
        ulong below = _compared.IsUseful ? _compared.Below(condition, holds) : 0;
        if (below is 0 or > BelowMax)
        {
            return;
        }

        ulong copies = _compared.Copies;
        if (_compared.Register >= 0)
        {
            copies = copies == 0 ? _registers[_compared.Register].Copies : copies;
            _registers[_compared.Register] = _registers[_compared.Register].Bounded((uint)below, _compared.IsWide);
        }

        if (copies != 0)
        {
            // Only the lower halves are the same: what was compared in full bounds the lower half of a copy.
            ChangeCopies(copies, value => value.Bounded((uint)below, isWide: false));
        }
    }

    public bool Equals(MachineState? other) => other is not null && _compared == other._compared
        && _registers.AsSpan().SequenceEqual(other._registers) && _slots.Equals(other._slots);

    public override bool Equals(object? obj) => Equals(obj as MachineState);

    public override int GetHashCode() => _registers[Rsp].GetHashCode();

    /// <summary>The address of the memory operand, if it is a stack or image address.</summary>
    private Value AddressOf(in Instruction i)
    {
        long displacement = (long)i.MemoryDisplacement64;
        return (i.MemoryBase, i.MemoryIndex) switch
        {
            (Register.RIP, _) => Value.Image(i.IPRelativeMemoryAddress),
            ( >= Register.RAX and <= Register.R15, Register.None) => Of(i.MemoryBase).Plus(displacement),
            (Register.None, >= Register.RAX and <= Register.R15) when i.MemoryIndexScale == 1 => Of(i.MemoryIndex).Plus(displacement),
            _ => Value.Unknown,
        };
    }

    private Value Of(Register register) => _registers[InstructionAccess.Index(register)];

    /// <summary>Computes the new value of the first operand, a general register; unknown for most.</summary>
    private Value Evaluate(in Instruction i, Effect effect)
    {
        if (i.OpCount == 0 || i.Op0Kind != OpKind.Register || !(i.Op0Register.IsGPR32() || i.Op0Register.IsGPR64()))
        {
            return Value.Unknown;
        }

        bool isWide = i.Op0Register.IsGPR64();
        switch (effect)
        {
            case Effect.Copy:
                return Copied(i, isWide);
            case Effect.Extend:
                return Extended(i, isWide);
            case Effect.Address when isWide:
                return AddressOf(i);
            case Effect.Sum when isWide && i.Op1Kind == OpKind.Register:
                return Value.Sum(Of(i.Op0Register), Of(i.Op1Register));
            case Effect.Sum when isWide && i.Op1Kind != OpKind.Memory:
                return Of(i.Op0Register).Plus((long)i.GetImmediate(1));
            case Effect.Difference when isWide && i.Op1Kind is not (OpKind.Register or OpKind.Memory):
                return Of(i.Op0Register).Plus(-(long)i.GetImmediate(1));
            case Effect.Mask when i.Op1Kind is not (OpKind.Register or OpKind.Memory):
                return Masked(Of(i.Op0Register), (long)i.GetImmediate(1), isWide);
            case Effect.Pop:
                // POP RSP loads what was pushed: nothing that is known.
                return i.Op0Register == Register.RSP ? Value.Unknown : SlotAt(StackPointer);
            case Effect.Arithmetic when i.Mnemonic == Mnemonic.Xor && i.Op1Kind == OpKind.Register && i.Op0Register == i.Op1Register:
                return Value.AtMost(0);
            case Effect.Arithmetic or Effect.Sum or Effect.Difference or Effect.Address or Effect.Extract when !isWide:
                return Value.Extended();
            default:
                return Value.Unknown;
        }
    }

    private Value Copied(in Instruction i, bool isWide)
    {
        if (i.Op1Kind == OpKind.Register)
        {
            // Both are given a name, so that a bound that is found for one holds for the other.
            int source = InstructionAccess.Index(i.Op1Register);
            if (_registers[source] is { HasFacts: true, Copies: 0 })
            {
                ChangeCopies(i.IP, value => value.Named(0));
                _compared = _compared.Copies == i.IP ? _compared with { Copies = 0 } : _compared;
                _registers[source] = _registers[source].Named(i.IP);
            }

            return isWide ? _registers[source] : _registers[source].LowerHalf();
        }

        if (i.Op1Kind == OpKind.Memory)
        {
            return isWide ? SlotAt(AddressOf(i)) : TableEntry(i, isSigned: false) ?? Value.Extended();
        }

        // A sign-extended immediate that is negative is above every bound.
        ulong immediate = isWide ? i.GetImmediate(1) : (uint)i.GetImmediate(1);
        return immediate <= uint.MaxValue ? Value.AtMost(immediate) : Value.Unknown;
    }

    private Value Extended(in Instruction i, bool isWide)
    {
        if (i.Mnemonic == Mnemonic.Movsxd)
        {
            return (i.Op1Kind == OpKind.Memory ? TableEntry(i, isSigned: true) : null) ?? Value.Unknown;
        }

        if (i.Mnemonic == Mnemonic.Movsx)
        {
            return isWide ? Value.Unknown : Value.Extended();
        }

        bool isByte = i.Op1Kind == OpKind.Register ? i.Op1Register.IsGPR8() : i.MemorySize.GetSize() == 1;
        return Value.AtMost(isByte ? byte.MaxValue : ushort.MaxValue);
    }

    private static Value Masked(Value value, long mask, bool isWide)
    {
        if (isWide && mask is >= -64 and < 0)
        {
            // Aligning moves an address down by less than the alignment, by how much is not known.
            long slack = -mask - 1;
            return value.Kind == ValueKind.Stack ? Value.Stack(value.At - slack, value.Extra + slack) : Value.Unknown;
        }

        ulong most = isWide ? (ulong)mask : (uint)mask;
        return most <= uint.MaxValue ? Value.AtMost(most) : Value.Unknown;
    }

    /// <summary>Computes the value of a load of 4 bytes from a table in the image with a bounded index; null for another load.</summary>
    private Value? TableEntry(in Instruction i, bool isSigned) =>
        i.MemoryIndexScale == 4 && i.MemoryBase.IsGPR64() && i.MemoryIndex.IsGPR64() && i.MemorySize.GetSize() == 4
        && Of(i.MemoryBase) is { Kind: ValueKind.Image } table && Of(i.MemoryIndex).FullBelow is var below and not 0
            ? Value.Entry(table.Plus((long)i.MemoryDisplacement64).At, below, isSigned) : null;

    /// <summary>Notes a comparison of a register with a constant.</summary>
    private Comparison Compare(in Instruction i)
    {
        bool isWide = i.Op0Kind == OpKind.Register && i.Op0Register.IsGPR64();
        if (i.Op0Kind != OpKind.Register || !(isWide || i.Op0Register.IsGPR32()) || i.Op1Kind is OpKind.Register or OpKind.Memory
            || !Of(i.Op0Register).HasFacts)
        {
            return Comparison.None;
        }

        ulong limit = isWide ? i.GetImmediate(1) : (uint)i.GetImmediate(1);
        return new(InstructionAccess.Index(i.Op0Register), Of(i.Op0Register).Copies, limit, isWide);
    }

    /// <summary>The value that an instruction stores into a slot, and where.</summary>
    private Value StoredSlot(in Instruction i, Effect effect, out Value at)
    {
        if (effect == Effect.Push)
        {
            at = StackPointer.Plus(-SlotSize);
            return i.Op0Kind == OpKind.Register ? Of(i.Op0Register) : Value.Unknown;
        }

        bool isStore = effect == Effect.Copy && i.Op0Kind == OpKind.Memory && i.Op1Kind == OpKind.Register && i.Op1Register.IsGPR64();
        at = isStore ? AddressOf(i) : Value.Unknown;
        return isStore ? Of(i.Op1Register) : Value.Unknown;
    }

    private void SetRegister(int register, Value value)
    {
        _registers[register] = value;
        if (_compared.Register == register)
        {
            _compared = _compared with { Register = -1 };
        }
    }

    private void ChangeCopies(ulong copies, Func<Value, Value> change)
    {
        for (int r = 0; r < RegisterCount; r++)
        {
            if (_registers[r].HasFacts && _registers[r].Copies == copies)
            {
                _registers[r] = change(_registers[r]);
            }
        }

        _slots = _slots.ChangeCopies(copies, change);
    }

    private Value SlotAt(Value at) => at.IsExactStack ? _slots[at.At] : Value.Unknown;

    /// <summary>Whether an instruction stores to a place that is not known for one of the stack. An address of the image is no exception: it
    /// may be one that lies outside of it.</summary>
    private bool StoresAnywhere(in Instruction i, Effect effect, InstructionAccess access) =>
        (access.WritesMemory && AddressOf(i).Kind != ValueKind.Stack)
        || (effect is Effect.RepeatedMove or Effect.RepeatedStore && _registers[InstructionAccess.Rdi].Kind != ValueKind.Stack);

    /// <summary>Forgets what a store may change; -1 bytes are all above.</summary>
    private void Forget(Value at, long size) =>
        _slots = _slots.Without(at.At - SlotSize + 1, size < 0 ? long.MaxValue : at.At + at.Extra + size);

    /// <summary>Forgets the slots below RSP, which are anyone's: the next call's, or those of a signal's handler.</summary>
    private void ForgetBelowStackPointer() =>
        _slots = _slots.Without(long.MinValue, StackPointer.Kind == ValueKind.Stack ? StackPointer.At + StackPointer.Extra : long.MaxValue);
}

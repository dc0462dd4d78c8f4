using System;
using System.Collections.Generic;
using System.Linq;
using Iced.Intel;

namespace Sos.Image.Verification;

/// <summary>
/// What is known at an instruction of the general registers and of the function's frame: which hold an address on the stack, and
/// which still hold what the caller's registers held. Stores through other pointers are taken not to go to this frame: where data
/// goes is not proven.
/// </summary>
internal sealed class StackState : IEquatable<StackState>
{
    private const int RegisterCount = 16;
    private const int Rsp = 4;
    private const int SlotSize = 8;

    // What a called function may change (System V psABI, 3.2.1).
    private static readonly Register[] CallerSaved =
    [
        Register.RAX, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10,
        Register.R11,
    ];

    // What it must leave as it was; RSP is checked by itself.
    private static readonly Register[] CalleeSaved =
        [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];

    private readonly StackValue[] _registers;
    private Dictionary<long, StackValue> _slots;
    private bool _ownsSlots;

    private StackState(StackValue[] registers, Dictionary<long, StackValue> slots)
    {
        _registers = registers;
        _slots = slots;
    }

    /// <summary>At a function's first instruction.</summary>
    public static StackState AtEntry()
    {
        StackValue[] registers = new StackValue[RegisterCount];
        foreach (Register r in CalleeSaved)
        {
            registers[Index(r)] = StackValue.Saved(Index(r));
        }

        registers[Rsp] = StackValue.Address(0);
        return new StackState(registers, []);
    }

    /// <summary>RSP, or null if nothing is known of it.</summary>
    public long? StackPointer => _registers[Rsp].Offset;

    /// <summary>RSP is where the function found it, at the return address.</summary>
    public bool IsAtReturnAddress => _registers[Rsp] == StackValue.Address(0);

    /// <summary>The first register that a caller counts on and that does not hold what it held at the entry, or
    /// none.</summary>
    public Register FirstNotRestored() => CalleeSaved.FirstOrDefault(r => _registers[Index(r)] != StackValue.Saved(Index(r)));

    /// <summary>What holds whichever way one came: what differs becomes unknown.</summary>
    public StackState Join(StackState other)
    {
        StackValue[] registers = new StackValue[RegisterCount];
        for (int i = 0; i < RegisterCount; i++)
        {
            registers[i] = _registers[i] == other._registers[i] ? _registers[i] : StackValue.Unknown;
        }

        Dictionary<long, StackValue> slots = [];
        foreach ((long at, StackValue value) in _slots)
        {
            if (other._slots.TryGetValue(at, out StackValue same) && same == value)
            {
                slots.Add(at, value);
            }
        }

        return new StackState(registers, slots);
    }

    /// <summary>The accesses of an instruction to places that are named relative to the function's frame: their distance from
    /// RSP at its entry, their size, and whether they are written.</summary>
    public IEnumerable<(StackValue At, int Size, bool IsWrite)> FrameAccesses(Instruction i, InstructionInfoFactory factory)
    {
        // The range of a repeated string instruction depends on RCX: that is data.
        if (i.IsStringInstruction && (i.HasRepPrefix || i.HasRepnePrefix))
        {
            return [];
        }

        List<(StackValue, int, bool)> accesses = [];
        foreach (UsedMemory m in factory.GetInfo(i).GetUsedMemory())
        {
            if (m.Access is not (OpAccess.None or OpAccess.NoMemAccess) && m.Index == Register.None && m.Base.IsGPR64())
            {
                StackValue at = _registers[Index(m.Base)].Plus((long)m.Displacement);

                // "lock or [rsp], 0" is the compiler's memory barrier: it writes what is there.
                bool isWrite = m.Access is not (OpAccess.Read or OpAccess.CondRead)
                    && !(i.Mnemonic == Mnemonic.Or && IsImmediate(i.Op1Kind) && i.GetImmediate(1) == 0);
                if (at.Offset is not null)
                {
                    accesses.Add((at, Math.Max(1, m.MemorySize.GetSize()), isWrite));
                }
            }
        }

        return accesses;
    }

    /// <summary>After an instruction that is no branch.</summary>
    public StackState After(in Instruction i, InstructionInfoFactory factory)
    {
        StackState next = new([.. _registers], _slots);
        (int destination, StackValue result) = Evaluate(i);
        foreach (UsedRegister used in factory.GetInfo(i).GetUsedRegisters())
        {
            if (used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite
                && used.Register.IsGPR())
            {
                next._registers[Index(used.Register.GetFullRegister())] = StackValue.Unknown;
            }
        }

        foreach ((StackValue at, int size, bool isWrite) in FrameAccesses(i, factory))
        {
            if (isWrite)
            {
                next.Overwrite(at, size);
            }
        }

        if (i.IsStackInstruction && i.Mnemonic is not (Mnemonic.Leave or Mnemonic.Enter))
        {
            next._registers[Rsp] = _registers[Rsp].Plus(i.StackPointerIncrement);
        }

        if (destination >= 0)
        {
            next._registers[destination] = result;
        }

        if (i.Mnemonic == Mnemonic.Leave)
        {
            StackValue frame = _registers[Index(Register.RBP)];
            next._registers[Rsp] = i.Code == Code.Leaveq ? frame.Plus(SlotSize) : StackValue.Unknown;
            next._registers[Index(Register.RBP)] = SlotAt(frame);
        }

        StoreRegister(i, next);
        return next;
    }

    /// <summary>After a call: what the callee may change is unknown, RSP is as before, and what lies below it is gone.</summary>
    public StackState AfterCall()
    {
        StackState next = new([.. _registers], _slots);
        foreach (Register r in CallerSaved)
        {
            next._registers[Index(r)] = StackValue.Unknown;
        }

        foreach (long at in _slots.Keys.Where(at => at < (StackPointer ?? long.MaxValue)))
        {
            next.WritableSlots().Remove(at);
        }

        return next;
    }

    public bool Equals(StackState? other) => other is not null && _registers.AsSpan().SequenceEqual(other._registers)
        && _slots.Count == other._slots.Count
        && _slots.All(s => other._slots.TryGetValue(s.Key, out StackValue value) && value == s.Value);

    public override bool Equals(object? obj) => Equals(obj as StackState);

    public override int GetHashCode() => _registers[Rsp].GetHashCode();

    /// <summary>The register that the instruction sets to something of use, and to what; -1 if there is none.</summary>
    private (int Destination, StackValue Result) Evaluate(in Instruction i)
    {
        if (i.OpCount == 0 || i.Op0Kind != OpKind.Register || !i.Op0Register.IsGPR64())
        {
            return (-1, default);
        }

        int destination = Index(i.Op0Register);
        StackValue own = _registers[destination];
        switch (i.Mnemonic)
        {
            case Mnemonic.Pop:
                // POP RSP loads what was pushed: nothing that is known.
                return (destination, destination == Rsp ? StackValue.Unknown : SlotAt(_registers[Rsp]));
            case Mnemonic.Mov when i.Op1Kind == OpKind.Register && i.Op1Register.IsGPR64():
                return (destination, _registers[Index(i.Op1Register)]);
            case Mnemonic.Mov when i.Op1Kind == OpKind.Memory && i.MemoryBase.IsGPR64() && i.MemoryIndex == Register.None:
                return (destination, SlotAt(_registers[Index(i.MemoryBase)].Plus((long)i.MemoryDisplacement64)));
            case Mnemonic.Lea when i.MemoryIndex == Register.None && i.MemoryBase.IsGPR64():
                return (destination, _registers[Index(i.MemoryBase)].Plus((long)i.MemoryDisplacement64));
            case Mnemonic.Sub when IsImmediate(i.Op1Kind):
                return (destination, own.Plus(-(long)i.GetImmediate(1)));
            case Mnemonic.Add when IsImmediate(i.Op1Kind):
                return (destination, own.Plus((long)i.GetImmediate(1)));
            case Mnemonic.And when IsImmediate(i.Op1Kind) && (long)i.GetImmediate(1) is >= -64 and < 0 && own.Offset is { } offset:
                // Aligning moves down by less than the alignment, by how much is not known: the worst case is taken, and no
                // return can be proven from there.
                long slack = -(long)i.GetImmediate(1) - 1;
                return (destination, StackValue.Address(offset - slack, own.Slack + slack));
            default:
                return (-1, default);
        }
    }

    private void StoreRegister(in Instruction i, StackState next)
    {
        StackValue? at = i.Mnemonic switch
        {
            Mnemonic.Push when i.Op0Kind == OpKind.Register && i.Op0Register.IsGPR64() => next._registers[Rsp],
            Mnemonic.Mov when i.Op0Kind == OpKind.Memory && i.Op1Kind == OpKind.Register && i.Op1Register.IsGPR64()
                && i.MemoryBase.IsGPR64() && i.MemoryIndex == Register.None =>
                _registers[Index(i.MemoryBase)].Plus((long)i.MemoryDisplacement64),
            _ => null,
        };
        Register source = i.Mnemonic == Mnemonic.Push ? i.Op0Register : i.Op1Register;
        if (at is { IsExactAddress: true } && _registers[Index(source)] is { Kind: not StackValueKind.Unknown } v)
        {
            next.WritableSlots()[at.Value.Number] = v;
        }
    }

    private StackValue SlotAt(StackValue at) =>
        at is { IsExactAddress: true } && _slots.TryGetValue(at.Number, out StackValue value)
            ? value : StackValue.Unknown;

    /// <summary>Forgets what a store may change.</summary>
    private void Overwrite(StackValue at, int size)
    {
        long end = at.Number + at.Slack + size;
        long[] changed = [.. _slots.Keys.Where(slot => slot > at.Number - SlotSize && slot < end)];
        foreach (long slot in changed)
        {
            WritableSlots().Remove(slot);
        }
    }

    private Dictionary<long, StackValue> WritableSlots()
    {
        if (!_ownsSlots)
        {
            (_slots, _ownsSlots) = (new Dictionary<long, StackValue>(_slots), true);
        }

        return _slots;
    }

    private static bool IsImmediate(OpKind kind) =>
        kind is OpKind.Immediate8to64 or OpKind.Immediate32to64 or OpKind.Immediate8to32 or OpKind.Immediate8 or OpKind.Immediate64;

    private static int Index(Register register) => register - Register.RAX;
}

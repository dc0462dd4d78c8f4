using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Iced.Intel;

namespace Sos.Image.Verification;

/// <summary>
/// Proves where a switch's indirect jump can go. The compiler writes
/// <code>
/// cmp   index, N-1
/// ja    default
/// lea   t, [rip + table]
/// mov   t32, [t + index*4]
/// lea   b, [rip + base]
/// add   t, b
/// jmp   t
/// </code>
/// with copies and other instructions in between. The straight run of instructions in front of the jump is interpreted; if the
/// jump's register then holds "base + table[bounded index]", its targets are known, provided that no branch goes into that run.
/// </summary>
internal sealed class JumpTable
{
    private const int WindowMax = 32;
    private const ulong EntriesMax = 4096;

    private readonly InstructionInfoFactory _factory = new();
    private readonly Dictionary<Register, Value> _registers = [];

    private JumpTable()
    {
    }

    private enum Kind
    {
        Number,
        Address,
        Entry,
        Target,
    }

    /// <summary>The jump's targets, or null if they cannot be proven. They hold if no branch goes into (<paramref
    /// name="guard"/>, jump].</summary>
    public static ulong[]? Find(CodeMap code, ServiceImage image, in Instruction jump, out ulong guard)
    {
        guard = jump.IP;
        if (jump.Op0Kind != OpKind.Register)
        {
            return null;
        }

        List<Instruction> window = [];
        for (ulong at = jump.IP; window.Count < WindowMax && code.TryGetPrevious(at, out Instruction previous); at = previous.IP)
        {
            window.Add(previous);
        }

        window.Reverse();
        JumpTable interpreter = new();
        for (int i = 0; i < window.Count; i++)
        {
            interpreter.Execute(window[i], i + 1 < window.Count ? window[i + 1] : jump);
        }

        Value target = interpreter.Get(jump.Op0Register);
        if (target.Kind != Kind.Target)
        {
            return null;
        }

        guard = target.Since;
        return ReadTargets(image, target);
    }

    private Value Get(Register register)
    {
        Register full = register.GetFullRegister();
        if (!_registers.TryGetValue(full, out Value? value))
        {
            _registers.Add(full, value = new Value(Kind.Number, new Bound(), ulong.MaxValue));
        }

        return value;
    }

    private void Execute(in Instruction i, in Instruction next)
    {
        if (i.Mnemonic == Mnemonic.Cmp)
        {
            Compare(i, next);
            return;
        }

        Value? result = Evaluate(i);
        if (i.FlowControl is FlowControl.Call or FlowControl.IndirectCall or FlowControl.Interrupt)
        {
            _registers.Clear();
            return;
        }

        foreach (UsedRegister used in _factory.GetInfo(i).GetUsedRegisters())
        {
            if (used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite
                && used.Register.IsGPR())
            {
                _registers.Remove(used.Register.GetFullRegister());
            }
        }

        if (result is not null)
        {
            _registers[i.Op0Register.GetFullRegister()] = result;
        }
    }

    /// <summary>What a 32- or 64-bit register becomes, or null for nothing of use.</summary>
    private Value? Evaluate(in Instruction i)
    {
        if (i.OpCount == 0 || i.Op0Kind != OpKind.Register || !(i.Op0Register.IsGPR32() || i.Op0Register.IsGPR64()))
        {
            return null;
        }

        bool narrow = i.Op0Register.IsGPR32();
        switch (i.Mnemonic)
        {
            case Mnemonic.Lea when i.IsIPRelativeMemoryOperand:
                return new Value(Kind.Address, new Bound(), i.IP) { Address = i.IPRelativeMemoryAddress };
            case Mnemonic.Mov or Mnemonic.Movsxd when i.Op1Kind == OpKind.Memory:
                return Load(i);
            case Mnemonic.Mov when i.Op1Kind == OpKind.Register && i.Op1Register.IsGPR():
                Value copied = Get(i.Op1Register);
                ulong since = Math.Min(copied.Since, i.IP);

                // The lower half of a number keeps its bound. Of an entry it is a number like any other: its bound is its index's.
                return !narrow ? copied with { Since = since }
                    : copied.Kind == Kind.Number ? new Value(Kind.Number, copied.Bound, since) { Extended = true }
                    : new Value(Kind.Number, new Bound(), i.IP) { Extended = true };
            case Mnemonic.Movzx when i.Op1Kind == OpKind.Register && i.Op1Register.IsGPR8():
                return new Value(Kind.Number, new Bound { Count = 256, Since = i.IP }, i.IP) { Extended = true };
            case Mnemonic.And when narrow && i.Op1Kind is OpKind.Immediate8to32 or OpKind.Immediate32
                && i.GetImmediate(1) < EntriesMax:
                return new Value(Kind.Number, new Bound { Count = i.GetImmediate(1) + 1, Since = i.IP },
                    i.IP)
                { Extended = true };
            case Mnemonic.Add when !narrow && i.Op1Kind == OpKind.Register:
                return Sum(Get(i.Op0Register), Get(i.Op1Register), i.IP);
            default:
                return new Value(Kind.Number, new Bound(), i.IP) { Extended = narrow && ClearsUpperHalf(i.Mnemonic) };
        }
    }

    /// <summary>
    /// Whether a 32-bit result surely leaves the upper half of the register clear. BSF of zero, CMPXCHG that compares unequal and
    /// the like may leave the register as it was, on some processors.
    /// </summary>
    private static bool ClearsUpperHalf(Mnemonic mnemonic) => mnemonic is Mnemonic.Add or Mnemonic.Sub or Mnemonic.And or Mnemonic.Or
        or Mnemonic.Xor or Mnemonic.Neg or Mnemonic.Not or Mnemonic.Inc or Mnemonic.Dec or Mnemonic.Imul or Mnemonic.Lea
        or Mnemonic.Mov or Mnemonic.Movzx or Mnemonic.Movsx;

    private Value? Load(in Instruction i)
    {
        if (i.MemoryIndexScale != 4 || i.MemoryDisplacement64 != 0 || !i.MemoryBase.IsGPR64() || !i.MemoryIndex.IsGPR64()
            || i.MemorySize is not (MemorySize.UInt32 or MemorySize.Int32))
        {
            return null;
        }

        (Value table, Value index) = (Get(i.MemoryBase), Get(i.MemoryIndex));
        return table.Kind == Kind.Address && index.Kind == Kind.Number && index.Bound.Count is { } count
            && (index.Extended || index.Bound.IsWide)
            ? new Value(Kind.Entry, new Bound { Count = count },
                Math.Min(Math.Min(table.Since, index.Since), Math.Min(index.Bound.Since, i.IP)))
            {
                Table = table.Address,
                // Without REX.W it extends nothing: the upper half becomes zero.
                Signed = i.Mnemonic == Mnemonic.Movsxd && i.Op0Register.IsGPR64(),
            }
            : null;
    }

    private static Value? Sum(Value a, Value b, ulong at)
    {
        (Value entry, Value address) = a.Kind == Kind.Entry ? (a, b) : (b, a);
        return entry.Kind == Kind.Entry && address.Kind == Kind.Address
            ? entry with { Kind = Kind.Target, Address = address.Address, Since = Math.Min(Math.Min(a.Since, b.Since), at) }
            : null;
    }

    /// <summary>"cmp index, N-1; ja elsewhere" bounds the index, in every register that holds a copy of it.</summary>
    private void Compare(in Instruction i, in Instruction next)
    {
        bool isBound = i.Op0Kind == OpKind.Register && (i.Op0Register.IsGPR32() || i.Op0Register.IsGPR64())
            && i.Op1Kind is OpKind.Immediate8to32 or OpKind.Immediate32 or OpKind.Immediate8to64 or OpKind.Immediate32to64
            && next.Mnemonic is Mnemonic.Ja or Mnemonic.Jae && i.GetImmediate(1) < EntriesMax;
        if (isBound && Get(i.Op0Register) is { Kind: Kind.Number } value && value.Bound.Count is null)
        {
            value.Bound.Count = i.GetImmediate(1) + (next.Mnemonic == Mnemonic.Ja ? 1UL : 0);
            value.Bound.Since = i.IP;
            value.Bound.IsWide = i.Op0Register.IsGPR64();
        }
    }

    private static ulong[]? ReadTargets(ServiceImage image, Value target)
    {
        int size = (int)target.Bound.Count!.Value * 4;

        // What the loader writes is not what stands in the file.
        bool IsWithinTable(ulong written) => written + 8 > target.Table && written < target.Table + (ulong)size;
        ImageSegment? segment = image.SegmentAt(target.Table);
        ReadOnlySpan<byte> bytes = image.BytesAt(target.Table);
        if (segment is null || segment.Protection != SegmentProtection.Read || bytes.Length < size
            || image.Relocations.Any(r => IsWithinTable(r.Rva))
            || (image.Descriptor.IsaVariableRva != 0 && IsWithinTable(image.Descriptor.IsaVariableRva)))
        {
            return null;
        }

        HashSet<ulong> targets = [];
        for (int i = 0; i < size; i += 4)
        {
            targets.Add(target.Address + (target.Signed
                ? (ulong)BinaryPrimitives.ReadInt32LittleEndian(bytes[i..])
                : BinaryPrimitives.ReadUInt32LittleEndian(bytes[i..])));
        }

        return [.. targets.Order()];
    }

    /// <summary>How many values a number can take, from 0 on; shared by all copies of the number.</summary>
    private sealed class Bound
    {
        public ulong? Count { get; set; }

        public ulong Since { get; set; } = ulong.MaxValue;

        /// <summary>It was found for all 64 bits.</summary>
        public bool IsWide { get; set; }
    }

    /// <summary>What a register holds.</summary>
    /// <param name="Kind">Which of the other members matter.</param>
    /// <param name="Bound">Of a number, of an entry's index.</param>
    /// <param name="Since">The first instruction that this knowledge comes from.</param>
    private sealed record Value(Kind Kind, Bound Bound, ulong Since)
    {
        public ulong Address { get; init; }

        public ulong Table { get; init; }

        public bool Signed { get; init; }

        /// <summary>The upper 32 bits are zero.</summary>
        public bool Extended { get; init; }
    }
}

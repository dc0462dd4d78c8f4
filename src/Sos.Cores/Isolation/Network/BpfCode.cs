using System.Collections.Generic;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// Instructions of a BPF program (Linux's Documentation/bpf/standardization/instruction-set.rst), each 8 bytes: opcode, registers
/// (source in the upper half), offset, immediate. Registers are numbers: 0 has results, 1 to 5 arguments, 6 to 9 survive calls, 10 is the stack.
/// </summary>
internal sealed class BpfCode
{
    private const byte LoadWord = 0x61; // LDX | MEM | W
    private const byte StoreWord = 0x63; // STX | MEM | W
    private const byte MoveRegister = 0xbf; // ALU64 | MOV | X
    private const byte MoveConstant = 0xb7; // ALU64 | MOV | K
    private const byte AddConstant = 0x07; // ALU64 | ADD | K
    private const byte LoadDouble = 0x18; // LD | IMM | DW: two instructions
    private const byte PseudoMap = 1; // BPF_PSEUDO_MAP_FD, in the place of the source
    private const byte CallFunction = 0x85; // JMP | CALL
    private const byte JumpIfNotEqual = 0x55; // JMP | JNE | K
    private const byte ExitProgram = 0x95; // JMP | EXIT

    private readonly List<ulong> _instructions = [];

    /// <summary>The instructions so far.</summary>
    public ulong[] ToArray() => [.. _instructions];

    /// <summary>Adds to = *(u32 *)(from + offset).</summary>
    public BpfCode Load(int to, int from, short offset) => Add(LoadWord, to, from, offset, 0);

    /// <summary>Adds *(u32 *)(to + offset) = from.</summary>
    public BpfCode Store(int to, short offset, int from) => Add(StoreWord, to, from, offset, 0);

    /// <summary>Adds to = from.</summary>
    public BpfCode Move(int to, int from) => Add(MoveRegister, to, from, 0, 0);

    /// <summary>Adds to = value.</summary>
    public BpfCode Set(int to, int value) => Add(MoveConstant, to, 0, 0, value);

    /// <summary>Adds to += value.</summary>
    public BpfCode Increase(int to, int value) => Add(AddConstant, to, 0, 0, value);

    /// <summary>Adds to = map.</summary>
    public BpfCode SetMap(int to, FileDescriptor map) => Add(LoadDouble, to, PseudoMap, 0, map.Descriptor).Add(0, 0, 0, 0, 0);

    /// <summary>Adds a call of one of the kernel's functions.</summary>
    public BpfCode Call(int function) => Add(CallFunction, 0, 0, 0, function);

    /// <summary>Adds the end.</summary>
    public BpfCode Exit() => Add(ExitProgram, 0, 0, 0, 0);

    /// <summary>Adds instructions that run only if a register has a value.</summary>
    public BpfCode If(int register, int value, BpfCode then)
    {
        Add(JumpIfNotEqual, register, 0, (short)then._instructions.Count, value);
        _instructions.AddRange(then._instructions);
        return this;
    }

    private BpfCode Add(byte opcode, int to, int from, short offset, int immediate)
    {
        _instructions.Add(opcode | ((ulong)(to | (from << 4)) << 8) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)immediate << 32));
        return this;
    }
}

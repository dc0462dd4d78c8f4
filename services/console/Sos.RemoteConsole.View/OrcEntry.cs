using System;
using System.Buffers.Binary;

namespace Sos.RemoteConsole.View;

/// <summary>The register, or the place, from which an entry reckons.</summary>
public enum OrcBase : byte
{
    /// <summary>None: the value is what it was.</summary>
    None = 0,

    /// <summary>The stack pointer of the caller.</summary>
    CallersStack,

    /// <summary>RSP.</summary>
    Stack,

    /// <summary>RBP.</summary>
    Frame,

    /// <summary>The number at RSP.</summary>
    AtStack,

    /// <summary>The number at RBP.</summary>
    AtFrame,

    /// <summary>RAX.</summary>
    Ax,

    /// <summary>RDX.</summary>
    Dx,

    /// <summary>RDI.</summary>
    Di,

    /// <summary>R10.</summary>
    R10,

    /// <summary>R13.</summary>
    R13,

    /// <summary>One that this version does not know.</summary>
    Unknown,
}

/// <summary>How a function was left.</summary>
public enum OrcKind : byte
{
    /// <summary>Nothing is known here.</summary>
    Unknown = 0,

    /// <summary>There is no caller.</summary>
    End,

    /// <summary>By a call: the return address lies below the caller's stack.</summary>
    Call,

    /// <summary>By an interrupt, an exception or a system call that stored all registers.</summary>
    Registers,

    /// <summary>By one that stored as yet what the processor does: instruction, code segment, flags and stack pointer.</summary>
    Interrupt,
}

/// <summary>
/// An entry of the kernel's unwinding tables (Documentation/arch/x86/orc-unwinder.rst): how a function's caller is found from one of its instructions. Kernels
/// pack it differently: BTF tells where its parts are, and their numbers have come in two orders.
/// </summary>
public readonly struct OrcEntry
{
    /// <summary>The order of registers up to 7.0.</summary>
    public const long FirstOrder = 1;

    /// <summary>The order of registers from 7.1 on.</summary>
    public const long SecondOrder = 2;

    private const int SizeMax = sizeof(ulong);

    private OrcEntry(OrcKind kind, OrcBase stackBase, int stackOffset, OrcBase frameBase, int frameOffset, bool isInterrupted)
    {
        Kind = kind;
        StackBase = stackBase;
        StackOffset = stackOffset;
        FrameBase = frameBase;
        FrameOffset = frameOffset;
        IsInterrupted = isInterrupted;
    }

    /// <summary>The entry of code that was made at run time and keeps frame pointers, such as BPF programs: a guess.</summary>
    public static OrcEntry ByFramePointer => new(OrcKind.Call, OrcBase.Frame, 16, OrcBase.CallersStack, -16, false);

    /// <summary>How the function was left.</summary>
    public OrcKind Kind { get; }

    /// <summary>From where <see cref="StackOffset"/> leads to the caller's stack, or to the stored registers.</summary>
    public OrcBase StackBase { get; }

    /// <summary>Bytes from there.</summary>
    public int StackOffset { get; }

    /// <summary>From where <see cref="FrameOffset"/> leads to the caller's frame pointer.</summary>
    public OrcBase FrameBase { get; }

    /// <summary>Bytes from there.</summary>
    public int FrameOffset { get; }

    /// <summary>Whether the caller was interrupted: its instruction is the next one to run, not the one behind a call.</summary>
    public bool IsInterrupted { get; }

    // Codes of sp_reg and bp_reg: arch/x86/include/asm/orc_types.h.
    private static ReadOnlySpan<byte> First =>
    [
        (byte)OrcBase.None, (byte)OrcBase.CallersStack, (byte)OrcBase.Dx, (byte)OrcBase.Di, (byte)OrcBase.Frame, (byte)OrcBase.Stack, (byte)OrcBase.R10,
        (byte)OrcBase.R13, (byte)OrcBase.AtFrame, (byte)OrcBase.AtStack,
    ];

    private static ReadOnlySpan<byte> Second =>
    [
        (byte)OrcBase.None, (byte)OrcBase.Ax, (byte)OrcBase.Dx, (byte)OrcBase.Stack, (byte)OrcBase.Frame, (byte)OrcBase.Di, (byte)OrcBase.R10,
        (byte)OrcBase.R13, (byte)OrcBase.CallersStack, (byte)OrcBase.AtStack, (byte)OrcBase.AtFrame,
    ];

    /// <summary>Returns whether this kernel tells how its entries are made.</summary>
    public static bool AreKnown(in LinuxSymbols symbols)
        => symbols.HasAll(LinuxField.OrcRegisters, LinuxField.OrcTypeBit) && symbols[LinuxField.OrcEntrySize] is > 0 and <= SizeMax
            && symbols[LinuxField.OrcRegisters] is FirstOrder or SecondOrder;

    /// <summary>Reads an entry.</summary>
    /// <param name="memory">Linux's memory, whose symbols tell how entries are made.</param>
    /// <param name="address">Where it is.</param>
    /// <param name="entry">The entry.</param>
    /// <returns>False if it cannot be read.</returns>
    public static bool TryRead(ref LinuxMemory memory, ulong address, out OrcEntry entry)
    {
        Span<byte> bytes = stackalloc byte[SizeMax];
        bytes.Clear();
        entry = default;
        if (!memory.TryRead(address, bytes[..(int)Math.Min(memory.Value(LinuxField.OrcEntrySize), SizeMax)]))
        {
            return false;
        }

        ulong bits = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        LinuxSymbols symbols = memory.Symbols;
        OrcKind kind = KindOf(in symbols, bits);
        bool isInterrupted = symbols.Has(LinuxField.OrcSignalBit) ? Part(in symbols, bits, LinuxField.OrcSignalBit, 1) != 0 : kind != OrcKind.Call;
        entry = new OrcEntry(
            kind,
            BaseOf(in symbols, bits, LinuxField.OrcStackRegisterBit),
            Offset(in symbols, bits, LinuxField.OrcStackOffset),
            BaseOf(in symbols, bits, LinuxField.OrcFrameRegisterBit),
            Offset(in symbols, bits, LinuxField.OrcFrameOffset),
            isInterrupted);
        return true;
    }

    // ORC_TYPE_*; before 6.4 two bits, beside one that says "end".
    private static OrcKind KindOf(in LinuxSymbols symbols, ulong bits)
    {
        if (symbols.Has(LinuxField.OrcEndBit))
        {
            return Part(in symbols, bits, LinuxField.OrcEndBit, 1) != 0 ? OrcKind.End : Part(in symbols, bits, LinuxField.OrcTypeBit, 3) switch
            {
                0 => OrcKind.Call,
                1 => OrcKind.Registers,
                2 => OrcKind.Interrupt,
                _ => OrcKind.Unknown,
            };
        }

        return Part(in symbols, bits, LinuxField.OrcTypeBit, 7) switch
        {
            1 => OrcKind.End,
            2 => OrcKind.Call,
            3 => OrcKind.Registers,
            4 => OrcKind.Interrupt,
            _ => OrcKind.Unknown,
        };
    }

    private static OrcBase BaseOf(in LinuxSymbols symbols, ulong bits, LinuxField field)
    {
        int code = (int)Part(in symbols, bits, field, 15);
        ReadOnlySpan<byte> bases = symbols[LinuxField.OrcRegisters] == SecondOrder ? Second : First;
        return code < bases.Length ? (OrcBase)bases[code] : OrcBase.Unknown;
    }

    private static int Offset(in LinuxSymbols symbols, ulong bits, LinuxField field) => (short)(bits >> (((int)symbols[field] & 7) * 8));

    private static ulong Part(in LinuxSymbols symbols, ulong bits, LinuxField field, ulong mask) => (bits >> ((int)symbols[field] & 63)) & mask;
}

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using Sos.Image;
using Sos.Image.Verification;

namespace Sos.Fuzz.Processor;

/// <summary>Gives abstract values their meaning in one call of a function: where its frame and the image lie, and what the callee-saved
/// registers held.</summary>
/// <param name="Frame">RSP at the function's entry.</param>
/// <param name="ImageBase">Where the image lies.</param>
/// <param name="Saved">The registers at the function's entry, by number.</param>
/// <param name="Image">The image, for its tables; null where there is none.</param>
internal sealed record Concretion(ulong Frame, ulong ImageBase, ulong[] Saved, ServiceImage? Image)
{
    private const ulong CarryFlag = 1;
    private const ulong ZeroFlag = 1 << 6;

    /// <summary>Tells what is false of a processor's state that an abstract state says; null if all of it is true.</summary>
    public string? Contradiction(MachineState state, ref UserRegisters registers, SteppedProcess process)
    {
        Dictionary<ulong, uint> names = [];
        for (int r = 0; r < 16; r++)
        {
            if (Contradiction(state.Registers[r], registers[r], names) is { } problem)
            {
                return $"register {r} is 0x{registers[r]:x}, but {problem}";
            }
        }

        foreach ((long at, Value value) in state.Slots)
        {
            if (unchecked((long)(Frame + (ulong)at - registers.Rsp)) < 0)
            {
                return $"a slot at {at} lies below RSP";
            }

            ulong word = Read(process, unchecked(Frame + (ulong)at));
            if (Contradiction(value, word, names) is { } problem)
            {
                return $"slot {at} is 0x{word:x}, but {problem}";
            }
        }

        return Contradiction(state.Compared, state, ref registers);
    }

    /// <summary>8 bytes of the arena.</summary>
    public static ulong Read(SteppedProcess process, ulong address)
    {
        ulong at = address - SteppedProcess.ArenaAt;
        return at <= SteppedProcess.ArenaSize - 8 ? BinaryPrimitives.ReadUInt64LittleEndian(process.Arena[(int)at..]) : 0;
    }

    private string? Contradiction(Value value, ulong actual, Dictionary<ulong, uint> names)
    {
        bool holds = value.Kind switch
        {
            ValueKind.Stack => unchecked(actual - (Frame + (ulong)value.At)) <= (ulong)value.Extra,
            ValueKind.Saved => actual == Saved[value.At],
            ValueKind.Image => actual == unchecked(ImageBase + (ulong)value.At),
            ValueKind.Entry => IsEntry(value, actual, 0),
            ValueKind.Target => IsEntry(value, actual, unchecked(ImageBase + (ulong)value.Extra)),
            _ => true,
        };
        if (value.HasFacts)
        {
            holds = holds && (value.Below == 0 || (uint)actual < value.Below) && (!value.IsExtended || actual >> 32 == 0)
                && (value.Copies == 0 || names.TryAdd(value.Copies, (uint)actual) || names[value.Copies] == (uint)actual);
        }

        return holds ? null : $"the verifier says {value}";
    }

    private bool IsEntry(Value value, ulong actual, ulong address)
    {
        ReadOnlySpan<byte> table = Image is null ? default : Image.BytesAt((ulong)value.At);
        for (int i = 0; i < value.Below && (i + 1) * 4 <= table.Length; i++)
        {
            int entry = BinaryPrimitives.ReadInt32LittleEndian(table[(4 * i)..]);
            if (actual == unchecked(address + (value.IsSigned ? (ulong)entry : (uint)entry)))
            {
                return true;
            }
        }

        return Image is null || table.Length < 4 * value.Below;
    }

    private static string? Contradiction(Comparison compared, MachineState state, ref UserRegisters registers)
    {
        bool below = (registers.Flags & CarryFlag) != 0;
        bool equal = (registers.Flags & ZeroFlag) != 0;
        if (compared.Register >= 0)
        {
            ulong value = compared.IsWide ? registers[compared.Register] : (uint)registers[compared.Register];
            if (below != value < compared.Limit || equal != (value == compared.Limit))
            {
                return $"flags 0x{registers.Flags:x} do not tell how register {compared.Register}, 0x{value:x}, stands to 0x{compared.Limit:x}";
            }
        }

        for (int r = 0; r < 16 && compared.Copies != 0 && compared.Limit <= uint.MaxValue; r++)
        {
            Value value = state.Registers[r];
            if (value.HasFacts && value.Copies == compared.Copies && (below || equal)
                && ((uint)registers[r] > compared.Limit || (below && (uint)registers[r] == compared.Limit)))
            {
                return $"flags 0x{registers.Flags:x} do not tell how a copy in register {r} stands to 0x{compared.Limit:x}";
            }
        }

        return null;
    }
}

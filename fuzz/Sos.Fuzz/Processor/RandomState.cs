using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Iced.Intel;
using Sos.Image.Verification;

namespace Sos.Fuzz.Processor;

/// <summary>A random state of the processor, and an abstract state that is true of it.</summary>
/// <param name="Registers">The registers.</param>
/// <param name="Abstract">What is known of them.</param>
/// <param name="Concretion">What that stands for.</param>
internal sealed record RandomState(UserRegisters Registers, MachineState Abstract, Concretion Concretion)
{
    private const int Rsp = 4;
    private const int FrameAt = SteppedProcess.ArenaSize / 2;
    private const int DepthMax = 512;
    private const ulong StatusFlags = 0x8d5;

    private static readonly int[] Saved = [3, 5, 12, 13, 14, 15];

    /// <summary>Makes a state in which an instruction is likely to reach memory that there is.</summary>
    public static RandomState Make(Random random, SteppedProcess process, in Instruction i)
    {
        UserRegisters registers = process.Template;
        registers.OriginalRax = ulong.MaxValue;
        registers.Flags = (registers.Flags & ~StatusFlags) | ((ulong)random.Next(0x1000) & StatusFlags);
        if (random.Next(4) == 0)
        {
            random.NextBytes(process.Arena.Slice(FrameAt - DepthMax, 2 * DepthMax));
        }

        Span<Value> values = new Value[16];
        ulong[] saved = new ulong[16];
        foreach (int r in Saved)
        {
            saved[r] = Number(random);
        }

        ulong frame = SteppedProcess.ArenaAt + FrameAt;
        for (int r = 0; r < 16; r++)
        {
            (values[r], registers[r]) = r == Rsp ? Stack(random, frame, random.Next(-DepthMax, 1) & ~7) : Draw(random, frame, saved);
        }

        if (i.MemoryIndex != Register.None || random.Next(8) != 0)
        {
            Aim(random, i, ref registers, values);
        }

        if (i.IsStringInstruction)
        {
            registers.Rcx = (ulong)random.Next(12);
            values[1] = random.Next(2) == 0 ? Value.Unknown : Value.AtMost(registers.Rcx + (ulong)random.Next(4));
            AimString(random, ref registers, values, frame);
        }

        Dictionary<long, Value> slots = Slots(random, process, frame, registers.Rsp, saved);
        Comparison compared = Compare(random, i, ref registers, values);
        return new RandomState(registers, MachineState.Of(values, slots, compared), new Concretion(frame, 0, saved, null));
    }

    private static (Value Value, ulong Word) Stack(Random random, ulong frame, long distance)
    {
        int slack = random.Next(6) == 0 ? random.Next(1, 64) : 0;
        return (Value.Stack(distance, slack), unchecked(frame + (ulong)distance + (ulong)random.Next(slack + 1)));
    }

    private static (Value Value, ulong Word) Draw(Random random, ulong frame, ulong[] saved)
    {
        ulong number = Number(random);
        switch (random.Next(8))
        {
            case 0 or 1:
                return Stack(random, frame, random.Next(-DepthMax, 64));
            case 2:
                int register = Saved[random.Next(Saved.Length)];
                return (Value.Saved(register), saved[register]);
            case 3:
                ulong rva = (ulong)random.Next(SteppedProcess.CodeSize);
                return (Value.Image(SteppedProcess.CodeAt + rva), SteppedProcess.CodeAt + rva);
            case 4:
                uint most = (uint)number >> random.Next(32);
                return (Value.AtMost(most + (ulong)random.Next(3)), most);
            case 5:
                return (Value.Extended(), (uint)number);
            default:
                return (Value.Unknown, number);
        }
    }

    private static ulong Number(Random random) => random.Next(6) switch
    {
        0 => (ulong)random.Next(16),
        1 => (ulong)-(long)random.Next(16),
        2 => (uint)random.NextInt64(),
        3 => 1UL << random.Next(64),
        _ => (ulong)random.NextInt64() ^ ((ulong)random.NextInt64() << 1),
    };

    /// <summary>An address in the arena that is not of the frame: the verifier takes stores through pointers to spare the saved registers there.</summary>
    public static ulong DataAddress(Random random) =>
        SteppedProcess.ArenaAt + (ulong)(random.Next(FrameAt - (3 * DepthMax)) & (random.Next(2) == 0 ? ~31 : ~0));

    /// <summary>Sets the base register, or the index where that is RSP, so that the memory operand lies in the arena.</summary>
    private static void Aim(Random random, in Instruction i, ref UserRegisters registers, Span<Value> values)
    {
        ulong target = DataAddress(random);
        if (i.MemoryBase.IsGPR64() && i.MemoryBase != Register.RSP && i.MemoryBase != i.MemoryIndex)
        {
            ulong index = i.MemoryIndex.IsGPR64() ? registers[InstructionAccess.Index(i.MemoryIndex)] * (ulong)i.MemoryIndexScale : 0;
            int r = InstructionAccess.Index(i.MemoryBase);
            if (values[r].Kind != ValueKind.Stack || i.MemoryIndex != Register.None)
            {
                (values[r], registers[r]) = (Value.Unknown, unchecked(target - index - i.MemoryDisplacement64));
            }
        }
        else if (i.MemoryBase == Register.RSP && i.MemoryIndex.IsGPR64())
        {
            int r = InstructionAccess.Index(i.MemoryIndex);
            (values[r], registers[r]) = (Value.Unknown, unchecked((ulong)((long)(target - registers.Rsp - i.MemoryDisplacement64) / i.MemoryIndexScale)));
        }
    }

    private static void AimString(Random random, ref UserRegisters registers, Span<Value> values, ulong frame)
    {
        foreach (int r in (ReadOnlySpan<int>)[6, 7])
        {
            (values[r], registers[r]) = random.Next(2) == 0 ? Stack(random, frame, random.Next(-DepthMax, 64)) : (Value.Unknown, DataAddress(random));
        }
    }

    private static Dictionary<long, Value> Slots(Random random, SteppedProcess process, ulong frame, ulong rsp, ulong[] saved)
    {
        Dictionary<long, Value> slots = [];
        for (int n = random.Next(6); n > 0; n--)
        {
            // At RSP or above, as if pushed, aligned or not, none over another.
            long at = (long)(rsp - frame) + 64 + (24 * n) + random.Next(8);
            (Value value, ulong word) = random.Next(2) == 0 ? Stack(random, frame, random.Next(-DepthMax, 1)) : Draw(random, frame, saved);
            MemoryMarshal.Write(process.Arena[(int)(frame + (ulong)at - SteppedProcess.ArenaAt)..], in word);
            if (value != Value.Unknown)
            {
                slots[at] = value;
            }
        }

        return slots;
    }

    /// <summary>Whether a register leads to the memory that an instruction accesses, and is aimed already.</summary>
    private static bool IsAddress(in Instruction i, int register) => i.IsStringInstruction
        || (i.MemoryBase.IsGPR64() && InstructionAccess.Index(i.MemoryBase) == register)
        || (i.MemoryIndex.IsGPR64() && InstructionAccess.Index(i.MemoryIndex) == register);

    /// <summary>Sometimes, flags as after a comparison, and copies of what was compared.</summary>
    private static Comparison Compare(Random random, in Instruction i, ref UserRegisters registers, Span<Value> values)
    {
        int r = random.Next(16);
        if (random.Next(2) == 0 || !values[r].HasFacts)
        {
            return Comparison.None;
        }

        bool isWide = random.Next(2) == 0;
        ulong value = isWide ? registers[r] : (uint)registers[r];
        ulong limit = random.Next(3) switch { 0 => value, 1 => value + (ulong)random.Next(-3, 4), _ => (ulong)random.Next(64) };
        limit = isWide ? limit : (uint)limit;
        registers.Flags = (registers.Flags & ~0x41UL) | (value < limit ? 1UL : 0) | (value == limit ? 0x40UL : 0);
        ulong name = random.Next(2) == 0 ? 0 : 7UL;
        values[r] = values[r].Named(name);
        int copy = random.Next(16);
        if (copy != Rsp && copy != r && name != 0 && !IsAddress(i, copy))
        {
            bool isFull = random.Next(2) == 0;
            values[copy] = isFull ? values[r] : values[r].LowerHalf();
            registers[copy] = isFull ? registers[r] : (uint)registers[r];
        }

        return new Comparison(random.Next(3) == 0 && name != 0 ? -1 : r, name, limit, isWide);
    }
}

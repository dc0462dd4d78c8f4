using System;
using System.Buffers.Binary;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.View;

/// <summary>The registers of a CPU as a note of a core file (NT_PRSTATUS: struct elf_prstatus of include/linux/elfcore.h), as kdump has them.</summary>
internal static class CpuNote
{
    /// <summary>Bytes of a note.</summary>
    public const int Size = HeaderSize + StatusSize;

    private const int HeaderSize = 20;
    private const uint NameSize = 5; // its zero counts
    private const int StatusSize = 336;
    private const uint TypeStatus = 1;

    private const int ProcessAt = HeaderSize + 32;
    private const int RegistersAt = HeaderSize + 112;

    // Places of registers there: struct user_regs_struct.
    private const int Ip = 16;
    private const int Cs = 17;
    private const int Flags = 18;
    private const int Sp = 19;

    private static ReadOnlySpan<byte> Name => "CORE\0\0\0\0"u8; // padded to a multiple of 4

    // Of RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8 to R15.
    private static ReadOnlySpan<byte> Places => [10, 5, 11, 12, 13, 14, 4, 9, 8, 7, 6, 3, 2, 1, 0];

    /// <summary>Writes the note of a CPU.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="panic">The record of its registers.</param>
    /// <param name="cpu">The CPU. The registers of one that has stored none are zero: a note's place says which CPU's it is.</param>
    /// <param name="note">Takes it, <see cref="Size"/> bytes.</param>
    public static void Write(ref LinuxMemory memory, LinuxPanic panic, uint cpu, Span<byte> note)
    {
        note.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(note, NameSize);
        BinaryPrimitives.WriteUInt32LittleEndian(note[4..], StatusSize);
        BinaryPrimitives.WriteUInt32LittleEndian(note[8..], TypeStatus);
        Name.CopyTo(note[12..]);
        if (!panic.TryReadRegisters(ref memory, cpu, out CpuRegistersLayout registers))
        {
            return;
        }

        if (memory.Symbols.Has(LinuxField.RunQueues) && memory.TryFindPerCpu(memory.Value(LinuxField.RunQueues), cpu, out ulong queue)
            && memory.TryRead(queue, LinuxField.RunQueueCurrent, out ulong task) && memory.TryRead(task, LinuxField.TaskPid, out int process))
        {
            BinaryPrimitives.WriteInt32LittleEndian(note[ProcessAt..], process);
        }

        Set(note, Ip, registers.Rip);
        Set(note, Cs, registers.Cs);
        Set(note, Flags, registers.Rflags);
        Set(note, Sp, registers.Rsp);
        for (int i = 0; i < CpuRegistersLayout.RegistersMax; i++)
        {
            Set(note, Places[i], registers.Registers[i]);
        }
    }

    private static void Set(Span<byte> note, int index, ulong value)
        => BinaryPrimitives.WriteUInt64LittleEndian(note[(RegistersAt + (index * sizeof(ulong)))..], value);
}

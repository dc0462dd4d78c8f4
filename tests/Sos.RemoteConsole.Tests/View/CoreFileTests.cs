using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The core file: what its segments say must be what lies in memory, wherever a transfer is taken up.</summary>
public sealed class CoreFileTests
{
    private const string Notes = "OSRELEASE=6.1.0\nSYMBOL(prb)=ffffffff82a00000\nA";

    [Fact]
    public void ItsSegmentsAreWhatLiesInMemory()
    {
        using SyntheticLinux linux = Machine(out Random random);
        using ViewShell shell = new(linux);
        byte[] file = shell.RunBytes("vmcore");
        Assert.Equal(0u, shell.Status);
        Assert.True(file.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]));
        Assert.Equal(4, BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(16)));
        List<(uint Type, ulong Place, ulong Address, ulong Physical, ulong Size)> segments = [.. Segments(file)];
        Assert.Equal([4u, 1, 1], segments.Select(segment => segment.Type));

        ReadOnlySpan<byte> note = file.AsSpan((int)segments[0].Place, (int)segments[0].Size);
        Assert.Equal(Notes, Encoding.ASCII.GetString(note.Slice(12 + 12, BinaryPrimitives.ReadInt32LittleEndian(note[4..]))));
        Assert.Equal("VMCOREINFO\0", Encoding.ASCII.GetString(note.Slice(12, BinaryPrimitives.ReadInt32LittleEndian(note))));

        Assert.Equal(SyntheticLinux.ImageStart, segments[1].Address);
        Assert.Equal(SyntheticLinux.ImageSize, segments[1].Size);
        Assert.Equal((SyntheticLinux.PageOffset + SyntheticLinux.RangeStart, SyntheticLinux.RangeStart), (segments[2].Address, segments[2].Physical));
        foreach ((uint _, ulong place, ulong address, ulong _, ulong size) in segments.Skip(1))
        {
            Assert.True(linux.At(address, (int)size).SequenceEqual(file.AsSpan((int)place, (int)size)), $"{address:x}");
            Assert.Equal(0ul, place % 4096);
        }

        Assert.Equal((ulong)file.Length, segments[2].Place + segments[2].Size);
        for (int i = 0; i < 8; i++)
        {
            int from = random.Next(file.Length);
            Assert.True(shell.RunBytes($"vmcore --from {from}").AsSpan().SequenceEqual(file.AsSpan(from)), $"from {from}");
        }

        Assert.Empty(shell.RunBytes($"vmcore --from {file.Length}"));
        _ = shell.Run($"vmcore --from {file.Length + 1}");
        Assert.Equal(CommandRun.Usage, shell.Status);
    }

    [Fact]
    public void TheRegistersOfAllCpusAreNotesOfTheirOwn()
    {
        using SyntheticLinux linux = Machine(out _);
        SyntheticPanic panic = new(linux, 3);
        CpuRegistersLayout registers = new()
        {
            Sequence = 2,
            Flags = CpuRegistersLayout.AtPanic,
            Rip = 0xffff_ffff_8100_1234,
            Rsp = 0xffff_c900_0000_1000,
            Rflags = 0x246,
            Cs = 0x10,
        };
        for (int i = 0; i < CpuRegistersLayout.RegistersMax; i++)
        {
            registers.Registers[i] = 0x100UL + (ulong)i;
        }

        panic.Store(1, registers);
        using ViewShell shell = new(linux, panic);
        byte[] file = shell.RunBytes("vmcore");
        (uint _, ulong place, ulong _, ulong _, ulong size) = Segments(file).First();
        List<(string Name, uint Type, byte[] Text)> notes = [.. ReadNotes(file.AsSpan((int)place, (int)size).ToArray())];
        Assert.Equal(["VMCOREINFO 0", "CORE 1", "CORE 1", "CORE 1"], notes.Select(note => $"{note.Name} {note.Type}"));
        Assert.All(notes.Skip(1), note => Assert.Equal(336, note.Text.Length));
        Assert.All(notes[1].Text, each => Assert.Equal(0, each));
        Assert.All(notes[3].Text, each => Assert.Equal(0, each));

        // struct user_regs_struct: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp.
        ulong[] expected =
        [
            0x10e, 0x10d, 0x10c, 0x10b, 0x106, 0x101, 0x10a, 0x109, 0x108, 0x107, 0x100, 0x102, 0x103, 0x104, 0x105, 0, registers.Rip, registers.Cs,
            registers.Rflags, registers.Rsp,
        ];
        Assert.Equal(expected, expected.Select((_, index) => BinaryPrimitives.ReadUInt64LittleEndian(notes[2].Text.AsSpan(112 + (index * 8)))));
        foreach (int back in new[] { 1, 336, 337, 356, 357, 700, 1069 })
        {
            int from = (int)(place + size) - back;
            Assert.True(shell.RunBytes($"vmcore --from {from}").AsSpan().SequenceEqual(file.AsSpan(from)), $"from {from}");
        }
    }

    [Fact]
    public void WithoutTheKernelsNotesThereIsNone()
    {
        using SyntheticLinux linux = Machine(out _);
        linux.Write(SyntheticLinux.Image(0x700), 0UL);
        using ViewShell shell = new(linux);
        Assert.Contains("VMCOREINFO", shell.Run("vmcore"), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
    }

    private static SyntheticLinux Machine(out Random random)
    {
        random = new Random(15);
        SyntheticLinux linux = new();
        random.NextBytes(linux.At(SyntheticLinux.PageOffset + SyntheticLinux.RangeStart, (int)SyntheticLinux.RangeSize));
        ulong notes = linux.Allocate(256);
        linux.Write(notes, Notes);
        linux.Values[LinuxField.CoreNotes] = unchecked((long)SyntheticLinux.Image(0x700));
        linux.Values[LinuxField.CoreNotesSize] = unchecked((long)SyntheticLinux.Image(0x708));
        linux.Write(SyntheticLinux.Image(0x700), notes);
        linux.Write(SyntheticLinux.Image(0x708), (ulong)Notes.Length);
        return linux;
    }

    private static IEnumerable<(string Name, uint Type, byte[] Text)> ReadNotes(byte[] notes)
    {
        for (int at = 0; at < notes.Length;)
        {
            int name = BinaryPrimitives.ReadInt32LittleEndian(notes.AsSpan(at));
            int size = BinaryPrimitives.ReadInt32LittleEndian(notes.AsSpan(at + 4));
            int text = at + 12 + ((name + 3) & ~3);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(notes.AsSpan(at + 8));
            yield return (Encoding.ASCII.GetString(notes, at + 12, name).TrimEnd('\0'), type, notes[text..(text + size)]);
            at = text + ((size + 3) & ~3);
        }
    }

    private static IEnumerable<(uint Type, ulong Place, ulong Address, ulong Physical, ulong Size)> Segments(byte[] file)
    {
        int place = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(32));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(56));
        for (int i = 0; i < count; i++)
        {
            int at = place + (i * 56);
            yield return (
                BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at)), BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 8)),
                BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 16)), BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 24)),
                BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 32)));
        }
    }
}

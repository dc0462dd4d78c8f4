using System;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using Iced.Intel;
using Sos.Image.Debugging;
using Sos.Image.Elf;
using Sos.Image.Verification;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sos.Image.Tests;

/// <summary>
/// Files that are made to keep the verifier busy, or to fill its memory. Each is harmless where it is small, so that nothing but its size
/// stands in its way, and would take gigabytes or minutes where it is large.
/// </summary>
public sealed class HostileImageTests
{
    private const byte Nop = 0x90;
    private const byte Return = 0xc3;
    private const byte PushRbx = 0x53;
    private const byte Halt = 0xf4;
    private const int EntriesMax = 4096;

    private static void Require(bool isAccepted, byte[] code, byte[]? data = null)
    {
        ImmutableArray<ImageDiagnostic> found = TestImage.Verify(code, data);
        string[] expected = isAccepted ? [] : [DiagnosticIds.TooComplex];
        Assert.True(found.Select(d => d.Id).SequenceEqual(expected), string.Join("; ", found.Select(d => $"{d.Id} {d.Message}")));
    }

    private static byte[] Nops(int count) => [.. Enumerable.Repeat(Nop, count)];

    [Theory]
    [InlineData(500, true)]
    [InlineData(4000, false)]
    public void ARowOfPushesIsNotKeptForEachOfThem(int count, bool isAccepted) => Require(isAccepted,
        [.. Enumerable.Repeat(PushRbx, count), 0x48, 0x81, 0xc4, .. BitConverter.GetBytes(8 * count), Return]);

    [Theory]
    [InlineData(10_000, true)]
    [InlineData(200_000, false)]
    public void AFunctionHasAnEnd(int count, bool isAccepted) => Require(isAccepted, [.. Nops(count), Return]);

    [Theory]
    [InlineData(2, true)]
    [InlineData(22, false)]
    public void ManyFunctionsAreManyInstructions(int count, bool isAccepted)
    {
        const int size = 50_000;
        byte[] function = [.. Nops(size - 1), Return];
        Require(isAccepted, [.. Calls(count, size), .. Enumerable.Repeat(function, count).SelectMany(f => f)]);
    }

    [Theory]
    [InlineData(300, true)]
    [InlineData(5000, false)]
    public void FunctionsThatGoOnInEachOtherAreWalkedForEach(int count, bool isAccepted) =>
        Require(isAccepted, [.. Calls(count, 1), .. Nops(count), Return]);

    [Theory]
    [InlineData(3, true)]
    [InlineData(3000, false)]
    public void ASwitchIsAllOfItsTargets(int count, bool isAccepted)
    {
        byte[] code = TestImage.Assemble(a =>
        {
            a.and(edi, EntriesMax - 1);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RDX, new MemoryOperand(Register.RIP, 0x10000)));
            a.mov(edx, __dword_ptr[rdx + rdi * 4]);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.R8, new MemoryOperand(Register.RIP, (long)TestImage.CodeRva)));
            a.add(rdx, r8);
            for (int i = 0; i < count; i++)
            {
                Label next = a.CreateLabel();
                a.test(esi, esi);
                a.je(next);
                a.jmp(rdx);
                a.Label(ref next);
                a.nop();
            }
        });
        byte[] padded = [.. code, .. Nops(0xf000 - code.Length - 1), Return];
        byte[] table = [.. Enumerable.Range(code.Length, EntriesMax).SelectMany(BitConverter.GetBytes)];
        Require(isAccepted, padded, table);
    }

    [Theory]
    [InlineData(100, true)]
    [InlineData(3000, false)]
    public void ABoundThatRisesIsFollowedNoLongerThanTheRest(int count, bool isAccepted) => Require(isAccepted, TestImage.Assemble(a =>
    {
        // Each constant makes the rest of the function worth another walk.
        Label rest = a.CreateLabel();
        for (int i = 0; i < count; i++)
        {
            Label next = a.CreateLabel();
            a.cmp(edi, i);
            a.ja(next);
            a.jmp(rest);
            a.Label(ref next);
            a.nop();
        }

        a.Label(ref rest);
        for (int i = 0; i < count; i++)
        {
            a.nop();
        }

        a.ret();
    }));

    [Fact]
    public void RefusalsAreShownUpToANumber()
    {
        ImmutableArray<ImageDiagnostic> few = TestImage.Verify([.. Enumerable.Repeat(Halt, 50), Return]);
        ImmutableArray<ImageDiagnostic> many = TestImage.Verify([.. Enumerable.Repeat(Halt, 20_000), Return]);

        Assert.Equal(Enumerable.Repeat(DiagnosticIds.Privileged, 50), few.Select(d => d.Id));
        Assert.Equal([DiagnosticIds.Privileged, DiagnosticIds.TooComplex], many.Select(d => d.Id).Distinct());
        Assert.InRange(many.Length, 50, 500);
    }

    [Fact]
    public void WhatTheRepositoryBuildsIsFarFromTheLimits() => Assert.All(RepositoryImages.Projects.Select(RepositoryImages.PathOf), path =>
    {
        WalkBudget budget = ImageVerifier.Examine(ServiceImage.Read(path)).Budget;

        Assert.InRange(budget.Instructions, 1, WalkBudget.InstructionsMax / 8);
        Assert.InRange(budget.Visits, 1, WalkBudget.VisitsMax / 8);
        Assert.InRange(budget.ValuesMost, 1, WalkBudget.ValuesMax / 8);
    });

    [Theory]
    [InlineData(56, 65, 2)] // e_phnum
    [InlineData(ElfFormat.HeaderSize + (3 * ElfFormat.ProgramHeaderSize) + 32, (64 << 10) + 1, 4)] // p_filesz of the notes
    public void HeadersAndNotesAreAsManyAsAnImageHas(int at, int value, int size)
    {
        byte[] file = TestImage.Create([Return]);
        BitConverter.GetBytes(value).AsSpan(0, size).CopyTo(file.AsSpan(at));

        Assert.Equal(ImageFormatError.TooLarge, Assert.Throws<ImageFormatException>(() => ServiceImage.Read(file)).Error);
    }

    [Fact]
    public void AFileIsNotReadThatIsLargerThanAny()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (FileStream file = File.OpenWrite(path))
            {
                file.SetLength(ServiceImage.MaxFileSize + 1L);
            }

            Assert.Equal(ImageFormatError.TooLarge, Assert.Throws<ImageFormatException>(() => ServiceImage.Read(path)).Error);
            Assert.Equal(ImageFormatError.TooLarge, Assert.Throws<ImageFormatException>(() => DebugFile.Read(path)).Error);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void NamesOfADebugFileDoNotLieInEachOther(int step, bool isRead)
    {
        byte[] file = Debug(10, step, [.. Enumerable.Repeat((byte)'a', 1000), 0]);
        if (isRead)
        {
            Assert.Equal(10, DebugFile.Read(file).Methods.Length);
        }
        else
        {
            Assert.Equal(ImageFormatError.BadSymbol, Assert.Throws<ImageFormatException>(() => DebugFile.Read(file)).Error);
        }
    }

    [Fact]
    public void ANameThatIsShownHasNoControlCharacters()
    {
        byte[] good = Named("test");
        byte[] bad = Named("te\u001bst");

        Assert.Equal("test", ServiceImage.Read(good).Descriptor.Name);
        Assert.Equal(ImageFormatError.BadDescriptor, Assert.Throws<ImageFormatException>(() => ServiceImage.Read(bad)).Error);

        static byte[] Named(string name) => Sos.Fuzz.Images.CodeImage.Create(
            [Return], new byte[8], new ServiceDescriptor(ServiceDescriptor.CurrentAbi, 65536, 0, 0, 0, 0, name, "1"));
    }

    /// <summary>A function that calls so many others, which follow it at a distance from each other.</summary>
    private static byte[] Calls(int count, int distance)
    {
        const int callSize = 5;
        int end = (count * callSize) + 1;
        return [.. Enumerable.Range(0, count).SelectMany(n => (byte[])[0xe8, .. BitConverter.GetBytes(end + (n * distance) - ((n + 1) * callSize))]), Return];
    }

    /// <summary>A debug file with methods whose names begin at so many bytes from each other.</summary>
    private static byte[] Debug(int methods, int step, byte[] text)
    {
        const int dataAt = ElfFormat.HeaderSize + (2 * ElfFormat.SectionHeaderSize);
        byte[] data = new byte[DebugFile.HeaderSize + (methods * DebugFile.MethodSize) + text.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(data, DebugFile.Magic);
        Span<byte> counts = data.AsSpan(8 + ServiceDescriptor.BuildIdSize);
        BinaryPrimitives.WriteInt32LittleEndian(counts, methods);
        BinaryPrimitives.WriteInt32LittleEndian(counts[12..], text.Length);
        for (int i = 0; i < methods; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(DebugFile.HeaderSize + (i * DebugFile.MethodSize) + 8), i * step);
        }

        text.CopyTo(data, data.Length - text.Length);
        byte[] file = new byte[dataAt + data.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(file, ElfFormat.Magic);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(40), ElfFormat.HeaderSize);
        Span<byte> section = file.AsSpan(ElfFormat.HeaderSize + ElfFormat.SectionHeaderSize);
        BinaryPrimitives.WriteInt64LittleEndian(section[24..], dataAt);
        BinaryPrimitives.WriteInt64LittleEndian(section[32..], data.Length);
        data.CopyTo(file, dataAt);
        return file;
    }
}

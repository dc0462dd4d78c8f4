using System;
using System.Collections.Immutable;
using System.Linq;
using Iced.Intel;
using Sos.Fuzz.Images;
using Sos.Image.Verification;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sos.Image.Tests;

/// <summary>Code that no C# compiler writes, and that must be refused all the same: the verifier trusts no producer.</summary>
public sealed class MachineCodeTests
{
    public static TheoryData<string, string, byte[]> Bad => new()
    {
        { "syscall", DiagnosticIds.SystemCall, [0x0f, 0x05, 0xc3] },
        { "sysenter", DiagnosticIds.SystemCall, [0x0f, 0x34, 0xc3] },
        { "int 0x80", DiagnosticIds.SystemCall, [0xcd, 0x80, 0xc3] },
        { "int 0x20 without a function number", DiagnosticIds.SystemCall, [0xcd, 0x20, 0xc3] },
        { "int 0x20 with an unknown function", DiagnosticIds.SystemCall, [0xb8, 3, 0, 0, 0, 0xcd, 0x20, 0xc3] },
        { "a branch past the gate's function number", DiagnosticIds.SystemCall,
            [0x75, 0x05, 0xb8, 1, 0, 0, 0, 0xcd, 0x20, 0xc3] },
        { "hlt", DiagnosticIds.Privileged, [0xf4, 0xc3] },
        { "cli", DiagnosticIds.Privileged, [0xfa, 0xc3] },
        { "in al, dx", DiagnosticIds.Privileged, [0xec, 0xc3] },
        { "out dx, al", DiagnosticIds.Privileged, [0xee, 0xc3] },
        { "rdmsr", DiagnosticIds.Privileged, [0x0f, 0x32, 0xc3] },
        { "wrmsr", DiagnosticIds.Privileged, [0x0f, 0x30, 0xc3] },
        { "mov cr3, rax", DiagnosticIds.Privileged, [0x0f, 0x22, 0xd8, 0xc3] },
        { "vmcall", DiagnosticIds.Privileged, [0x0f, 0x01, 0xc1, 0xc3] },
        { "iretq", DiagnosticIds.FarOrSegment, [0x48, 0xcf] },
        { "retf", DiagnosticIds.FarOrSegment, [0xcb] },
        { "jmp far [rax]", DiagnosticIds.FarOrSegment, [0xff, 0x28] },
        { "mov ds, eax", DiagnosticIds.FarOrSegment, [0x8e, 0xd8, 0xc3] },
        { "wrfsbase rax", DiagnosticIds.FarOrSegment, [0xf3, 0x48, 0x0f, 0xae, 0xd0, 0xc3] },
        { "mov rax, fs:[0]", DiagnosticIds.ThreadStatic, [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0xc3] },
        { "mov rax, gs:[rcx]", DiagnosticIds.ThreadStatic, [0x65, 0x48, 0x8b, 0x01, 0xc3] },
        { "an undefined opcode", DiagnosticIds.Undecodable, [0x06] },
        { "an instruction cut off", DiagnosticIds.Undecodable, [0x48, 0x8b] },
        { "code that runs out of its segment", DiagnosticIds.OutOfCode, [0x90] },
        { "a jump out of the image", DiagnosticIds.OutOfCode, [0xe9, 0x00, 0x00, 0x10, 0x00] },
        { "a call into the data", DiagnosticIds.OutOfCode, [0xe8, 0xfb, 0x0f, 0x00, 0x00, 0xc3] },
        { "a branch into the middle of an instruction", DiagnosticIds.Overlap, [0x75, 0x01, 0xb8, 0x90, 0x90, 0x90, 0xc3, 0xc3] },
        { "jmp rax", DiagnosticIds.IndirectJump, [0xff, 0xe0] },
        { "jmp [rax]", DiagnosticIds.IndirectJump, [0xff, 0x20] },
        { "call rax", DiagnosticIds.IndirectCall, [0xff, 0xd0, 0xc3] },
        { "code behind a return", DiagnosticIds.UnreachedCode, [0xc3, 0x0f, 0x05] },
        { "a function that calls itself", DiagnosticIds.Recursion, [0xe8, 0xfb, 0xff, 0xff, 0xff, 0xc3] },
        { "a frame larger than the stack", DiagnosticIds.StackTooDeep,
            [0x48, 0x81, 0xec, 0, 0, 2, 0, 0x48, 0x81, 0xc4, 0, 0, 2, 0, 0xc3] },
        { "sub rsp, rax", DiagnosticIds.StackUnknown, [0x48, 0x29, 0xc4, 0xc3] },
        { "a return to a pushed address", DiagnosticIds.StackUnknown, [0x50, 0xc3] },
        { "lock syscall", DiagnosticIds.Undecodable, [0xf0, 0x0f, 0x05, 0xc3] },
        { "syscall behind prefixes", DiagnosticIds.SystemCall, [0x66, 0xf3, 0x48, 0x0f, 0x05, 0xc3] },
        { "a syscall in an immediate that a branch reaches", DiagnosticIds.Overlap,
            [0x75, 0x01, 0xb8, 0x0f, 0x05, 0x90, 0x90, 0xc3] },
        { "an instruction across another, reached backwards", DiagnosticIds.Overlap, [0xb8, 0x90, 0x90, 0x90, 0x90, 0x75, 0xfa, 0xc3] },
        { "int1", DiagnosticIds.SystemCall, [0xf1, 0xc3] },
        { "rep outsb", DiagnosticIds.Privileged, [0xf3, 0x6e, 0xc3] },
        { "sti", DiagnosticIds.Privileged, [0xfb, 0xc3] },
        { "popfq", DiagnosticIds.Privileged, [0x9c, 0x9d, 0xc3] },
        { "rdpmc", DiagnosticIds.Privileged, [0x0f, 0x33, 0xc3] },
        { "xsetbv", DiagnosticIds.Privileged, [0x0f, 0x01, 0xd1, 0xc3] },
        { "wrpkru", DiagnosticIds.Privileged, [0x0f, 0x01, 0xef, 0xc3] },
        { "enclu", DiagnosticIds.Privileged, [0x0f, 0x01, 0xd7, 0xc3] },
        { "vmfunc", DiagnosticIds.Privileged, [0x0f, 0x01, 0xd4, 0xc3] },
        { "tdcall", DiagnosticIds.Privileged, [0x66, 0x0f, 0x01, 0xcc, 0xc3] },
        { "xbegin", DiagnosticIds.Privileged, [0xc7, 0xf8, 0, 0, 0, 0, 0xc3] },
        { "monitorx", DiagnosticIds.Privileged, [0x0f, 0x01, 0xfa, 0xc3] },
        { "umwait ecx", DiagnosticIds.Privileged, [0xf2, 0x0f, 0xae, 0xf1, 0xc3] },
        { "senduipi rax", DiagnosticIds.Privileged, [0xf3, 0x0f, 0xc7, 0xf0, 0xc3] },
        { "xrstor [rax]", DiagnosticIds.Privileged, [0x0f, 0xae, 0x28, 0xc3] },
        { "rdpru", DiagnosticIds.Privileged, [0x0f, 0x01, 0xfd, 0xc3] },
        { "fld1", DiagnosticIds.Privileged, [0xd9, 0xe8, 0xc3] },
        { "smsw eax", DiagnosticIds.Privileged, [0x0f, 0x01, 0xe0, 0xc3] },
        { "invlpg [rax]", DiagnosticIds.Privileged, [0x0f, 0x01, 0x38, 0xc3] },
        { "mov eax, dr7", DiagnosticIds.Privileged, [0x0f, 0x21, 0xf8, 0xc3] },
        { "swapgs", DiagnosticIds.FarOrSegment, [0x0f, 0x01, 0xf8, 0xc3] },
        { "call far [rax]", DiagnosticIds.FarOrSegment, [0xff, 0x18, 0xc3] },
        { "pop fs", DiagnosticIds.FarOrSegment, [0x0f, 0xa1, 0xc3] },
        { "maskmovdqu of fs", DiagnosticIds.ThreadStatic, [0x64, 0x66, 0x0f, 0xf7, 0xc1, 0xc3] },
        { "a jump of 16 bits on AMD's processors", DiagnosticIds.Undecodable, [0x66, 0xe9, 0x00, 0x00, 0x00, 0x00, 0xc3] },
        { "a call of 16 bits on AMD's processors", DiagnosticIds.Undecodable, [0x66, 0xe8, 0x00, 0x00, 0x00, 0x00, 0xc3] },
        { "a conditional jump of 16 bits on AMD's", DiagnosticIds.Undecodable, [0x66, 0x0f, 0x84, 0x00, 0x00, 0x00, 0x00, 0xc3] },
        { "a short jump of 16 bits on AMD's", DiagnosticIds.Undecodable, [0x66, 0xeb, 0x00, 0xc3] },
        { "a return of 16 bits on AMD's", DiagnosticIds.Undecodable, [0x66, 0xc3] },
        { "a REX prefix without effect", DiagnosticIds.Undecodable, [0x4f, 0x66, 0x90, 0xc3] },
        { "ud0, of two lengths", DiagnosticIds.Undecodable, [0x0f, 0xff, 0xc0] },
        { "a return that drops arguments", DiagnosticIds.StackUnknown, [0xc2, 0x08, 0x00] },
        { "a return after an alignment of unknown distance", DiagnosticIds.StackUnknown,
            [0x48, 0x83, 0xe4, 0xf0, 0x48, 0x83, 0xc4, 0x0f, 0xc3] },
        { "a push over the return address", DiagnosticIds.CallerState, [0x48, 0x83, 0xc4, 0x08, 0x50, 0xc3] },
        { "mov [rsp], rax; ret", DiagnosticIds.CallerState, [0x48, 0x89, 0x04, 0x24, 0xc3] },
        { "xrelease mov [rsp], rax; ret", DiagnosticIds.FormNotAllowed, [0xf3, 0x48, 0x89, 0x04, 0x24, 0xc3] },
        { "a vector over the return address", DiagnosticIds.CallerState, [0xc5, 0xf8, 0x11, 0x44, 0x24, 0xf4, 0xc3] },
        { "a return address changed through a copy of RSP", DiagnosticIds.CallerState,
            [0x48, 0x8d, 0x44, 0x24, 0x08, 0x48, 0x83, 0x40, 0xf8, 0x01, 0xc3] },
        { "rbx changed", DiagnosticIds.CallerState, [0x31, 0xdb, 0xc3] },
        { "rbp saved, overwritten, restored", DiagnosticIds.CallerState,
            [0x55, 0x48, 0xc7, 0x04, 0x24, 0, 0, 0, 0, 0x5d, 0xc3] },
        { "rbx and rbp exchanged", DiagnosticIds.CallerState, [0x53, 0x55, 0x5b, 0x5d, 0xc3] },
        { "a frame below the stack without a change of RSP", DiagnosticIds.StackTooDeep,
            [0x48, 0x89, 0x84, 0x24, 0, 0, 0xfe, 0xff, 0xc3] },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void BadCodeIsRefused(string what, string id, byte[] code) => Assert.True(
        TestImage.Verify(code).Any(d => d.Id == id),
        $"{what}: expected {id}, got {string.Join(", ", TestImage.Verify(code).Select(d => d.Id + " " + d.Message))}");

    [Fact]
    public void TheGateIsAllowed() => Assert.Empty(TestImage.Verify([0xb8, 1, 0, 0, 0, 0xcd, 0x20, 0xc3]));

    public static TheoryData<string, byte[]> Allowed => new()
    {
        { "registers saved and restored", [0x55, 0x53, 0x48, 0x89, 0xe5, 0x31, 0xdb, 0x48, 0x8b, 0x1c, 0x24, 0x48, 0x83, 0xc4, 0x08, 0x5d, 0xc3] },
        { "a frame through RBP", [0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x40, 0x31, 0xc0, 0x48, 0x89, 0xec, 0x5d, 0xc3] },
        { "a memory barrier on the return address", [0xf0, 0x83, 0x0c, 0x24, 0x00, 0xc3] },
        { "a long nop", [0x66, 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0xc3] },
        { "vpaddd ymm0, ymm1, ymm2", [0xc5, 0xf5, 0xfe, 0xc2, 0xc3] },
        { "a trap", [0x0f, 0x0b] },
    };

    [Theory]
    [MemberData(nameof(Allowed))]
    public void WhatACompilerMayWriteIsAllowed(string what, byte[] code)
    {
        Assert.NotEmpty(what);
        Assert.Empty(TestImage.Verify(code).Select(d => d.Id + " " + d.Message));
    }

    [Fact]
    public void PaddingBetweenFunctionsIsAllowed() =>
        Assert.Empty(TestImage.Verify([0xe8, 0x04, 0, 0, 0, 0xc3, 0xcc, 0x66, 0x90, 0xc3, 0xcc, 0, 0]));

    [Theory]
    [InlineData(3, true, true, new string[0])]
    [InlineData(3, true, false, new[] { DiagnosticIds.IndirectJump })]
    [InlineData(4000, true, true, new[] { DiagnosticIds.IndirectJump })]
    [InlineData(3, false, true, new[] { DiagnosticIds.IndirectJump })]
    public void ASwitchIsAllowedOnlyWithItsBoundsCheck(int count, bool check, bool extend, string[] expected)
    {
        byte[] code = Switch(count, check, extend, out int offset);
        byte[] table = new byte[16];
        for (int i = 0; i < 4; i++)
        {
            BitConverter.TryWriteBytes(table.AsSpan(4 * i), offset);
        }

        Assert.Equal(expected, TestImage.Verify(code, table).Select(d => d.Id).Where(i =>
            i != DiagnosticIds.UnreachedCode).Distinct());
    }

    [Fact]
    public void ASwitchIntoTheMiddleOfAnInstructionIsRefused()
    {
        byte[] code = Switch(3, true, true, out int offset);
        byte[] table = new byte[16];
        BitConverter.TryWriteBytes(table.AsSpan(8), offset + 1);
        BitConverter.TryWriteBytes(table, offset);

        Assert.Contains(TestImage.Verify(code, table), d => d.Id == DiagnosticIds.Overlap);
    }

    [Fact]
    public void ASwitchWithAnIndexThatIsATablesEntryIsRefused()
    {
        // The entry of a first, bounded look-up is no bounded index of a second.
        byte[] code = TestImage.Assemble(a =>
        {
            Label done = a.CreateLabel();
            a.cmp(edi, 3);
            a.ja(done);
            a.mov(edi, edi);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RDX,
                new MemoryOperand(Register.RIP, (long)TestImage.DataRva)));
            a.mov(ecx, __dword_ptr[rdx + rdi * 4]);
            a.mov(ecx, ecx);
            a.mov(edx, __dword_ptr[rdx + rcx * 4]);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RSI,
                new MemoryOperand(Register.RIP, (long)TestImage.CodeRva)));
            a.add(rdx, rsi);
            a.jmp(rdx);
            a.Label(ref done);
            a.ret();
        });
        byte[] table = new byte[16];
        for (int i = 0; i < 4; i++)
        {
            BitConverter.TryWriteBytes(table.AsSpan(4 * i), code.Length - 1);
        }

        Assert.Contains(TestImage.Verify(code, table), d => d.Id == DiagnosticIds.IndirectJump);
    }

    [Theory]
    [InlineData(-8, true)] // the relocation ends where the table begins
    [InlineData(-7, false)]
    [InlineData(0, false)]
    [InlineData(15, false)]
    [InlineData(16, true)]
    public void ASwitchWhoseTableTheLoaderWritesIsRefused(int distance, bool isAccepted)
    {
        const int tableAt = 0x100;
        ulong written = TestImage.DataRva + (ulong)(tableAt + distance);
        byte[] code = TestImage.Assemble(a =>
        {
            a.and(edi, 3);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RDX,
                new MemoryOperand(Register.RIP, (long)TestImage.DataRva + tableAt)));
            a.mov(edx, __dword_ptr[rdx + rdi * 4]);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RSI,
                new MemoryOperand(Register.RIP, (long)TestImage.CodeRva)));
            a.add(rdx, rsi);
            a.jmp(rdx);
            a.ret();
        });
        byte[] data = new byte[0x200];
        ReadOnlySpan<ulong> words =
        [
            7, TestImage.DataRva + 64, 8, 3 * 24, 9, 24, 0, 0, // a dynamic segment: the relocations' address, size, and size of one
            TestImage.DataRva + 0xd0, 8, 0, written, 8, 0, TestImage.DataRva + 0x1f0, 8, 0,
        ];
        for (int i = 0; i < words.Length; i++)
        {
            BitConverter.TryWriteBytes(data.AsSpan(8 * i), words[i]);
        }

        for (int i = 0; i < 4; i++)
        {
            BitConverter.TryWriteBytes(data.AsSpan(tableAt + (4 * i)), code.Length - 1);
        }

        string[] expected = isAccepted ? [] : [DiagnosticIds.IndirectJump, DiagnosticIds.UnreachedCode];
        Assert.Equal(expected, Verify(TestImage.Create(code, dynamic: data)));

        // The instruction set variable is another thing that the loader writes.
        data.AsSpan(0, 0xc8).Clear();
        ServiceDescriptor descriptor = new(ServiceDescriptor.CurrentAbi, 65536, 0, 0, 0, written, "test", "1");
        Assert.Equal(expected, Verify(CodeImage.Create(code, data, descriptor)));

        static string[] Verify(byte[] file) => [.. ImageVerifier.Verify(ServiceImage.Read(file)).Select(d => d.Id)];
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TheSignOfASwitchsTableIsWhatTheInstructionExtends(bool wide)
    {
        // Entries of -1 from the base 0x1001 + 0x100 reach 0x1100 with sign, and far out of the code without.
        byte[] code = TestImage.Assemble(a =>
        {
            Label done = a.CreateLabel();
            a.cmp(edi, 3);
            a.ja(done);
            a.mov(edi, edi);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RDX,
                new MemoryOperand(Register.RIP, (long)TestImage.DataRva)));
            a.AddInstruction(Instruction.Create(wide ? Code.Movsxd_r64_rm32 : Code.Mov_r32_rm32, wide ? Register.RDX : Register.EDX,
                new MemoryOperand(Register.RDX, Register.RDI, 4)));
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RSI,
                new MemoryOperand(Register.RIP, (long)TestImage.CodeRva + 0x101)));
            a.add(rdx, rsi);
            a.jmp(rdx);
            a.Label(ref done);
            a.ret();
        });
        byte[] padded = new byte[0x102];
        padded.AsSpan().Fill(0xcc);
        code.CopyTo(padded, 0);
        padded[0x100] = 0xc3;
        padded[0x101] = 0x90;

        ImmutableArray<ImageDiagnostic> found = TestImage.Verify(padded, [.. Enumerable.Repeat((byte)0xff, 16)]);

        Assert.Equal(wide ? [] : new[] { DiagnosticIds.OutOfCode }, found.Select(d => d.Id).Where(i => i != DiagnosticIds.UnreachedCode).Distinct());
    }

    [Fact]
    public void AnIndexWhoseUpperHalfIsNotSurelyClearIsRefused()
    {
        byte[] code = TestImage.Assemble(a =>
        {
            Label done = a.CreateLabel();
            a.bsf(edi, esi);
            a.cmp(edi, 3);
            a.ja(done);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RDX,
                new MemoryOperand(Register.RIP, (long)TestImage.DataRva)));
            a.mov(edx, __dword_ptr[rdx + rdi * 4]);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RSI,
                new MemoryOperand(Register.RIP, (long)TestImage.CodeRva)));
            a.add(rdx, rsi);
            a.jmp(rdx);
            a.Label(ref done);
            a.ret();
        });
        byte[] table = new byte[16];
        for (int i = 0; i < 4; i++)
        {
            BitConverter.TryWriteBytes(table.AsSpan(4 * i), code.Length - 1);
        }

        Assert.Contains(TestImage.Verify(code, table), d => d.Id == DiagnosticIds.IndirectJump);
    }

    /// <summary>A switch of <paramref name="count"/> + 1 cases, all at one place: <paramref name="offset"/> bytes from the
    /// entry.</summary>
    private static byte[] Switch(int count, bool check, bool extend, out int offset)
    {
        byte[] code = TestImage.Assemble(a =>
        {
            Label done = a.CreateLabel();
            if (check)
            {
                a.cmp(edi, count);
                a.ja(done);
            }

            if (extend)
            {
                a.mov(edi, edi);
            }

            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RDX,
                new MemoryOperand(Register.RIP, (long)TestImage.DataRva)));
            a.mov(edx, __dword_ptr[rdx + rdi * 4]);
            a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RSI,
                new MemoryOperand(Register.RIP, (long)TestImage.CodeRva)));
            a.add(rdx, rsi);
            a.jmp(rdx);
            a.mov(eax, 0x01020304);
            a.Label(ref done);
            a.ret();
        });
        offset = code.Length - 6;
        return code;
    }
}

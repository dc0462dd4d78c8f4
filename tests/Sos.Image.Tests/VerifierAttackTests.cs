using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sos.Image.Tests;

/// <summary>
/// Images that were accepted once and left the decoded code, and their neighbours. Each is built so that nothing but the rule under
/// test stands in its way: what differs in that one point is accepted.
/// </summary>
public sealed class VerifierAttackTests
{
    private static readonly byte[] MovRcxRsp = [0x48, 0x89, 0xe1];
    private static readonly byte[] MovRspRcx = [0x48, 0x89, 0xcc];
    private static readonly byte[] Return = [0xc3];

    public static TheoryData<string> Prefixes => ["", "66", "67", "f2", "f3", "2e", "3e", "48", "40", "41", "4f", "6648", "f348"];

    private static void RequireRefused(byte[] code, params string[] ids)
    {
        ImmutableArray<ImageDiagnostic> found = TestImage.Verify(code);
        Assert.True(!found.IsEmpty, $"{Convert.ToHexString(code)} is accepted");
        if (ids.Length > 0)
        {
            Assert.True(found.Any(d => ids.Contains(d.Id)), $"{Convert.ToHexString(code)}: {string.Join("; ", found.Select(d => d.Id + " " + d.Message))}");
        }
    }

    private static void RequireAccepted(byte[] code, byte[]? data = null)
    {
        ImmutableArray<ImageDiagnostic> found = TestImage.Verify(code, data);
        Assert.True(found.IsEmpty, $"{Convert.ToHexString(code)}: {string.Join("; ", found.Select(d => d.Id + " " + d.Message))}");
    }

    private static byte[] Join(params byte[][] parts) => [.. parts.SelectMany(p => p)];

    [Theory]
    [InlineData("e0")]
    [InlineData("e1")]
    [InlineData("e2")]
    [InlineData("e3")]
    public void ALoopChangesRcxOnBothEdges(string opcode)
    {
        RequireAccepted(Join(MovRcxRsp, MovRspRcx, Return));
        foreach (string prefix in Prefixes)
        {
            byte[] loop = Join(Convert.FromHexString(prefix + opcode), [0x00]);
            RequireRefused(Join(MovRcxRsp, Join([.. Enumerable.Repeat(loop, 8)]), MovRspRcx, Return));
        }
    }

    [Theory]
    [InlineData("5c")] // pop sp
    [InlineData("8fc4")]
    [InlineData("505c")]
    [InlineData("54")]
    [InlineData("89c4")] // mov sp, ax
    [InlineData("8be0")]
    [InlineData("83c408")] // add sp, 8
    [InlineData("81ec0800")]
    [InlineData("8d6424f8")] // lea sp, [rsp - 8]
    [InlineData("83e4f0")]
    [InlineData("ffc4")] // inc sp
    [InlineData("94")] // xchg ax, sp
    [InlineData("87e0")]
    [InlineData("0fc1c4")] // xadd
    [InlineData("0fb1c4")] // cmpxchg
    [InlineData("0f44e0")] // cmove
    [InlineData("0fb7e0")] // movzx
    [InlineData("0fbfe0")]
    [InlineData("0fafe0")] // imul
    [InlineData("0fcc")] // bswap
    [InlineData("c1e408")] // shl
    [InlineData("9c")] // pushf
    [InlineData("60")]
    [InlineData("c8000000")] // enter
    [InlineData("c9")] // leave
    [InlineData("8f0424")] // pop [rsp]
    [InlineData("ff3424")] // push [rsp]
    [InlineData("6a00")]
    [InlineData("6800000000")]
    public void TheStackPointerChangesByWhatIsKnownOrNotAtAll(string instruction)
    {
        // As it is, and of 16 bits; the other half of the change, where there is one, cannot make up for it.
        foreach (string prefix in (string[])["66", "6640", "6648", "f366", "6666"])
        {
            byte[] change = Convert.FromHexString(prefix + instruction);
            RequireRefused(Join([0x55], change, [0x5d], Return));
            RequireRefused(Join([0x50], change, [0x48, 0x83, 0xc4, 0x06], Return));
            RequireRefused(Join([0x50], change, [0x48, 0x83, 0xc4, 0x08], Return));
        }
    }

    [Theory]
    [InlineData("89c4")] // mov esp, eax
    [InlineData("83c408")] // add esp, 8
    [InlineData("4088c4")] // mov spl, al
    [InlineData("4080ec08")] // sub spl, 8
    [InlineData("8d6424f8")] // lea esp, [rsp - 8]
    [InlineData("ffc4")]
    [InlineData("48ffc4")] // inc rsp
    [InlineData("4801c4")] // add rsp, rax
    [InlineData("480fafe0")]
    [InlineData("4831e4")] // xor rsp, rsp
    [InlineData("480f44e0")]
    [InlineData("480fb7e0")]
    [InlineData("4863e0")] // movsxd rsp, eax
    [InlineData("480fcc")]
    [InlineData("48d1e4")] // shl rsp, 1
    [InlineData("4887e0")]
    [InlineData("c4e2d8f3c8")] // blsr
    [InlineData("c4e2fbf6e1")] // mulx rsp, rax, rcx
    [InlineData("c4e2dbf6c1")]
    [InlineData("c5f9d7e0")] // vpmovmskb esp, xmm0
    [InlineData("c4e1f97ec4")] // vmovq rsp, xmm0
    [InlineData("480f38f024")] // movbe
    [InlineData("f3480fbcE0")] // tzcnt
    [InlineData("5c")] // pop rsp
    public void NoOtherInstructionMayChangeTheStackPointer(string instruction) =>
        RequireRefused(Join([0x55], Convert.FromHexString(instruction), [0x5d], Return));

    [Theory]
    [InlineData("4889442408")] // mov [rsp + 8], rax
    [InlineData("89442408")]
    [InlineData("668944240f")]
    [InlineData("8844240f")]
    [InlineData("c644240800")]
    [InlineData("48c744240800000000")]
    [InlineData("4801442408")] // add
    [InlineData("f0480fc1442408")] // lock xadd
    [InlineData("4887442408")] // xchg
    [InlineData("f0480fb14c2408")] // lock cmpxchg
    [InlineData("0f94442408")] // sete
    [InlineData("f644240801c644240801")]
    [InlineData("c5f811442408")] // vmovups
    [InlineData("c5fc11442408")]
    [InlineData("c5fe7f442408")]
    [InlineData("488d442408488900")] // through a copy
    [InlineData("488d4424104889440500488940f8")]
    public void ACalleeDoesNotReachItsCallersReturnAddress(string store)
    {
        // The callee's [rsp + 8] is the caller's own return address, or a saved register, unless it made room for arguments.
        byte[] callee = Join(Convert.FromHexString(store), Return);
        RequireRefused(Call([], callee, []), DiagnosticIds.CallerState);
        RequireRefused(Call([0x53], callee, [0x5b]), DiagnosticIds.CallerState);
        RequireAccepted(Call([0x48, 0x83, 0xec, 0x40], callee, [0x48, 0x83, 0xc4, 0x40]));
        RequireRefused(Call([0x48, 0x83, 0xec, 0x40, 0x48, 0x89, 0x1c, 0x24], Join([0x31, 0xdb], callee), [0x48, 0x8b, 0x1c, 0x24, 0x48, 0x83, 0xc4, 0x40]),
            DiagnosticIds.CallerState);
    }

    [Fact]
    public void WhatACalleeMayWriteIsKnownAlsoWhereItIsFoundLater()
    {
        // a calls b and c; c calls d, which writes its argument; only then is it known what c and a may keep.
        byte[] code = TestImage.Assemble(a =>
        {
            (Label middle, Label last) = (a.CreateLabel(), a.CreateLabel());
            a.sub(rsp, 16);
            a.call(middle);
            a.add(rsp, 16);
            a.ret();
            a.Label(ref middle);
            a.push(rbx);
            a.xor(ebx, ebx);
            a.call(last);
            a.pop(rbx);
            a.ret();
            a.Label(ref last);
            a.mov(__qword_ptr[rsp + 8], rax);
            a.ret();
        });

        RequireRefused(code, DiagnosticIds.CallerState);
    }

    [Fact]
    public void ACallPushesOverWhatLiesBelowTheStackPointer()
    {
        // push rbx; add rsp, 8; call; sub rsp, 8; pop rbx: with a callee that only returns, too.
        RequireRefused(Call([0x53, 0x31, 0xdb, 0x48, 0x83, 0xc4, 0x08], Return, [0x48, 0x83, 0xec, 0x08, 0x5b]), DiagnosticIds.CallerState);

        // The same without the call: what lies below is no one's even then.
        RequireRefused([0x53, 0x31, 0xdb, 0x48, 0x83, 0xc4, 0x08, 0x48, 0x83, 0xec, 0x08, 0x5b, 0xc3], DiagnosticIds.CallerState);

        // Above it stays, and the probe of a large frame keeps R11.
        RequireAccepted(Call([0x53, 0x31, 0xdb], Return, [0x5b]));
        RequireAccepted(Call([0x4c, 0x8d, 0x5c, 0x24, 0xc0], Return, [0x4c, 0x89, 0xdc, 0x48, 0x83, 0xc4, 0x40]));
        RequireRefused(Call([0x4c, 0x8d, 0x5c, 0x24, 0xc0], [0x90, 0xc3], [0x4c, 0x89, 0xdc, 0x48, 0x83, 0xc4, 0x40]), DiagnosticIds.StackUnknown);
    }

    public static TheoryData<string, bool, string[]> Bounds => new()
    {
        { "the compiler's", true, ["cmp edi 3", "ja", "mov edi edi", "load rdi"] },
        { "a copy after the comparison", true, ["cmp edi 3", "ja", "mov ecx edi", "load rcx"] },
        { "a copy before it", true, ["mov ecx edi", "cmp edi 3", "ja", "mov ecx ecx", "load rcx"] },
        { "a copy that is extended", true, ["mov ecx edi", "cmp edi 3", "ja", "load rcx"] },
        { "all 64 bits", true, ["cmp rdi 3", "ja", "load rdi"] },
        { "the lower half of what was compared in full", true, ["mov ecx edi", "cmp rdi 3", "ja", "load rcx"] },
        { "a mask", true, ["and edi 3", "load rdi"] },
        { "one below", true, ["cmp edi 4", "jae", "mov edi edi", "load rdi"] },
        { "the upper half unknown", false, ["cmp edi 3", "ja", "load rdi"] },
        { "the original of an extended copy that was compared in full", false, ["mov ecx edi", "cmp rcx 3", "ja", "load rdi"] },
        { "the original of a copy that was compared", false, ["mov ecx edi", "cmp ecx 3", "ja", "load rdi"] },
        { "a full copy, compared by halves", false, ["mov rcx rdi", "cmp edi 3", "ja", "load rcx"] },
        { "a copy that changed before", false, ["mov ecx edi", "add ecx 1", "cmp edi 3", "ja", "load rcx"] },
        { "what was compared changed", false, ["cmp edi 3", "mov edi esi", "ja", "mov edi edi", "load rdi"] },
        { "what was bounded changed", false, ["cmp edi 3", "ja", "add edi 1", "mov edi edi", "load rdi"] },
        { "flags that changed", false, ["cmp edi 3", "add esi 1", "ja", "mov edi edi", "load rdi"] },
        { "a comparison of 16 bits", false, ["cmp di 3", "ja", "mov edi edi", "load rdi"] },
        { "a comparison of 8 bits", false, ["cmp dil 3", "ja", "mov edi edi", "load rdi"] },
        { "a comparison with sign", false, ["cmp edi 3", "jg", "mov edi edi", "load rdi"] },
        { "the other way", false, ["cmp edi 3", "jb", "mov edi edi", "load rdi"] },
        { "a bound that is too large", false, ["cmp edi 4", "ja", "mov edi edi", "load rdi"] },
        { "a mask that is too large", false, ["and edi 7", "load rdi"] },
        { "a mask of 64 bits that is negative", false, ["and rdi -4", "load rdi"] },
        { "one-operand IMUL, which only reads EDI", false, ["cmp edi 3", "ja", "imul1 edi", "load rdi"] },
        { "DIV, which only reads EDI", false, ["cmp edi 3", "ja", "div edi", "load rdi"] },
        { "CMPXCHG, which may not write EDI", false, ["cmp edi 3", "ja", "cmpxchg edi", "load rdi"] },
        { "a shift by CL, of which the count may be zero", false, ["cmp edi 3", "ja", "shr edi cl", "cmp edi 3", "ja", "load rdi"] },
        { "TZCNT, which is BSF where there is none", false, ["tzcnt edi esi", "cmp edi 3", "ja", "load rdi"] },
        { "LZCNT, which is BSR where there is none", false, ["lzcnt edi esi", "cmp edi 3", "ja", "load rdi"] },
        { "TZCNT and a copy of its lower half", true, ["tzcnt edi esi", "cmp edi 3", "ja", "mov edi edi", "load rdi"] },
        { "LZCNT and a comparison of all bits", true, ["lzcnt edi esi", "cmp rdi 3", "ja", "load rdi"] },
        { "POPCNT, which is an invalid opcode where there is none", true, ["popcnt edi esi", "cmp edi 3", "ja", "load rdi"] },
        { "CMOV", false, ["cmp edi 3", "ja", "cmov edi esi", "load rdi"] },
        { "a call, which may change it", false, ["cmp edi 3", "ja", "mov edi edi", "gate", "load rdi"] },
    };

    [Theory]
    [MemberData(nameof(Bounds))]
    public void ABoundIsOneOfTheValueThatIndexesTheTable(string what, bool isProven, string[] steps)
    {
        byte[] code = TestImage.Assemble(a =>
        {
            Label done = a.CreateLabel();
            foreach (string step in steps)
            {
                Write(a, step, done);
            }

            a.add(rdx, r8);
            a.jmp(rdx);
            a.Label(ref done);
            a.ret();
        });
        byte[] table = [.. Enumerable.Range(0, 4).SelectMany(_ => BitConverter.GetBytes(code.Length - 1))];
        IEnumerable<string> found = TestImage.Verify(code, table).Select(d => d.Id);

        Assert.True(isProven == !found.Contains(DiagnosticIds.IndirectJump), $"{what}: {string.Join(", ", found)}");
        Assert.Equal(isProven, !found.Any());
    }

    /// <summary>Prefixes that change nothing on the processors of today, and are another's tomorrow (CET, MPX).</summary>
    [Theory]
    [InlineData(0x26)]
    [InlineData(0x2e)]
    [InlineData(0x36)]
    [InlineData(0x3e)]
    [InlineData(0x40)]
    [InlineData(0x48)]
    [InlineData(0x64)]
    [InlineData(0x65)]
    [InlineData(0x66)]
    [InlineData(0x67)]
    [InlineData(0xf2)]
    [InlineData(0xf3)]
    public void TheJumpOfASwitchHasNoPrefix(byte prefix)
    {
        ImmutableArray<ImageDiagnostic> Switch(params byte[] prefixes)
        {
            byte[] code = TestImage.Assemble(a =>
            {
                Label done = a.CreateLabel();
                Write(a, "and edi 3", done);
                Write(a, "load rdi", done);
                a.add(rdx, r8);
                foreach (byte p in prefixes)
                {
                    a.db(p);
                }

                a.jmp(rdx);
                a.Label(ref done);
                a.ret();
            });
            return TestImage.Verify(code, [.. Enumerable.Range(0, 4).SelectMany(_ => BitConverter.GetBytes(code.Length - 1))]);
        }

        Assert.Empty(Switch());
        Assert.NotEmpty(Switch(prefix));
    }

    [Theory]
    [InlineData(Code.Lea_r32_m, Register.EDX, Register.R8)]
    [InlineData(Code.Lea_r64_m, Register.RDX, Register.R8D)]
    [InlineData(Code.Lea_r16_m, Register.DX, Register.R8)]
    public void AnAddressThatWasCutIsNone(Code code, Register table, Register origin)
    {
        byte[] bytes = TestImage.Assemble(a =>
        {
            Label done = a.CreateLabel();
            a.and(edi, 3);
            a.AddInstruction(Instruction.Create(code, table, new MemoryOperand(Register.RIP, (long)TestImage.DataRva)));
            a.mov(edx, __dword_ptr[rdx + rdi * 4]);
            a.AddInstruction(Instruction.Create(origin == Register.R8 ? Code.Lea_r64_m : Code.Lea_r32_m, origin,
                new MemoryOperand(Register.RIP, (long)TestImage.CodeRva)));
            a.add(rdx, r8);
            a.jmp(rdx);
            a.Label(ref done);
            a.ret();
        });
        byte[] entries = [.. Enumerable.Range(0, 4).SelectMany(_ => BitConverter.GetBytes(bytes.Length - 1))];

        Assert.Contains(TestImage.Verify(bytes, entries), d => d.Id == DiagnosticIds.IndirectJump);
    }

    [Fact]
    public void AnAddressRelativeToEipIsRefused()
    {
        // 67: lea rdx, [eip + x]; mov eax, [eax]; mov rax, [esp].
        RequireRefused([0x67, 0x48, 0x8d, 0x15, 0, 0, 0, 0, 0xc3], DiagnosticIds.FormNotAllowed);
        RequireRefused([0x67, 0x8b, 0x00, 0xc3], DiagnosticIds.FormNotAllowed);
        RequireRefused([0x67, 0x48, 0x8b, 0x04, 0x24, 0xc3], DiagnosticIds.FormNotAllowed);
        RequireRefused([0x67, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0xc3], DiagnosticIds.FormNotAllowed);
        RequireRefused([0x67, 0xf3, 0xa4, 0xc3], DiagnosticIds.FormNotAllowed, DiagnosticIds.Undecodable);
    }

    [Theory]
    [InlineData("f34190")] // PAUSE to decoders, XCHG r8, rAX to processors
    [InlineData("f34990")]
    [InlineData("f34890")]
    [InlineData("f34f90")]
    [InlineData("f290")]
    [InlineData("66f390")]
    [InlineData("4890")]
    [InlineData("4190")]
    [InlineData("4890c3")]
    [InlineData("48c3")]
    [InlineData("f3c3")]
    [InlineData("f2c3")]
    [InlineData("48eb00")]
    [InlineData("66eb00")]
    [InlineData("f2eb00")]
    [InlineData("2e7400")]
    [InlineData("3e7400")]
    [InlineData("667400")]
    [InlineData("487400")]
    [InlineData("48e900000000")]
    [InlineData("660f8400000000")]
    [InlineData("480f8400000000")]
    [InlineData("2e89c0")]
    [InlineData("4689c0")]
    [InlineData("4889c048")]
    [InlineData("404889c0")]
    [InlineData("f389c0")]
    [InlineData("f289c0")]
    [InlineData("f089c0")]
    [InlineData("8b0420")] // [rax] with an index that is none
    [InlineData("c4e17dfec0")] // a long VEX prefix where a short one does
    [InlineData("c4e1fdfec0")] // VEX.W that is ignored
    [InlineData("62f17d48fec0")] // EVEX
    [InlineData("62f17d28fec0")]
    [InlineData("8fe878c0c001")] // XOP
    [InlineData("480f1ec8")] // RDSSPQ is this with F3
    [InlineData("f3480f1ec8")]
    [InlineData("f3480faee8")] // INCSSPQ
    [InlineData("f30f1efa")] // ENDBR64
    [InlineData("f30f1efb")]
    [InlineData("fc")]
    [InlineData("fd")]
    [InlineData("f8")]
    [InlineData("d7")] // XLAT
    [InlineData("0fa2")] // CPUID changes RBX
    [InlineData("0f01f9")] // RDTSCP
    [InlineData("ab")]
    [InlineData("48ab")]
    [InlineData("a4")]
    [InlineData("a6")]
    [InlineData("f3a6")]
    [InlineData("f348ab")]
    [InlineData("f348a5")]
    [InlineData("f2ae")]
    [InlineData("480fab0424")] // BTS [rsp], rax
    [InlineData("480fa30424")]
    [InlineData("0fc70c24")] // CMPXCHG8B
    [InlineData("480fc70c24")]
    [InlineData("0f77")]
    [InlineData("0fefc0")] // PXOR mm0, mm0
    [InlineData("0f6ec0")]
    [InlineData("0f7e0424")]
    [InlineData("0f7f0424")]
    [InlineData("0fe70424")]
    [InlineData("0ff7c1")]
    [InlineData("660ff7c1")] // MASKMOVDQU [rdi]
    [InlineData("f20fd6c0")] // MOVDQ2Q
    [InlineData("f30fd6c0")]
    [InlineData("0f2ac0")] // CVTPI2PS
    [InlineData("0fae1424")] // LDMXCSR
    [InlineData("0fae1c24")]
    [InlineData("c5f81000")]
    public void AnEncodingOrFormThatIsNotOnTheListIsRefused(string instruction)
    {
        if (instruction != "c5f81000")
        {
            RequireRefused(Join(Convert.FromHexString(instruction), Return));
        }
        else
        {
            RequireAccepted(Join(Convert.FromHexString(instruction), Return));
        }
    }

    [Fact]
    public void TheEntryDoesNotReturnNorWriteAboveItsStack()
    {
        Assert.Contains(Entry(0xc3), d => d.Id == DiagnosticIds.CallerState);
        Assert.Contains(Entry(0x48, 0x89, 0x04, 0x24, 0x0f, 0x0b), d => d.Id == DiagnosticIds.CallerState);
        Assert.Contains(Entry(0x48, 0x89, 0x44, 0x24, 0x10, 0x0f, 0x0b), d => d.Id == DiagnosticIds.CallerState);
        Assert.Contains(Entry(0x58, 0x0f, 0x0b), d => d.Id == DiagnosticIds.CallerState);
        Assert.Empty(Entry(0x48, 0x83, 0xe4, 0xf0, 0x0f, 0x0b));

        static IEnumerable<ImageDiagnostic> Entry(params byte[] code) => Sos.Image.Verification.ImageVerifier.Verify(
            ServiceImage.Read(TestImage.Create(code, entry: TestImage.CodeRva))).Where(d => d.Id != DiagnosticIds.UnreachedCode);
    }

    [Theory]
    [InlineData("488d3c24b910000000f3aac3")] // lea rdi, [rsp]; mov ecx, 16; rep stosb
    [InlineData("488d7c24f8b909000000f3aac3")]
    [InlineData("488d7c24f889d1f3aac3")] // a count that is not known
    [InlineData("488d7c24f84889d1f3a4c3")]
    [InlineData("488d7c24f8b908000000f3aaf3aac3", true)] // the second goes on where the first ended: a computed pointer
    [InlineData("488d7c24f8b908000000f3aac3", true)]
    public void ARepeatedStoreIsOfAllItsBytes(string code, bool isAccepted = false)
    {
        if (isAccepted)
        {
            RequireAccepted(Convert.FromHexString(code));
        }
        else
        {
            RequireRefused(Convert.FromHexString(code), DiagnosticIds.CallerState);
        }
    }

    [Fact]
    public void AnAddressThatIsAnIndexIsOneToo() =>
        RequireRefused([0x48, 0x89, 0xe0, 0x48, 0x89, 0x0c, 0x05, 0, 0, 0, 0, 0xc3], DiagnosticIds.CallerState);

    [Theory]
    [InlineData("b801000000cd20c3", true)]
    [InlineData("b802000000cd20c3", true)]
    [InlineData("b803000000cd20c3", false)]
    [InlineData("b8000000007400cd20c3", true)] // the state counts, not what stands in front
    [InlineData("b80100000083c001cd20c3", false)]
    [InlineData("48b80100000001000000cd20c3", false)]
    [InlineData("b002cd20c3", false)]
    [InlineData("83e001cd20c3", true)]
    [InlineData("83e003cd20c3", false)]
    [InlineData("b801000000cd20cd20c3", false)] // the gate may change RAX
    public void TheGateIsCalledWithAFunctionThatThereIs(string code, bool isAccepted)
    {
        if (isAccepted)
        {
            RequireAccepted(Convert.FromHexString(code));
        }
        else
        {
            RequireRefused(Convert.FromHexString(code), DiagnosticIds.SystemCall);
        }
    }

    /// <summary>A function that calls another between its own beginning and end.</summary>
    private static byte[] Call(byte[] before, byte[] callee, byte[] after)
    {
        byte[] call = [0xe8, .. BitConverter.GetBytes(after.Length + 1)];
        return Join(before, call, after, Return, callee);
    }

    private static void Write(Assembler a, string step, Label done)
    {
        switch (step)
        {
            case "cmp edi 3": a.cmp(edi, 3); break;
            case "cmp edi 4": a.cmp(edi, 4); break;
            case "cmp rdi 3": a.cmp(rdi, 3); break;
            case "cmp ecx 3": a.cmp(ecx, 3); break;
            case "cmp rcx 3": a.cmp(rcx, 3); break;
            case "cmp di 3": a.cmp(di, 3); break;
            case "cmp dil 3": a.cmp(dil, 3); break;
            case "ja": a.ja(done); break;
            case "jae": a.jae(done); break;
            case "jg": a.jg(done); break;
            case "jb": a.jb(done); break;
            case "mov edi edi": a.mov(edi, edi); break;
            case "mov ecx edi": a.mov(ecx, edi); break;
            case "mov ecx ecx": a.mov(ecx, ecx); break;
            case "mov rcx rdi": a.mov(rcx, rdi); break;
            case "mov edi esi": a.mov(edi, esi); break;
            case "and edi 3": a.and(edi, 3); break;
            case "and edi 7": a.and(edi, 7); break;
            case "and rdi -4": a.and(rdi, -4); break;
            case "add ecx 1": a.add(ecx, 1); break;
            case "add edi 1": a.add(edi, 1); break;
            case "add esi 1": a.add(esi, 1); break;
            case "imul1 edi": a.imul(edi); break;
            case "div edi": a.div(edi); break;
            case "cmpxchg edi": a.cmpxchg(edi, esi); break;
            case "tzcnt edi esi": a.tzcnt(edi, esi); break;
            case "lzcnt edi esi": a.lzcnt(edi, esi); break;
            case "popcnt edi esi": a.popcnt(edi, esi); break;
            case "shr edi cl": a.shr(edi, cl); break;
            case "cmov edi esi": a.cmove(rdi, rsi); break;
            case "gate":
                a.mov(eax, 1);
                a.@int(0x20);
                break;
            default:
                AssemblerRegister64 index = step == "load rcx" ? rcx : rdi;
                a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.RDX, new MemoryOperand(Register.RIP, (long)TestImage.DataRva)));
                a.mov(edx, __dword_ptr[rdx + index * 4]);
                a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.R8, new MemoryOperand(Register.RIP, (long)TestImage.CodeRva)));
                break;
        }
    }
}

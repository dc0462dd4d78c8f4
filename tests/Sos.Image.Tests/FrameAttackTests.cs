using System;
using System.Collections.Immutable;
using System.Linq;
using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sos.Image.Tests;

/// <summary>
/// Images that count on a slot of the frame, or on an address of it, of which the verifier knows less than it once took itself to know.
/// Each is built so that nothing but the rule under test stands in its way: what differs in that one point is accepted.
/// </summary>
public sealed class FrameAttackTests
{
    /// <summary>sub rsp, 24; xor eax, eax; mov [rsp + 8], rax; lea rdi, [rsp + 8].</summary>
    private const string Zeroed = "4883ec1831c04889442408488d7c2408";

    /// <summary>mov rax, [rsp + 8]; int 0x20; add rsp, 24.</summary>
    private const string Gate = "488b442408cd204883c418";

    private const string Return = "c3";

    private static string Found(ImmutableArray<ImageDiagnostic> found) => string.Join("; ", found.Select(d => $"{d.Id} {d.Message}"));

    private static void RequireRefused(string id, byte[] code, byte[]? data = null)
    {
        ImmutableArray<ImageDiagnostic> found = TestImage.Verify(code, data);
        Assert.True(found.Any(d => d.Id == id), $"{Convert.ToHexString(code)}: expected {id}, found {Found(found)}");
    }

    private static void RequireAccepted(byte[] code, byte[]? data = null)
    {
        ImmutableArray<ImageDiagnostic> found = TestImage.Verify(code, data);
        Assert.True(found.IsEmpty, $"{Convert.ToHexString(code)}: {Found(found)}");
    }

    private static byte[] Hex(params string[] parts) => Convert.FromHexString(string.Concat(parts));

    /// <summary>A function that calls another between its own beginning and end.</summary>
    private static byte[] Call(string before, string callee, string after) =>
        Hex(before, "e8", Convert.ToHexString(BitConverter.GetBytes((after.Length / 2) + 1)), after, Return, callee);

    [Theory]
    [InlineData("4883ec1831c04889442408488d7c2408e80c000000488b442408cd204883c418c3", "48c70707000000c3", DiagnosticIds.SystemCall)] // the gate
    [InlineData("4883ec1831c04889442408488d7c2408e825000000488b442408488d15df0f00008b14824c8d05d5ffffff4c01c2ffe2b90f05c3904883c418c3",
        "48c70701000000c3", DiagnosticIds.IndirectJump)] // a switch whose second entry leads to a SYSCALL in a constant
    [InlineData("4883ec1831c04889442408488d7c2408e80f000000488b4c24084889e7f3aa4883c418c3", "48c707c8000000c3", DiagnosticIds.CallerState)] // REP STOSB
    public void ACalleeThatHasItsAddressMayChangeASlot(string caller, string callee, string id)
    {
        byte[] table = [0x30, 0, 0, 0, 0x31, 0, 0, 0];

        RequireRefused(id, Hex(caller, callee), table);
        RequireAccepted(Hex(caller, Return), table);
    }

    [Theory]
    [InlineData("48c70707000000c3")] // mov qword [rdi], 7
    [InlineData("488b7c240848c70707000000c3")] // the address lies at [rsp] when the call is made
    [InlineData("90c3")] // a callee is not looked into, unless it only returns
    [InlineData("b801000000cd20c3")] // the gate
    public void ASlotIsUnknownAfterACallHoweverItsAddressGotThere(string callee) =>
        RequireRefused(DiagnosticIds.SystemCall, Call(Zeroed + "48893c24", callee, Gate));

    [Theory]
    [InlineData("48890e")] // mov [rsi], rcx
    [InlineData("c60600")]
    [InlineData("c70607000000")]
    [InlineData("48890cf7")] // mov [rdi + rsi*8], rcx
    [InlineData("48890cf4")] // mov [rsp + rsi*8], rcx
    [InlineData("4801f748890f")] // add rdi, rsi; mov [rdi], rcx
    [InlineData("48010e")] // add
    [InlineData("48870e")] // xchg
    [InlineData("f00fb10e")] // lock cmpxchg
    [InlineData("f00fc10e")] // lock xadd
    [InlineData("0f9406")] // sete
    [InlineData("c5f81106")] // vmovups
    [InlineData("c5fe7f06")] // vmovdqu
    [InlineData("48890d00000000")] // an address of the image, which may be one that lies outside of it
    [InlineData("4889f7b908000000f3aa")] // mov rdi, rsi; mov ecx, 8; rep stosb
    [InlineData("4889f7b908000000f3a4")]
    [InlineData("b801000000cd20")] // the gate, which is a call
    public void AStoreThroughAnyPointerMayChangeASlot(string store) =>
        RequireRefused(DiagnosticIds.SystemCall, Hex(Zeroed, store, Gate, Return));

    [Theory]
    [InlineData("")]
    [InlineData("48890c24")] // mov [rsp], rcx
    [InlineData("48894c2410")]
    [InlineData("48894ff8")] // mov [rdi - 8], rcx: known for an address of the frame
    [InlineData("488b0e")] // a load
    [InlineData("390e")] // cmp [rsi], ecx
    [InlineData("f0830e00")] // the compiler's memory barrier writes what is there
    [InlineData("488d3c24b908000000f3aa")] // rep stosb up to the slot
    public void WhatChangesNoSlotKeepsIt(string instructions) => RequireAccepted(Hex(Zeroed, instructions, Gate, Return));

    [Fact]
    public void ASavedRegistersSlotStaysAndItsBoundDoesNot()
    {
        const string Store = "48890e"; // mov [rsi], rcx

        // push rbx; xor ebx, ebx; ...; pop rbx; ret.
        RequireAccepted(Hex("5331db", Store, "5b", Return));
        RequireAccepted(Call("5331db", "48c70707000000c3", "5b"));

        // sub rsp, 24; cmp rbx, 2; ja done; mov [rsp + 8], rbx; ...; mov rax, [rsp + 8]; int 0x20; done: add rsp, 24; ret.
        RequireAccepted(Bounded(""));
        RequireRefused(DiagnosticIds.SystemCall, Bounded(Store));

        // sub rsp, 24; mov rcx, rbx; mov [rsp + 8], rcx; ...; cmp ecx, 2; ja done; mov rax, [rsp + 8]; mov eax, eax; int 0x20; done: ...
        RequireAccepted(BoundedLater(""));
        RequireRefused(DiagnosticIds.SystemCall, BoundedLater(Store));

        static byte[] Bounded(string between) =>
            Hex("4883ec184883fb0277", Convert.ToHexString([(byte)(12 + (between.Length / 2))]), "48895c2408", between, Gate, Return);

        static byte[] BoundedLater(string between) =>
            Hex("4883ec184889d948894c2408", between, "83f9027709", "488b44240889c0cd20", "4883c418", Return);
    }

    [Fact]
    public void AnAddressOfTheFrameInASlotIsUnknownAfterAStoreToo()
    {
        // sub rsp, 24; lea rcx, [rsp]; mov [rsp + 8], rcx; ...; mov rcx, [rsp + 8]; mov rsp, rcx; add rsp, 24; ret.
        const string Before = "4883ec18488d0c2448894c2408";
        const string After = "488b4c24084889cc4883c418";

        RequireAccepted(Hex(Before, After, Return));
        RequireAccepted(Call(Before, Return, After));
        RequireRefused(DiagnosticIds.StackUnknown, Hex(Before, "48890e", After, Return));
        RequireRefused(DiagnosticIds.StackUnknown, Call(Before, "90c3", After));
    }

    [Theory]
    [InlineData(0, -16, -24)]
    [InlineData(0, -24, -16)]
    [InlineData(-16, 0, -24)]
    [InlineData(-16, -24, 0)]
    [InlineData(-24, 0, -16)]
    [InlineData(-24, -16, 0)]
    public void AStoreIsCheckedForEveryWayToItInAnyOrder(int first, int second, int third)
    {
        RequireRefused(DiagnosticIds.CallerState, Ways(first, second, third));
        RequireAccepted(Ways(first - 8, second - 8, third - 8));

        static byte[] Ways(params int[] distances) => TestImage.Assemble(a =>
        {
            (Label last, Label middle, Label store) = (a.CreateLabel(), a.CreateLabel(), a.CreateLabel());
            a.lea(rax, __[rsp + distances[0]]);
            a.cmp(edi, 1);
            a.je(middle);
            a.ja(last);
            a.Label(ref store);
            a.mov(__qword_ptr[rax], rcx);
            a.ret();
            a.Label(ref middle);
            a.lea(rax, __[rsp + distances[1]]);
            a.jmp(store);
            a.Label(ref last);
            a.lea(rax, __[rsp + distances[2]]);
            a.jmp(store);
        });
    }

    [Theory]
    [InlineData("488d4424f085ff740848c700ffffffffc34889e0ebf3")] // the harmless way is walked first
    [InlineData("4889e085ff740848c700ffffffffc3488d4424f0ebf1")] // the other one is
    [InlineData("488d4424f085ff74034889e048c700ffffffffc3")]
    [InlineData("4889e085ff7405488d4424f048c700ffffffffc3")]
    public void OfTwoAddressesOfTheFrameBothAreChecked(string code) => RequireRefused(DiagnosticIds.CallerState, Hex(code));

    [Fact]
    public void OfTwoAddressesInASlotBothAreChecked()
    {
        RequireRefused(DiagnosticIds.CallerState, Either("488d442418")); // lea rax, [rsp + 24]: the return address
        RequireAccepted(Either("488d442410"));

        // sub rsp, 24; lea rax, [rsp + 8]; mov [rsp], rax; test edi, edi; je over; (other); mov [rsp], rax; over: mov rax, [rsp]; mov qword [rax], -1; ...
        static byte[] Either(string other) =>
            Hex("4883ec18488d44240848890424", "85ff7409", other, "48890424", "488b0424", "48c700ffffffff", "4883c418", Return);
    }

    [Fact]
    public void AnAddressThatMovesInALoopIsUnknown()
    {
        // The buffer is one step long: the next would reach the slot of RBX, so that a hull of the two would refuse code that is sound.
        RequireAccepted(TestImage.Assemble(a =>
        {
            Label again = a.CreateLabel();
            Begin(a);
            a.Label(ref again);
            Move(a);
            a.dec(edi);
            a.jne(again);
            End(a);
        }));
        RequireAccepted(TestImage.Assemble(a =>
        {
            (Label body, Label condition) = (a.CreateLabel(), a.CreateLabel());
            Begin(a);
            a.jmp(condition);
            a.Label(ref body);
            Move(a);
            a.Label(ref condition);
            a.dec(edi);
            a.jne(body);
            End(a);
        }));

        static void Begin(Assembler a)
        {
            a.push(rbx);
            a.sub(rsp, 64);
            a.lea(rcx, __[rsp]);
            a.xor(ebx, ebx);
        }

        static void Move(Assembler a)
        {
            a.mov(__qword_ptr[rcx], rbx);
            a.add(rcx, 64);
        }

        static void End(Assembler a)
        {
            a.add(rsp, 64);
            a.pop(rbx);
            a.ret();
        }
    }

    [Fact]
    public void AddressesOfManyJoinsAreNotFollowedOneByOne()
    {
        // Each of 2^30 ways gives another address.
        RequireAccepted(TestImage.Assemble(a =>
        {
            a.lea(rax, __[rsp - 64]);
            for (int i = 0; i < 30; i++)
            {
                Label next = a.CreateLabel();
                a.test(edi, edi);
                a.je(next);
                a.add(rax, 1 << i);
                a.Label(ref next);
                a.nop();
            }

            a.ret();
        }));
    }

    [Fact]
    public void FramesOfTwoSizesAreNotOne() =>
        RequireRefused(DiagnosticIds.StackUnknown, Hex("85ff7404", "4883ec10", "90", "4883c410", Return)); // test edi, edi; je over the first of the two

    /// <summary>Images that docs/internals/verifier-soundness.md names as not proven are accepted: ring 3 contains them.</summary>
    [Theory]
    [InlineData("4889e7e801000000c348c747f8ffffffffc3")] // mov rdi, rsp; call: the callee's own return address, through RDI
    [InlineData("488d4c24c048c701ffffffff4883c108ffcf75f1c3")] // a pointer that a loop moves up
    [InlineData("48890cf4c3")] // mov [rsp + rsi*8], rcx
    public void AComputedPointerIsNotChecked(string code) => RequireAccepted(Hex(code));
}

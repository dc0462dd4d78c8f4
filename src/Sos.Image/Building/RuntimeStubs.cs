using System;
using System.IO;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Sos.Image.Building;

/// <summary>The parts that the image brings itself in place of the runtime: the start, the gate, a few helpers, variables that stay as
/// they are.</summary>
internal static class RuntimeStubs
{
    public const string Start = "sos_start";
    public const string Main = "sos_service_main";
    public const string IsaVariable = "g_cpuFeatures";

    private const ulong StubAlignment = 16;

    private const string Buffer = "S_P_CoreLib_System_Buffer__";

    /// <summary>Whether a method of the core library, which would call the C library, is replaced by a stub.</summary>
    public static bool Replaces(string name) =>
        name is Buffer + "MemmoveInternal" or Buffer + "MemmoveInternal_0"
            or Buffer + "ZeroMemoryInternal" or Buffer + "ZeroMemoryInternal_0";

    /// <summary>Makes the atom for a symbol that the builder provides, or null if it provides none of this name.</summary>
    public static Atom? Create(string name) => name switch
    {
        // Large copies and clearings: (destination, source, bytes) and (destination, bytes).
        Buffer + "MemmoveInternal" or Buffer + "MemmoveInternal_0" => Code(name, MemMove),
        Buffer + "ZeroMemoryInternal" or Buffer + "ZeroMemoryInternal_0" => Code(name, MemZero),

        // Transitions between managed and native code: there is no runtime to tell.
        "RhpReversePInvoke" or "RhpReversePInvokeReturn" => Code(name, static a => a.ret()),

        // The stack is mapped in full, and the verifier bounds its use: nothing is to be probed.
        "RhpStackProbe" => Code(name, static a => a.ret()),
        "sos_gate_notify" => Code(name, static a => CallGate(a, 1)),
        "sos_gate_act" => Code(name, static a => CallGate(a, 2)),
        "sos_read_tsc" => Code(name, ReadTsc),
        "sos_tpause" => Code(name, TimedPause),
        "sos_read_random" => Code(name, static a => ReadRandom(a, static b => b.rdrand(rax))),
        "sos_read_seed" => Code(name, static a => ReadRandom(a, static b => b.rdseed(rax))),
        "memmove" or "memcpy" => Code(name, MemMove),
        "memset" => Code(name, MemSet),

        // Asked after each P/Invoke without transition: whether the garbage collector waits. There is none.
        "RhpTrapThreads" => new Atom(name, AtomKind.ReadOnlyData, new byte[8], 8, 8),

        // Written by the loader.
        IsaVariable => new Atom(name, AtomKind.ReadOnlyData, new byte[8], 8, 8),

        // A constant: it still finds a stack buffer that overflowed by accident, and keeps the image deterministic.
        "__security_cookie" => new Atom(name, AtomKind.ReadOnlyData, [0x00, 0x2b, 0x99, 0x2d, 0xdf, 0xa2, 0x32, 0xb5], 8, 8),
        _ => null,
    };

    /// <summary>A function that faults (#UD) at an address of its own.</summary>
    public static Atom Trap(string name) => Code(name, static a => a.ud2());

    /// <summary>The image's entry: aligns the stack, calls the service, and leaves by the gate with its result.</summary>
    public static Atom CreateStart(Atom main)
    {
        // and rsp, -16; call main; mov rdi, rax; mov eax, SOS_GATE_EXIT; int SOS_GATE_VECTOR; ud2
        byte[] code = [0x48, 0x83, 0xe4, 0xf0, 0xe8, 0, 0, 0, 0, 0x48, 0x89, 0xc7, 0xb8, 0, 0, 0, 0, 0xcd, 0x20, 0x0f, 0x0b];
        Atom start = new(Start, AtomKind.Code, code, (ulong)code.Length, StubAlignment);
        start.References.Add(new AtomReference(5, ReferenceKind.Relative32, main, -4));
        return start;
    }

    // The arguments are where the caller has them: RDI and RSI.
    private static void CallGate(Assembler a, int function)
    {
        a.mov(eax, function);
        a.@int(0x20);
        a.ret();
    }

    private static void MemMove(Assembler a)
    {
        Label backward = a.CreateLabel();
        Label bytes = a.CreateLabel();
        Label done = a.CreateLabel();
        a.mov(rax, rdi);
        a.mov(rcx, rdx);
        a.mov(rdx, rdi);
        a.sub(rdx, rsi);
        a.cmp(rdx, rcx);
        a.jb(backward);
        a.rep.movsb();
        a.ret();

        // From the end down, without the direction flag: what sets it is not allowed, so that every string goes upwards.
        a.Label(ref backward);
        a.cmp(rcx, 8);
        a.jb(bytes);
        a.mov(r8, __qword_ptr[rsi + rcx - 8]);
        a.mov(__qword_ptr[rdi + rcx - 8], r8);
        a.sub(rcx, 8);
        a.jmp(backward);
        a.Label(ref bytes);
        a.test(rcx, rcx);
        a.je(done);
        a.movzx(r8d, __byte_ptr[rsi + rcx - 1]);
        a.mov(__byte_ptr[rdi + rcx - 1], r8b);
        a.dec(rcx);
        a.jmp(bytes);
        a.Label(ref done);
        a.ret();
    }

    private static void MemZero(Assembler a)
    {
        a.mov(rcx, rsi);
        a.xor(eax, eax);
        a.rep.stosb();
        a.ret();
    }

    private static void ReadTsc(Assembler a)
    {
        a.rdtsc();
        a.shl(rdx, 32);
        a.or(rax, rdx);
        a.ret();
    }

    // The carry says whether there is a number (SDM vol. 1, 7.3.17); if there is none, 0.
    private static void ReadRandom(Assembler a, Action<Assembler> read)
    {
        Label done = a.CreateLabel();
        read(a);
        a.jb(done);
        a.xor(eax, eax);
        a.Label(ref done);
        a.ret();
    }

    // Bit 0 of ECX: C0.1, from which the core wakes faster than from C0.2.
    private static void TimedPause(Assembler a)
    {
        a.mov(rdx, rdi);
        a.shr(rdx, 32);
        a.mov(eax, edi);
        a.mov(ecx, 1);
        a.tpause(ecx);
        a.ret();
    }

    private static void MemSet(Assembler a)
    {
        a.mov(r8, rdi);
        a.mov(eax, esi);
        a.mov(rcx, rdx);
        a.rep.stosb();
        a.mov(rax, r8);
        a.ret();
    }

    private static Atom Code(string name, Action<Assembler> write)
    {
        Assembler assembler = new(64);
        write(assembler);
        using MemoryStream stream = new();
        assembler.Assemble(new StreamCodeWriter(stream), 0);
        byte[] code = stream.ToArray();
        return new Atom(name, AtomKind.Code, code, (ulong)code.Length, StubAlignment);
    }
}

using System.Collections.Generic;
using Sos.Image;

namespace Sos.Fuzz.Images;

/// <summary>An instruction that no accepted image may reach.</summary>
/// <param name="Name">As an assembler writes it.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Id">The diagnostic that refuses it.</param>
public sealed record HostileInstruction(string Name, byte[] Bytes, string Id)
{
    /// <summary>System calls, interrupts, privileged and forbidden instructions, with and without prefixes.</summary>
    public static IReadOnlyList<HostileInstruction> All { get; } =
    [
        new("syscall", [0x0f, 0x05], DiagnosticIds.SystemCall),
        new("rex.w syscall", [0x48, 0x0f, 0x05], DiagnosticIds.SystemCall),
        new("data16 rep syscall", [0x66, 0xf3, 0x0f, 0x05], DiagnosticIds.SystemCall),
        new("sysenter", [0x0f, 0x34], DiagnosticIds.SystemCall),
        new("int 0x80", [0xcd, 0x80], DiagnosticIds.SystemCall),
        new("int 0x2e", [0xcd, 0x2e], DiagnosticIds.SystemCall),
        new("int1", [0xf1], DiagnosticIds.SystemCall),
        new("sysexit", [0x0f, 0x35], DiagnosticIds.SystemCall),
        new("sysretq", [0x48, 0x0f, 0x07], DiagnosticIds.SystemCall),
        new("in al, dx", [0xec], DiagnosticIds.Privileged),
        new("in eax, 0x60", [0xe5, 0x60], DiagnosticIds.Privileged),
        new("out dx, al", [0xee], DiagnosticIds.Privileged),
        new("rep insb", [0xf3, 0x6c], DiagnosticIds.Privileged),
        new("outsd", [0x6f], DiagnosticIds.Privileged),
        new("hlt", [0xf4], DiagnosticIds.Privileged),
        new("cli", [0xfa], DiagnosticIds.Privileged),
        new("sti", [0xfb], DiagnosticIds.Privileged),
        new("popfq", [0x9d], DiagnosticIds.Privileged),
        new("rdmsr", [0x0f, 0x32], DiagnosticIds.Privileged),
        new("wrmsr", [0x0f, 0x30], DiagnosticIds.Privileged),
        new("rdpmc", [0x0f, 0x33], DiagnosticIds.Privileged),
        new("xsetbv", [0x0f, 0x01, 0xd1], DiagnosticIds.Privileged),
        new("wrpkru", [0x0f, 0x01, 0xef], DiagnosticIds.Privileged),
        new("mov cr3, rax", [0x0f, 0x22, 0xd8], DiagnosticIds.Privileged),
        new("mov rax, cr4", [0x0f, 0x20, 0xe0], DiagnosticIds.Privileged),
        new("mov dr7, rax", [0x0f, 0x23, 0xf8], DiagnosticIds.Privileged),
        new("lgdt [rax]", [0x0f, 0x01, 0x10], DiagnosticIds.Privileged),
        new("sidt [rax]", [0x0f, 0x01, 0x08], DiagnosticIds.Privileged),
        new("ltr ax", [0x0f, 0x00, 0xd8], DiagnosticIds.Privileged),
        new("invlpg [rax]", [0x0f, 0x01, 0x38], DiagnosticIds.Privileged),
        new("wbinvd", [0x0f, 0x09], DiagnosticIds.Privileged),
        new("clts", [0x0f, 0x06], DiagnosticIds.Privileged),
        new("stac", [0x0f, 0x01, 0xcb], DiagnosticIds.Privileged),
        new("vmcall", [0x0f, 0x01, 0xc1], DiagnosticIds.Privileged),
        new("vmmcall", [0x0f, 0x01, 0xd9], DiagnosticIds.Privileged),
        new("vmlaunch", [0x0f, 0x01, 0xc2], DiagnosticIds.Privileged),
        new("enclu", [0x0f, 0x01, 0xd7], DiagnosticIds.Privileged),
        new("xbegin", [0xc7, 0xf8, 0, 0, 0, 0], DiagnosticIds.Privileged),
        new("mwaitx", [0x0f, 0x01, 0xfb], DiagnosticIds.Privileged),
        new("umwait ecx", [0xf2, 0x0f, 0xae, 0xf1], DiagnosticIds.Privileged),
        new("senduipi rax", [0xf3, 0x0f, 0xc7, 0xf0], DiagnosticIds.Privileged),
        new("enqcmd rax, [rcx]", [0xf2, 0x0f, 0x38, 0xf8, 0x01], DiagnosticIds.Privileged),
        new("xrstor [rax]", [0x0f, 0xae, 0x28], DiagnosticIds.Privileged),
        new("swapgs", [0x0f, 0x01, 0xf8], DiagnosticIds.FarOrSegment),
        new("wrfsbase rax", [0xf3, 0x48, 0x0f, 0xae, 0xd0], DiagnosticIds.FarOrSegment),
        new("rdgsbase rax", [0xf3, 0x48, 0x0f, 0xae, 0xc8], DiagnosticIds.FarOrSegment),
        new("iretq", [0x48, 0xcf], DiagnosticIds.FarOrSegment),
        new("retf", [0xcb], DiagnosticIds.FarOrSegment),
        new("jmp far [rax]", [0xff, 0x28], DiagnosticIds.FarOrSegment),
        new("call far [rax]", [0xff, 0x18], DiagnosticIds.FarOrSegment),
        new("mov ss, eax", [0x8e, 0xd0], DiagnosticIds.FarOrSegment),
        new("pop gs", [0x0f, 0xa9], DiagnosticIds.FarOrSegment),
        new("mov rax, gs:[rax]", [0x65, 0x48, 0x8b, 0x00], DiagnosticIds.ThreadStatic),
        new("call rax", [0xff, 0xd0], DiagnosticIds.IndirectCall),
        new("call [rip]", [0xff, 0x15, 0, 0, 0, 0], DiagnosticIds.IndirectCall),
        new("jmp rax", [0xff, 0xe0], DiagnosticIds.IndirectJump),
        new("jmp [rsp + 8]", [0xff, 0x64, 0x24, 0x08], DiagnosticIds.IndirectJump),
        new("notrack jmp rcx", [0x3e, 0xff, 0xe1], DiagnosticIds.IndirectJump),
        new("data16 jmp", [0x66, 0xe9, 0, 0, 0, 0], DiagnosticIds.Undecodable),
        new("data16 ret", [0x66, 0xc3], DiagnosticIds.Undecodable),
        new("push es, of 32 bits", [0x06], DiagnosticIds.Undecodable),
        new("jmp out of the image", [0xe9, 0, 0, 0, 0x40], DiagnosticIds.OutOfCode),
        new("call out of the image", [0xe8, 0, 0, 0, 0xc0], DiagnosticIds.OutOfCode),
        new("sub rsp, rax", [0x48, 0x29, 0xc4], DiagnosticIds.StackUnknown),
        new("mov rsp, [rax]", [0x48, 0x8b, 0x20], DiagnosticIds.StackUnknown),
    ];
}

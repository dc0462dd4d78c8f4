using System.Collections.Immutable;

namespace Sos.Cores;

/// <summary>The fault that ended a service, as the monitor recorded it.</summary>
/// <param name="Vector">Exception vector (SDM vol. 3, 6.15) or <see cref="ForcedVector"/>.</param>
/// <param name="Ring">3 in the service, 0 in the monitor.</param>
/// <param name="ErrorCode">As the CPU pushed it, else 0.</param>
/// <param name="Address">CR2 for a page fault, else 0.</param>
/// <param name="Tsc">When.</param>
/// <param name="InstructionPointer">RIP.</param>
/// <param name="StackPointer">RSP.</param>
/// <param name="Flags">RFLAGS.</param>
/// <param name="Registers">RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8 to R15.</param>
/// <param name="Stack">The first words at <paramref name="StackPointer"/>; 0 where nothing was mapped.</param>
public sealed record FaultRecord(
    uint Vector, uint Ring, ulong ErrorCode, ulong Address, ulong Tsc, ulong InstructionPointer, ulong StackPointer, ulong Flags,
    ImmutableArray<ulong> Registers, ImmutableArray<ulong> Stack)
{
    /// <summary>SOS_FAULT_FORCED: taken back by NMI, since it did not obey a stop in time.</summary>
    public const uint ForcedVector = 0x100;

    /// <summary>SOS_FAULT_HUNG: taken back by NMI, since it did not poll within its bound.</summary>
    public const uint HungVector = 0x101;

    /// <summary>SOS_FAULT_LOST: taken back by INIT, since it obeyed no NMI; its registers are not known.</summary>
    public const uint LostVector = 0x102;

    /// <summary>Names of <see cref="Registers"/>, in their order.</summary>
    public static ImmutableArray<string> RegisterNames { get; } =
        ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

    /// <summary>The vector's name in the processor's manual.</summary>
    public string VectorName => Vector switch
    {
        0 => "divide error (#DE)",
        1 => "debug (#DB)",
        2 => "NMI",
        3 => "breakpoint (#BP)",
        4 => "overflow (#OF)",
        5 => "bound range (#BR)",
        6 => "invalid opcode (#UD)",
        7 => "device not available (#NM)",
        8 => "double fault (#DF)",
        10 => "invalid TSS (#TS)",
        11 => "segment not present (#NP)",
        12 => "stack fault (#SS)",
        13 => "general protection (#GP)",
        14 => "page fault (#PF)",
        16 => "x87 error (#MF)",
        17 => "alignment check (#AC)",
        18 => "machine check (#MC)",
        19 => "SIMD error (#XM)",
        21 => "control protection (#CP)",
        ForcedVector => "stopped by force: it did not obey the stop request in time",
        HungVector => "it hung: the watchdog ended it",
        LostVector => "it hung and obeyed no NMI: a reset of the core (INIT) ended it",
        _ => $"vector {Vector}",
    };
}

using System.Runtime.Intrinsics.X86;
using Sos.Sdk.Control;

namespace Sos.Cores.Loading;

/// <summary>Finds what this machine's CPUs can do. .NET has looked at CPUID and XCR0, which Linux sets alike on all of them.</summary>
internal static class ProcessorFeatures
{
    /// <summary>The instruction sets that a service may use.</summary>
    public static InstructionSets Detect()
        => Flag(Sse3.IsSupported && Ssse3.IsSupported, InstructionSets.Ssse3)
            | Flag(Sse41.IsSupported, InstructionSets.Sse41)
            | Flag(Sse42.IsSupported, InstructionSets.Sse42)
            | Flag(Popcnt.IsSupported, InstructionSets.Popcnt)
            | Flag(Aes.IsSupported, InstructionSets.Aes)
            | Flag(Pclmulqdq.IsSupported, InstructionSets.Pclmulqdq)
            | Flag(HasMovbe(), InstructionSets.Movbe)
            | Flag(Lzcnt.IsSupported, InstructionSets.Lzcnt)
            | Flag(Bmi1.IsSupported, InstructionSets.Bmi1)
            | Flag(Bmi2.IsSupported, InstructionSets.Bmi2)
            | Flag(Avx.IsSupported, InstructionSets.Avx)
            | Flag(Avx2.IsSupported, InstructionSets.Avx2)
            | Flag(Fma.IsSupported, InstructionSets.Fma)
            | Flag(Avx512F.VL.IsSupported && Avx512BW.VL.IsSupported && Avx512CD.VL.IsSupported && Avx512DQ.VL.IsSupported, InstructionSets.Avx512)
            | Flag(HasInvariantTsc(), InstructionSets.InvariantTsc)
            | Flag(HasWaitPkg(), InstructionSets.WaitPkg);

    private static InstructionSets Flag(bool present, InstructionSets flag) => present ? flag : InstructionSets.None;

    // SDM vol. 2, CPUID: leaf 1, ECX bit 22.
    private static bool HasMovbe() => X86Base.IsSupported && (X86Base.CpuId(1, 0).Ecx & (1 << 22)) != 0;

    // SDM vol. 2, CPUID: leaf 7, ECX bit 5.
    private static bool HasWaitPkg()
        => X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ecx & (1 << 5)) != 0;

    // SDM vol. 3, 18.17.1: leaf 8000_0007h, EDX bit 8.
    private static bool HasInvariantTsc()
        => X86Base.IsSupported
            && (uint)X86Base.CpuId(unchecked((int)0x8000_0000), 0).Eax >= 0x8000_0007
            && (X86Base.CpuId(unchecked((int)0x8000_0007), 0).Edx & (1 << 8)) != 0;
}

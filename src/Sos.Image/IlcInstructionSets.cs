using System;
using System.Runtime.Intrinsics.X86;

namespace Sos.Image;

/// <summary>
/// The optional instruction sets that machine code made by ILC asks for at run time, in a variable of which
/// <see cref="ServiceDescriptor.IsaVariableRva"/> is the address. The loader fills it (8 bytes, little endian).
/// </summary>
/// <remarks>
/// The bits are those of .NET 10's native AOT runtime (minipal cpufeatures.h). Images are compiled for x86-64-v3, so they ask
/// for none up to AVX2. A set of AVX-512 counts only if XCR0 has bits 1, 2, 5, 6 and 7.
/// </remarks>
[Flags]
public enum IlcInstructionSets : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT.</summary>
    Sse42 = 1 << 0,

    /// <summary>AVX.</summary>
    Avx = 1 << 1,

    /// <summary>AVX2, BMI1, BMI2, FMA, LZCNT, MOVBE, F16C.</summary>
    Avx2 = 1 << 2,

    /// <summary>AVX-512 F, BW, CD, DQ, VL.</summary>
    Avx512 = 1 << 3,

    /// <summary>AVX-512 IFMA, VBMI.</summary>
    Avx512V2 = 1 << 4,

    /// <summary>AVX-512 BITALG, VBMI2, VNNI, VPOPCNTDQ.</summary>
    Avx512V3 = 1 << 5,

    /// <summary>AVX10 version 1.</summary>
    Avx10V1 = 1 << 6,

    /// <summary>AVX10 version 2.</summary>
    Avx10V2 = 1 << 7,

    /// <summary>AES-NI, PCLMULQDQ.</summary>
    Aes = 1 << 9,

    /// <summary>AVX-VNNI.</summary>
    AvxVnni = 1 << 12,

    /// <summary>GFNI.</summary>
    Gfni = 1 << 13,

    /// <summary>What every image needs: x86-64-v3.</summary>
    Baseline = Sse42 | Avx | Avx2,
}

/// <summary>Finds the instruction sets of this machine.</summary>
public static class IlcInstructionSetDetection
{
    /// <summary>
    /// The instruction sets that this process may use. .NET has looked at CPUID and at XCR0, which Linux sets alike on all CPUs;
    /// sets that this library cannot ask .NET for are left out, and the service then takes its slower way.
    /// </summary>
    public static IlcInstructionSets Detect()
    {
        IlcInstructionSets sets = IlcInstructionSets.None;
        sets |= Sse42.IsSupported && Popcnt.IsSupported ? IlcInstructionSets.Sse42 : 0;
        sets |= Avx.IsSupported ? IlcInstructionSets.Avx : 0;
        sets |= Avx2.IsSupported && Bmi1.IsSupported && Bmi2.IsSupported && Fma.IsSupported
            && Lzcnt.IsSupported ? IlcInstructionSets.Avx2 : 0;
        sets |= Avx512F.IsSupported && Avx512BW.IsSupported && Avx512CD.IsSupported && Avx512DQ.IsSupported
            && Avx512F.VL.IsSupported
            ? IlcInstructionSets.Avx512 : 0;
        sets |= sets.HasFlag(IlcInstructionSets.Avx512) && Avx512Vbmi.IsSupported ? IlcInstructionSets.Avx512V2 : 0;
        sets |= sets.HasFlag(IlcInstructionSets.Avx512V2) && Avx512Vbmi2.IsSupported ? IlcInstructionSets.Avx512V3 : 0;
        sets |= Avx10v1.IsSupported ? IlcInstructionSets.Avx10V1 : 0;
        sets |= Aes.IsSupported && Pclmulqdq.IsSupported ? IlcInstructionSets.Aes : 0;
        sets |= Gfni.IsSupported ? IlcInstructionSets.Gfni : 0;
        return sets;
    }
}

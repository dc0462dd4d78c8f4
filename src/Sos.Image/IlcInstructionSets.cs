using System;

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

    /// <summary>The sets that every image needs: x86-64-v3.</summary>
    Baseline = Sse42 | Avx | Avx2,
}

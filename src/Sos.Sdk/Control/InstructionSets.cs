using System;

namespace Sos.Sdk.Control;

/// <summary>Optional instruction sets that both CPU and operating system (XCR0) allow. Found by the loader from CPUID.</summary>
[Flags]
public enum InstructionSets : ulong
{
    /// <summary>Plain x86-64.</summary>
    None = 0,

    /// <summary>SSE3 and SSSE3.</summary>
    Ssse3 = 1UL << 0,

    /// <summary>SSE4.1.</summary>
    Sse41 = 1UL << 1,

    /// <summary>SSE4.2.</summary>
    Sse42 = 1UL << 2,

    /// <summary>POPCNT.</summary>
    Popcnt = 1UL << 3,

    /// <summary>AES-NI.</summary>
    Aes = 1UL << 4,

    /// <summary>PCLMULQDQ.</summary>
    Pclmulqdq = 1UL << 5,

    /// <summary>MOVBE.</summary>
    Movbe = 1UL << 6,

    /// <summary>LZCNT.</summary>
    Lzcnt = 1UL << 7,

    /// <summary>BMI1.</summary>
    Bmi1 = 1UL << 8,

    /// <summary>BMI2.</summary>
    Bmi2 = 1UL << 9,

    /// <summary>AVX, with YMM state enabled in XCR0.</summary>
    Avx = 1UL << 10,

    /// <summary>AVX2.</summary>
    Avx2 = 1UL << 11,

    /// <summary>FMA3.</summary>
    Fma = 1UL << 12,

    /// <summary>AVX-512 F, BW, CD, DQ and VL together, with opmask and ZMM state enabled in XCR0.</summary>
    Avx512 = 1UL << 13,

    /// <summary>The TSC runs at a constant rate in all power states (CPUID 8000_0007h EDX bit 8).</summary>
    InvariantTsc = 1UL << 14,

    /// <summary>WAITPKG: umonitor, umwait and tpause (CPUID 7.0:ECX bit 5).</summary>
    WaitPkg = 1UL << 15,

    /// <summary>RDRAND (CPUID 1:ECX bit 30).</summary>
    RdRand = 1UL << 16,

    /// <summary>RDSEED (CPUID 7.0:EBX bit 18).</summary>
    RdSeed = 1UL << 17,
}

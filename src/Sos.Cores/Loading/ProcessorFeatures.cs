using System;
using Sos.Image;
using Sos.Sdk.Control;

namespace Sos.Cores.Loading;

/// <summary>The instruction sets that services may use on a processor: what it has, and whose registers Linux saves.</summary>
public sealed record ProcessorFeatures
{
    // XCR0: bits 1 and 2 are SSE and AVX state; 5, 6 and 7 opmask and ZMM state (SDM vol. 1, 13.3).
    private const ulong AvxState = 0x6;
    private const ulong Avx512State = 0xe6;

    // Leaf 24h, EBX: the version, and vectors of 128, 256 and 512 bits.
    private const uint Avx10Version = 0xff;
    private const uint Avx10Vectors = 7 << 16;

    /// <summary>What every image is compiled for, in words.</summary>
    public const string Required = "x86-64-v3 (AVX2, BMI2, FMA), for which services are compiled";

    private ProcessorFeatures(InstructionSets sets, IlcInstructionSets imageSets)
    {
        Sets = sets;
        ImageSets = imageSets;
    }

    /// <summary>What the control region tells a service.</summary>
    public InstructionSets Sets { get; }

    /// <summary>What the variable of an image gets that its machine code asks.</summary>
    public IlcInstructionSets ImageSets { get; }

    /// <summary>Whether images run here at all: they are compiled for x86-64-v3.</summary>
    public bool RunsImages => ImageSets.HasFlag(IlcInstructionSets.Baseline);

    /// <summary>Returns the features of this machine's processor.</summary>
    /// <exception cref="SosException">The processor cannot be asked.</exception>
    public static ProcessorFeatures Detect() => Of(ProcessorRegisters.Read());

    /// <summary>Returns the features that follow from what a processor answers.</summary>
    internal static ProcessorFeatures Of(ProcessorRegisters registers) => new(ServiceSets(registers), IlcSets(registers));

    private static InstructionSets ServiceSets(ProcessorRegisters cpu)
    {
        bool avx = HasAvx(cpu);
        return Flag(Has(cpu.Leaf1Ecx, 0, 9), InstructionSets.Ssse3)
            | Flag(Has(cpu.Leaf1Ecx, 19), InstructionSets.Sse41)
            | Flag(Has(cpu.Leaf1Ecx, 20), InstructionSets.Sse42)
            | Flag(Has(cpu.Leaf1Ecx, 23), InstructionSets.Popcnt)
            | Flag(Has(cpu.Leaf1Ecx, 25), InstructionSets.Aes)
            | Flag(Has(cpu.Leaf1Ecx, 1), InstructionSets.Pclmulqdq)
            | Flag(Has(cpu.Leaf1Ecx, 22), InstructionSets.Movbe)
            | Flag(Has(cpu.Extended1Ecx, 5), InstructionSets.Lzcnt)
            | Flag(Has(cpu.Leaf7Ebx, 3), InstructionSets.Bmi1)
            | Flag(Has(cpu.Leaf7Ebx, 8), InstructionSets.Bmi2)
            | Flag(avx, InstructionSets.Avx)
            | Flag(avx && Has(cpu.Leaf7Ebx, 5), InstructionSets.Avx2)
            | Flag(avx && Has(cpu.Leaf1Ecx, 12), InstructionSets.Fma)
            | Flag(HasAvx512(cpu), InstructionSets.Avx512)
            | Flag(Has(cpu.Extended7Edx, 8), InstructionSets.InvariantTsc)
            | Flag(Has(cpu.Leaf7Ecx, 5), InstructionSets.WaitPkg)
            | Flag(Has(cpu.Leaf1Ecx, 30), InstructionSets.RdRand)
            | Flag(Has(cpu.Leaf7Ebx, 18), InstructionSets.RdSeed);
    }

    // Each set of ILC's stands for all that its documentation lists, and builds on the ones before it.
    private static IlcInstructionSets IlcSets(ProcessorRegisters cpu)
    {
        bool avx = HasAvx(cpu);
        bool avx2 = avx && Has(cpu.Leaf1Ecx, 12, 22, 29) && Has(cpu.Leaf7Ebx, 3, 5, 8) && Has(cpu.Extended1Ecx, 5);
        bool avx512 = avx2 && HasAvx512(cpu);
        bool avx512V2 = avx512 && Has(cpu.Leaf7Ebx, 21) && Has(cpu.Leaf7Ecx, 1);
        bool avx512V3 = avx512V2 && Has(cpu.Leaf7Ecx, 6, 11, 12, 14);
        bool avx10 = avx512V3 && Has(cpu.Leaf7Edx, 23) && Has(cpu.Leaf71Eax, 5) && Has(cpu.Leaf71Edx, 19)
            && (cpu.Leaf24Ebx & Avx10Vectors) == Avx10Vectors;
        return Flag(Has(cpu.Leaf1Ecx, 0, 9, 19, 20, 23), IlcInstructionSets.Sse42)
            | Flag(avx, IlcInstructionSets.Avx)
            | Flag(avx2, IlcInstructionSets.Avx2)
            | Flag(avx512, IlcInstructionSets.Avx512)
            | Flag(avx512V2, IlcInstructionSets.Avx512V2)
            | Flag(avx512V3, IlcInstructionSets.Avx512V3)
            | Flag(avx10 && (cpu.Leaf24Ebx & Avx10Version) >= 1, IlcInstructionSets.Avx10V1)
            | Flag(avx10 && (cpu.Leaf24Ebx & Avx10Version) >= 2, IlcInstructionSets.Avx10V2)
            | Flag(Has(cpu.Leaf1Ecx, 1, 25), IlcInstructionSets.Aes)
            | Flag(avx2 && Has(cpu.Leaf71Eax, 4), IlcInstructionSets.AvxVnni)
            | Flag(Has(cpu.Leaf7Ecx, 8), IlcInstructionSets.Gfni);
    }

    private static bool HasAvx(ProcessorRegisters cpu) => Has(cpu.Leaf1Ecx, 27, 28) && (cpu.Xcr0 & AvxState) == AvxState;

    private static bool HasAvx512(ProcessorRegisters cpu)
        => HasAvx(cpu) && (cpu.Xcr0 & Avx512State) == Avx512State && Has(cpu.Leaf7Ebx, 16, 17, 28, 30, 31);

    private static bool Has(uint register, params ReadOnlySpan<int> bits)
    {
        foreach (int bit in bits)
        {
            if ((register & (1u << bit)) == 0)
            {
                return false;
            }
        }

        return true;
    }

    private static InstructionSets Flag(bool present, InstructionSets flag) => present ? flag : InstructionSets.None;

    private static IlcInstructionSets Flag(bool present, IlcInstructionSets flag) => present ? flag : IlcInstructionSets.None;
}

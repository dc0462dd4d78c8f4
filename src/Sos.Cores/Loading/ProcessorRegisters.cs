using System.Runtime.Intrinsics.X86;
using Sos.Cores.Native;

namespace Sos.Cores.Loading;

/// <summary>
/// The answers of CPUID and XGETBV from which the instruction sets follow. .NET's <c>Avx2.IsSupported</c> and its like say what the
/// compiler took for granted instead: compiled ahead of time they are constants, and false on every machine.
/// </summary>
/// <remarks>Linux sets XCR0 alike on all CPUs. A leaf that the processor lacks reads as 0. SDM vol. 2, CPUID.</remarks>
internal readonly record struct ProcessorRegisters
{
    // XGETBV is an invalid instruction before the operating system has set CR4.OSXSAVE: leaf 1, ECX bit 27.
    private const int OsXsave = 27;

    /// <summary>Leaf 1, ECX.</summary>
    public uint Leaf1Ecx { get; init; }

    /// <summary>Leaf 7.0, EBX.</summary>
    public uint Leaf7Ebx { get; init; }

    /// <summary>Leaf 7.0, ECX.</summary>
    public uint Leaf7Ecx { get; init; }

    /// <summary>Leaf 7.0, EDX.</summary>
    public uint Leaf7Edx { get; init; }

    /// <summary>Leaf 7.1, EAX.</summary>
    public uint Leaf71Eax { get; init; }

    /// <summary>Leaf 7.1, EDX.</summary>
    public uint Leaf71Edx { get; init; }

    /// <summary>Leaf 24h, EBX: AVX10.</summary>
    public uint Leaf24Ebx { get; init; }

    /// <summary>Leaf 8000_0001h, ECX.</summary>
    public uint Extended1Ecx { get; init; }

    /// <summary>Leaf 8000_0007h, EDX.</summary>
    public uint Extended7Edx { get; init; }

    /// <summary>XCR0, the register state that the operating system saves; 0 where it never enabled XSAVE.</summary>
    public ulong Xcr0 { get; init; }

    /// <summary>Asks the processor.</summary>
    /// <exception cref="SosException">The code that reads XCR0 cannot be mapped.</exception>
    public static ProcessorRegisters Read()
    {
        uint last = (uint)Leaf(0).Eax;
        uint lastExtended = (uint)Leaf(0x8000_0000).Eax;
        uint leaf1Ecx = (uint)Leaf(1).Ecx;
        (_, int leaf7Ebx, int leaf7Ecx, int leaf7Edx) = last >= 7 ? Leaf(7) : default;
        (int leaf71Eax, _, _, int leaf71Edx) = last >= 7 && (uint)Leaf(7).Eax >= 1 ? Leaf(7, 1) : default;
        return new ProcessorRegisters
        {
            Leaf1Ecx = leaf1Ecx,
            Leaf7Ebx = (uint)leaf7Ebx,
            Leaf7Ecx = (uint)leaf7Ecx,
            Leaf7Edx = (uint)leaf7Edx,
            Leaf71Eax = (uint)leaf71Eax,
            Leaf71Edx = (uint)leaf71Edx,
            Leaf24Ebx = last >= 0x24 ? (uint)Leaf(0x24).Ebx : 0,
            Extended1Ecx = lastExtended >= 0x8000_0001 ? (uint)Leaf(0x8000_0001).Ecx : 0,
            Extended7Edx = lastExtended >= 0x8000_0007 ? (uint)Leaf(0x8000_0007).Edx : 0,
            Xcr0 = (leaf1Ecx & (1u << OsXsave)) != 0 ? ExtendedControlRegister.Read() : 0,
        };
    }

    private static (int Eax, int Ebx, int Ecx, int Edx) Leaf(uint function, int index = 0) => X86Base.CpuId((int)function, index);

    /// <summary>Reads XCR0, which .NET has no intrinsic for. A class of its own, so that the page is mapped only where XGETBV exists.</summary>
    private static unsafe class ExtendedControlRegister
    {
        // xor ecx, ecx; xgetbv; shl rdx, 32; or rax, rdx; ret
        private static readonly delegate* unmanaged<ulong> Reader = MachineCode.Map(
            [0x31, 0xc9, 0x0f, 0x01, 0xd0, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3], "XCR0");

        public static ulong Read() => Reader();
    }
}

using Sos.Cores.Native;

namespace Sos.Cores.Loading;

/// <summary>Reads the TSC in the control plane. C# has no intrinsic for it, and services get theirs from the image builder.</summary>
internal static unsafe class TimeStampCounter
{
    // lfence; rdtsc; shl rdx, 32; or rax, rdx; ret
    private static readonly delegate* unmanaged<ulong> Reader = MachineCode.Map(
        [0x0f, 0xae, 0xe8, 0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3], "the TSC");

    /// <summary>The counter now.</summary>
    public static ulong Read() => Reader();
}

namespace Sos.RemoteConsole.View;

/// <summary>Linux's CPUs.</summary>
public static class CpuMask
{
    /// <summary>More CPUs than these no kernel has: NR_CPUS is 8192 at most.</summary>
    public const uint CpusMax = 8192;

    private const int BitsPerWord = 64;

    /// <summary>Returns how many numbers of CPUs there are.</summary>
    public static uint Count(ref LinuxMemory memory)
        => memory.TryReadVariable(LinuxField.CpuIds, out uint count) && count <= CpusMax ? count : 0;

    /// <summary>Finds the next CPU that Linux has.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="cpu">Where to begin; the CPU.</param>
    /// <returns>False if there is none from there on.</returns>
    public static bool TryFindOnline(ref LinuxMemory memory, ref uint cpu)
    {
        uint count = Count(ref memory);
        for (; cpu < count; cpu++)
        {
            if (IsOnline(ref memory, cpu))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Returns whether Linux has a CPU.</summary>
    public static bool IsOnline(ref LinuxMemory memory, uint cpu)
        => memory.Symbols.Has(LinuxField.CpuOnline)
            && memory.TryRead(memory.Value(LinuxField.CpuOnline) + (cpu / BitsPerWord * sizeof(ulong)), out ulong word)
            && ((word >> (int)(cpu % BitsPerWord)) & 1) != 0;
}

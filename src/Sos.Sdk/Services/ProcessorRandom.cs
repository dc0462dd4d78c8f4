using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Sdk.Control;

namespace Sos.Sdk.Services;

/// <summary>
/// The processor's generator of random numbers (rdseed and rdrand, SDM vol. 1, 7.3.17), as far as the loader found it. Whoever needs secrets mixes it into
/// randomness of Linux's, and does not rely on it. On ordinary .NET, where C# cannot read it, it gives nothing.
/// </summary>
/// <param name="sets">What the loader found: <see cref="ServiceControl.Isa"/>.</param>
public readonly struct ProcessorRandom(InstructionSets sets)
{
    /// <summary>Reads that are tried: a generator that is asked by all cores at once may have nothing for a while.</summary>
    private const int AttemptsMax = 10;

    private readonly InstructionSets _sets = sets;

    /// <summary>Reads 64 bits.</summary>
    /// <returns>False, with <paramref name="value"/> 0, if there is no generator, or it gives nothing now.</returns>
    public bool TryRead(out ulong value)
    {
        value = 0;
        if (RuntimeFeature.IsDynamicCodeSupported)
        {
            return false;
        }

        bool hasSeeds = (_sets & InstructionSets.RdSeed) != 0;
        for (int i = 0; i < AttemptsMax && (_sets & InstructionSets.RdRand) != 0; i++)
        {
            // Broken ones are known that give all ones for ever; the stub gives 0 for nothing.
            value = hasSeeds && i == 0 ? ReadSeedOnCore() : ReadRandomOnCore();
            if (value is not (0 or ulong.MaxValue))
            {
                return true;
            }
        }

        value = 0;
        return false;
    }

    /// <summary>Kept apart, since ordinary .NET looks for the function below as soon as it compiles a method that calls it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong ReadRandomOnCore() => ReadRandom();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong ReadSeedOnCore() => ReadSeed();

    /// <summary>Bound by the image builder to "rdrand rax; jc done; xor eax, eax; done: ret".</summary>
    [DllImport("*", EntryPoint = "sos_read_random")]
    [SuppressGCTransition]
    private static extern ulong ReadRandom();

    /// <summary>Bound by the image builder to "rdseed rax; jc done; xor eax, eax; done: ret".</summary>
    [DllImport("*", EntryPoint = "sos_read_seed")]
    [SuppressGCTransition]
    private static extern ulong ReadSeed();
}

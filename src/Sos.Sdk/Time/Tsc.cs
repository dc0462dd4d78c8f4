using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Time;

/// <summary>The time-stamp counter. On ordinary .NET, where C# cannot read it, the stopwatch stands in.</summary>
public static class Tsc
{
    /// <summary>Reads the counter, in its own ticks. Not serialising: neighbouring instructions may move across.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Read()
        => RuntimeFeature.IsDynamicCodeSupported ? (ulong)Stopwatch.GetTimestamp() : ReadOnCore();

    /// <summary>
    /// Rests (tpause, SDM vol. 2, in the lighter state C0.1) until the counter reaches <paramref name="tsc"/>, or earlier: Linux bounds the
    /// time (IA32_UMWAIT_CONTROL). Only where the loader found <see cref="Control.InstructionSets.WaitPkg"/>.
    /// </summary>
    public static void PauseUntil(ulong tsc)
    {
        if (!RuntimeFeature.IsDynamicCodeSupported)
        {
            PauseOnCore(tsc);
        }
    }

    /// <summary>Kept apart, since ordinary .NET looks for the function below as soon as it compiles a method that calls it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong ReadOnCore() => ReadCounter();

    /// <summary>Bound by the image builder to "rdtsc; shl rdx, 32; or rax, rdx; ret".</summary>
    [DllImport("*", EntryPoint = "sos_read_tsc")]
    [SuppressGCTransition]
    private static extern ulong ReadCounter();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PauseOnCore(ulong tsc) => PauseCounter(tsc);

    /// <summary>Bound by the image builder to "mov eax, edi; mov rdx, rdi; shr rdx, 32; mov ecx, 1; tpause ecx; ret".</summary>
    [DllImport("*", EntryPoint = "sos_tpause")]
    [SuppressGCTransition]
    private static extern void PauseCounter(ulong tsc);
}

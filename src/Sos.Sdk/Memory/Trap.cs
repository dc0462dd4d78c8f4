using System.Runtime.CompilerServices;
using System.Threading;

namespace Sos.Sdk.Memory;

/// <summary>
/// Ends the service for an error of its programmer, or of a device that breaks its contract. The service writes to an address
/// below 4096, where nothing is mapped: the fault record's address is the <see cref="TrapCode"/>, and its instruction pointer and
/// stack name the caller. On ordinary .NET the same store is a <see cref="System.NullReferenceException"/>.
/// </summary>
public static class Trap
{
    /// <summary>Traps unless <paramref name="condition"/> holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unless(bool condition, TrapCode code)
    {
        if (!condition)
        {
            Raise(code);
        }
    }

    /// <summary>Traps. Never returns.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static unsafe void Raise(TrapCode code)
    {
        Volatile.Write(ref *(byte*)(nuint)(uint)code, 0);
    }
}

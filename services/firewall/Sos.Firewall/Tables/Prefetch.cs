using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Sos.Firewall.Tables;

/// <summary>Asks the CPU for a cache line ahead of its use.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Starts to read the line of <paramref name="value"/> into all cache levels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<T>(ref readonly T value)
        where T : unmanaged
    {
        // A prefetch never faults, and a moved array (in tests on ordinary .NET) only makes it useless: no pinning.
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.AsRef(in value)));
        }
    }

    /// <summary>Starts to read all lines of the <paramref name="size"/> bytes from <paramref name="value"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Lines<T>(ref readonly T value, int size)
        where T : unmanaged
    {
        const int Line = 64;
        if (Sse.IsSupported)
        {
            byte* start = (byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in value));
            for (int offset = 0; offset < size; offset += Line)
            {
                Sse.Prefetch0(start + offset);
            }
        }
    }
}

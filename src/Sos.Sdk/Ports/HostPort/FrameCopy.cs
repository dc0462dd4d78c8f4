using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sos.Sdk.Ports;

/// <summary>
/// Copies frames. The framework's own copy calls the C library for what is long, which a service does not have; and a frame is
/// never shorter than an Ethernet header, which saves the cases below that.
/// </summary>
internal static unsafe class FrameCopy
{
    /// <summary>The shortest frame in bytes: an Ethernet header.</summary>
    public const int FrameMin = 14;

    /// <summary>Copies <paramref name="length"/> bytes, no more; the two places must not overlap.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="source">Where from.</param>
    /// <param name="length">Bytes, at least <see cref="FrameMin"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(byte* target, byte* source, int length)
    {
        if (length < Vector256<byte>.Count)
        {
            CopyShort(target, source, length);
            return;
        }

        // Whole vectors, then one that ends with the frame and may overlap the last of them.
        int last = length - Vector256<byte>.Count;
        for (int i = 0; i < last; i += Vector256<byte>.Count)
        {
            Vector256.Load(source + i).Store(target + i);
        }

        Vector256.Load(source + last).Store(target + last);
    }

    private static void CopyShort(byte* target, byte* source, int length)
    {
        if (length >= Vector128<byte>.Count)
        {
            int last = length - Vector128<byte>.Count;
            Vector128.Load(source).Store(target);
            Vector128.Load(source + last).Store(target + last);
            return;
        }

        int tail = length - sizeof(ulong);
        ulong head = Unsafe.ReadUnaligned<ulong>(source);
        ulong end = Unsafe.ReadUnaligned<ulong>(source + tail);
        Unsafe.WriteUnaligned(target, head);
        Unsafe.WriteUnaligned(target + tail, end);
    }
}

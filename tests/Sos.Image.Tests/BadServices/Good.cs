using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace BadServices;

public interface IStep
{
    static abstract long Apply(long value);
}

public struct AddSeven : IStep
{
    public static long Apply(long value) => value + 7;
}

public static unsafe class Good
{
    private static long _counter;

    // Evaluated by ILC, kept as a constant object.
    private static readonly int[] Squares = [0, 1, 4, 9, 16, 25, 36, 49];

    [DllImport("*", EntryPoint = "sos_gate_notify")]
    [SuppressGCTransition]
    private static extern void Notify();

    /// <summary>Uses what a service may use; the test runs it and compares with the same on .NET.</summary>
    [UnmanagedCallersOnly(EntryPoint = "good_mixture")]
    public static long Mixture(long* p) => Compute(*p);

    public static long Compute(long seed)
    {
        Span<byte> buffer = stackalloc byte[256];
        for (int i = 0; i < buffer.Length; i++)
        {
            buffer[i] = (byte)(seed + i * 3);
        }

        long result = BinaryPrimitives.ReadInt64BigEndian(buffer[8..]);
        result += Apply<AddSeven>(seed) + "an ASCII table"u8[(int)(seed & 7)];
        result += Squares[(int)(seed & 7)];
        buffer[..100].CopyTo(buffer[50..]);
        result = result * 31 + buffer[77];
        Vector256<byte> sum = Vector256<byte>.Zero;
        for (int i = 0; i < buffer.Length; i += 32)
        {
            sum += Vector256.LoadUnsafe(ref buffer[i]);
        }

        result ^= sum.AsInt64()[1] ^ BitOperations.PopCount((ulong)seed);
        _counter++;
        return result + Name((int)(seed % 11)) + buffer.IndexOf((byte)9);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Apply<T>(long value)
        where T : IStep => T.Apply(value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Name(int value) => value switch
    {
        0 => 1001,
        1 => 22,
        2 => _counter > 0 ? 393 : 4,
        3 => 77777,
        4 => -3,
        5 => 12345678901,
        6 => value * 9L,
        7 => 16,
        8 => -1,
        _ => 5,
    };

    [UnmanagedCallersOnly(EntryPoint = "good_large_copy")]
    public static long LargeCopy(long* p)
    {
        new Span<byte>((void*)p[0], (int)p[2]).CopyTo(new Span<byte>((void*)p[1], (int)p[2]));
        new Span<byte>((void*)p[0], (int)p[2]).Clear();
        return 0;
    }

    [UnmanagedCallersOnly(EntryPoint = "good_bounds_check")]
    public static long BoundsCheck(long* p) => new Span<long>(p, 4)[(int)*p];

    [UnmanagedCallersOnly(EntryPoint = "good_notify")]
    public static long CallGate(long* p)
    {
        Notify();
        return *p;
    }

    [UnmanagedCallersOnly(EntryPoint = "good_instruction_sets")]
    public static long AskInstructionSets(long* p) =>
        (Avx512F.IsSupported ? 1 : 0) | (Aes.IsSupported ? 2 : 0) | (Avx2.IsSupported ? 4 : 0);
}

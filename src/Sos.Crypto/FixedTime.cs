using System;
using System.Runtime.CompilerServices;

namespace Sos.Crypto;

/// <summary>Operations whose time depends on lengths alone, never on contents.</summary>
public static class FixedTime
{
    /// <summary>Compares two byte strings. Their lengths are public.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool AreEqual(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        if (left.Length != right.Length)
        {
            return false;
        }

        int difference = 0;
        for (int i = 0; i < left.Length; i++)
        {
            difference |= left[i] ^ right[i];
        }

        return difference == 0;
    }

    /// <summary>Returns whether all bytes are 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool IsZero(ReadOnlySpan<byte> bytes)
    {
        int any = 0;
        foreach (byte each in bytes)
        {
            any |= each;
        }

        return any == 0;
    }

    /// <summary>Overwrites a secret that is no longer needed. Not inlined, so that no compiler finds the store useless.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.NoOptimization)]
    public static void Erase(Span<byte> secret)
    {
        for (int i = 0; i < secret.Length; i++)
        {
            secret[i] = 0;
        }
    }

    /// <summary>Overwrites a value of a secret's type.</summary>
    public static unsafe void Erase<T>(ref T secret)
        where T : unmanaged
        => Erase(new Span<byte>(Unsafe.AsPointer(ref secret), sizeof(T)));

    /// <summary>Returns all ones if the two are equal, else 0.</summary>
    internal static ulong MaskIfEqual(ulong left, ulong right)
    {
        ulong difference = left ^ right;
        return ((difference | (0 - difference)) >> 63) - 1;
    }

    /// <summary>Returns 1 if the condition holds, else 0, without a branch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Bit(bool condition) => Unsafe.BitCast<bool, byte>(condition);
}

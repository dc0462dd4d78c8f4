using System;
using System.Runtime.CompilerServices;

namespace Sos.Crypto;

/// <summary>A sum of products of 64-bit numbers, in 128 bits.</summary>
internal struct WideSum
{
    public ulong Low;
    public ulong High;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideSum Of(ulong left, ulong right)
    {
        WideSum sum;
        sum.High = Math.BigMul(left, right, out sum.Low);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(ulong left, ulong right)
    {
        ulong high = Math.BigMul(left, right, out ulong low);
        Low += low;
        High += high + FixedTime.Bit(Low < low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(ulong value)
    {
        Low += value;
        High += FixedTime.Bit(Low < value);
    }

    /// <summary>Returns the lower 64 bits of the sum, shifted right by 1 to 63.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly ulong ShiftRight(int bits) => (Low >> bits) | (High << (64 - bits));
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>An IPv6 address as two numbers in host byte order, so that comparing them compares addresses.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Address128
{
    /// <summary>Bytes of an address.</summary>
    public const int Size = 16;

    /// <summary>Makes an address of its halves.</summary>
    public Address128(ulong high, ulong low)
    {
        High = high;
        Low = low;
    }

    /// <summary>The first 64 bits.</summary>
    public ulong High;

    /// <summary>The last 64 bits.</summary>
    public ulong Low;

    /// <summary>Whether this address is <paramref name="other"/> or lies before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool IsAtMost(Address128 other) => High < other.High || (High == other.High && Low <= other.Low);
}

/// <summary>A range of IPv6 addresses, both ends included. A prefix is one too.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Range128
{
    /// <summary>Bytes of a range.</summary>
    public const int Size = 32;

    /// <summary>The first address.</summary>
    public Address128 First;

    /// <summary>The last address.</summary>
    public Address128 Last;
}

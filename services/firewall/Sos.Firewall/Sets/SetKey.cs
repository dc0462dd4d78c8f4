using System.Runtime.CompilerServices;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Sets;

/// <summary>The key of an element: fields of a packet one behind the other, in words of 32 bits.</summary>
public struct SetKey
{
    /// <summary>Words of 64 bits at most: two IPv6 addresses and two short fields.</summary>
    public const int WordsMax = 5;

    /// <summary>Words of 32 bits at most.</summary>
    public const int HalvesMax = WordsMax * 2;

    private Words _words;
    private int _halves;

    /// <summary>Words of 64 bits in use.</summary>
    public readonly int Length => (_halves + 1) / 2;

    /// <summary>A word of 64 bits; those that are not in use are 0.</summary>
    public readonly ulong this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _words[index];
    }

    /// <summary>Adds a field of up to 32 bits.</summary>
    public void Append(uint value)
    {
        _words[_halves / 2] |= (ulong)value << ((_halves & 1) * 32);
        _halves++;
    }

    /// <summary>Adds a field of 128 bits.</summary>
    public void Append(Address128 address)
    {
        Append((uint)address.Low);
        Append((uint)(address.Low >> 32));
        Append((uint)address.High);
        Append((uint)(address.High >> 32));
    }

    [InlineArray(WordsMax)]
    private struct Words
    {
        private ulong _first;
    }
}

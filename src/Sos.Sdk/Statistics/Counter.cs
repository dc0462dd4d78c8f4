using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Statistics;

/// <summary>One named value in the statistics resource, written by the service alone. Linux reads it at any time.</summary>
public readonly unsafe struct Counter
{
    private readonly ulong* _value;

    internal Counter(ulong* value) => _value = value;

    /// <summary>The value.</summary>
    public ulong Value => *_value;

    /// <summary>Adds one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Increment() => MemoryOrdering.StoreRelease(ref *_value, *_value + 1);

    /// <summary>Adds <paramref name="amount"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(ulong amount) => MemoryOrdering.StoreRelease(ref *_value, *_value + amount);

    /// <inheritdoc cref="Add(ulong)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int amount) => Add((ulong)(uint)amount);

    /// <summary>Replaces the value, for what is a level and no count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(ulong value) => MemoryOrdering.StoreRelease(ref *_value, value);

    /// <summary>Keeps the larger of the value and <paramref name="value"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Maximum(ulong value)
    {
        if (value > *_value)
        {
            Set(value);
        }
    }
}

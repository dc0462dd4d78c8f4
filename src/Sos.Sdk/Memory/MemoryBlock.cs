using System;
using System.Runtime.CompilerServices;

namespace Sos.Sdk.Memory;

/// <summary>A run of elements in memory that never moves. Unlike a span it may be a field; like a span it checks every index.</summary>
/// <typeparam name="T">Type of the elements.</typeparam>
public readonly unsafe struct MemoryBlock<T>
    where T : unmanaged
{
    private readonly T* _first;
    private readonly int _length;

    /// <summary>Names <paramref name="length"/> elements at <paramref name="first"/>, which must outlive this.</summary>
    public MemoryBlock(T* first, int length)
    {
        Trap.Unless(length >= 0, TrapCode.BadArgument);
        _first = first;
        _length = length;
    }

    /// <summary>Elements.</summary>
    public int Length => _length;

    /// <summary>The first element's address.</summary>
    public T* Pointer => _first;

    /// <summary>All elements.</summary>
    public Span<T> Span
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(_first, _length);
    }

    /// <summary>One element; traps when the index is out of range.</summary>
    public ref T this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            Trap.Unless((uint)index < (uint)_length, TrapCode.IndexOutOfRange);
            return ref _first[(uint)index];
        }
    }

    /// <inheritdoc cref="this[int]"/>
    public ref T this[uint index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            Trap.Unless(index < (uint)_length, TrapCode.IndexOutOfRange);
            return ref _first[index];
        }
    }

    /// <summary>A part of the block; traps when it is not within.</summary>
    public MemoryBlock<T> Slice(int start, int length)
    {
        Trap.Unless((uint)start <= (uint)_length && (uint)length <= (uint)(_length - start), TrapCode.IndexOutOfRange);
        return new MemoryBlock<T>(_first + start, length);
    }
}

using System.Runtime.CompilerServices;

namespace Sos.Sdk.Memory;

/// <summary>
/// Zeroed memory that a service takes at initialisation and never gives back. Copies share one arena: its state is the first
/// cache line of its own memory.
/// </summary>
public readonly unsafe struct Arena
{
    /// <summary>Alignment of the typed allocations: a cache line.</summary>
    public const int DefaultAlignment = 64;

    private const int StateSize = 64;

    private readonly State* _state;

    private Arena(State* state) => _state = state;

    /// <summary>Bytes not yet taken.</summary>
    public ulong Free => _state->Size - _state->Used;

    /// <summary>Bytes taken, with the padding between.</summary>
    public ulong Used => _state->Used;

    /// <summary>Makes an arena of <paramref name="size"/> zeroed bytes at <paramref name="memory"/>, aligned to a cache line.</summary>
    /// <returns>Whether the memory is aligned and large enough.</returns>
    public static bool TryCreate(void* memory, ulong size, out Arena arena)
    {
        arena = default;
        if (memory == null || ((nuint)memory & (DefaultAlignment - 1)) != 0 || size < StateSize)
        {
            return false;
        }

        State* state = (State*)memory;
        state->Size = size;
        state->Used = StateSize;
        arena = new Arena(state);
        return true;
    }

    /// <summary>Takes <paramref name="count"/> zeroed elements, aligned to a cache line.</summary>
    /// <returns>Whether they fit.</returns>
    public bool TryAllocate<T>(int count, out MemoryBlock<T> block)
        where T : unmanaged
    {
        block = default;
        if (count < 0 || !TryAllocate((ulong)(uint)count * (ulong)Unsafe.SizeOf<T>(), DefaultAlignment, out byte* address))
        {
            return false;
        }

        block = new MemoryBlock<T>((T*)address, count);
        return true;
    }

    /// <summary>Takes one zeroed value, aligned to a cache line.</summary>
    /// <returns>Whether it fits.</returns>
    public bool TryAllocate<T>(out T* value)
        where T : unmanaged
    {
        bool fits = TryAllocate((ulong)Unsafe.SizeOf<T>(), DefaultAlignment, out byte* address);
        value = (T*)address;
        return fits;
    }

    /// <summary>Takes zeroed bytes.</summary>
    /// <param name="size">Bytes.</param>
    /// <param name="alignment">A power of two.</param>
    /// <param name="address">The first byte, or null.</param>
    /// <returns>Whether they fit.</returns>
    public bool TryAllocate(ulong size, uint alignment, out byte* address)
    {
        Trap.Unless(alignment != 0 && (alignment & (alignment - 1)) == 0, TrapCode.BadArgument);
        address = null;
        ulong start = (ulong)_state;
        ulong mask = alignment - 1;
        ulong offset = ((start + _state->Used + mask) & ~mask) - start;
        if (offset > _state->Size || size > _state->Size - offset)
        {
            return false;
        }

        _state->Used = offset + size;
        address = (byte*)_state + offset;
        return true;
    }

    private struct State
    {
        public ulong Size;
        public ulong Used;
    }
}

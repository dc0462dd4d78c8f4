using System.Runtime.CompilerServices;
using System.Threading;

namespace Sos.Sdk.Memory;

/// <summary>
/// Access to memory that others write or read, by the names of the C11 memory model. On x86 the loads and stores are plain moves;
/// what they forbid is reordering by the compiler.
/// </summary>
public static class MemoryOrdering
{
    /// <summary>Loads; nothing that follows moves before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint LoadAcquire(ref readonly uint location) => Volatile.Read(in location);

    /// <inheritdoc cref="LoadAcquire(ref readonly uint)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong LoadAcquire(ref readonly ulong location) => Volatile.Read(in location);

    /// <inheritdoc cref="LoadAcquire(ref readonly uint)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort LoadAcquire(ref readonly ushort location) => Volatile.Read(in location);

    /// <summary>Stores; nothing that precedes moves behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRelease(ref uint location, uint value) => Volatile.Write(ref location, value);

    /// <inheritdoc cref="StoreRelease(ref uint, uint)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRelease(ref ulong location, ulong value) => Volatile.Write(ref location, value);

    /// <inheritdoc cref="StoreRelease(ref uint, uint)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRelease(ref ushort location, ushort value) => Volatile.Write(ref location, value);

    /// <summary>No store that follows moves before one that precedes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreStoreFence() => Volatile.WriteBarrier();

    /// <summary>No load that follows moves before one that precedes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadLoadFence() => Volatile.ReadBarrier();

    /// <summary>Nothing moves across, also not a load before an earlier store: needed where two sides store, then look at each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FullFence() => Interlocked.MemoryBarrier();
}

using System.Runtime.CompilerServices;
using System.Threading;

namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>
/// Access to device registers. <see cref="DirectMmio"/> on a machine; in tests a device model, since the registers of the
/// handshake answer to what was written before (a select register and a window behind it).
/// </summary>
public unsafe interface IMmio
{
    /// <summary>Reads one byte.</summary>
    byte Read8(byte* address);

    /// <summary>Reads two bytes, naturally aligned.</summary>
    ushort Read16(byte* address);

    /// <summary>Reads four bytes, naturally aligned.</summary>
    uint Read32(byte* address);

    /// <summary>Writes one byte.</summary>
    void Write8(byte* address, byte value);

    /// <summary>Writes two bytes, naturally aligned.</summary>
    void Write16(byte* address, ushort value);

    /// <summary>Writes four bytes, naturally aligned.</summary>
    void Write32(byte* address, uint value);
}

/// <summary>Registers as they lie in memory, mapped uncached: each access is one load or store of its width, in program order.</summary>
public readonly unsafe struct DirectMmio : IMmio
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte Read8(byte* address) => Volatile.Read(ref *address);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort Read16(byte* address) => Volatile.Read(ref *(ushort*)address);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Read32(byte* address) => Volatile.Read(ref *(uint*)address);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write8(byte* address, byte value) => Volatile.Write(ref *address, value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write16(byte* address, ushort value) => Volatile.Write(ref *(ushort*)address, value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write32(byte* address, uint value) => Volatile.Write(ref *(uint*)address, value);
}

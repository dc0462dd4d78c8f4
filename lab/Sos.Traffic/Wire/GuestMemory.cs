using System;
using System.Collections.Generic;
using Sos.Linux;

namespace Sos.Traffic.Wire;

/// <summary>
/// The machine's memory as QEMU shares it: a few regions, each mapped here once. The machine is not trusted: an address
/// outside of every region is an error of its driver, not an access.
/// </summary>
internal sealed unsafe class GuestMemory : IDisposable
{
    private readonly List<Region> _regions = [];

    /// <summary>Maps a region.</summary>
    /// <param name="guest">Its first guest-physical address.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="user">Its first address in QEMU, in which the places of rings are given.</param>
    /// <param name="offset">Where in the file it begins.</param>
    /// <param name="descriptor">The file; closed by this call.</param>
    /// <exception cref="WireException">It cannot be mapped.</exception>
    public void Add(ulong guest, ulong size, ulong user, ulong offset, int descriptor)
    {
        void* mapped = Libc.Mmap(
            null, (nuint)(size + offset), Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, descriptor, 0);
        _ = Libc.Close(descriptor);
        if ((nint)mapped == -1)
        {
            throw new WireException($"the machine's memory at {guest:x} ({size} bytes) cannot be mapped");
        }

        _regions.Add(new Region(guest, user, size, (nuint)mapped, (nuint)offset));
    }

    /// <summary>Where a range of guest-physical memory lies here; null if it does not lie within one region.</summary>
    public byte* FromGuest(ulong address, ulong length)
    {
        foreach (Region region in _regions)
        {
            if (address >= region.Guest && length <= region.Size && address - region.Guest <= region.Size - length)
            {
                return (byte*)(region.Mapped + region.Offset + (nuint)(address - region.Guest));
            }
        }

        return null;
    }

    /// <summary>Where a range that QEMU names by its own addresses lies here.</summary>
    /// <exception cref="WireException">It does not lie within one region.</exception>
    public byte* FromUser(ulong address, ulong length)
    {
        foreach (Region region in _regions)
        {
            if (address >= region.User && length <= region.Size && address - region.User <= region.Size - length)
            {
                return (byte*)(region.Mapped + region.Offset + (nuint)(address - region.User));
            }
        }

        throw new WireException($"a ring at {address:x} lies outside of the machine's memory");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Region region in _regions)
        {
            _ = Libc.Munmap((void*)region.Mapped, (nuint)region.Size + region.Offset);
        }

        _regions.Clear();
    }

    private readonly record struct Region(ulong Guest, ulong User, ulong Size, nuint Mapped, nuint Offset);
}

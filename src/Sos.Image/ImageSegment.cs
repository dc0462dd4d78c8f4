using System;

namespace Sos.Image;

/// <summary>The rights of a service on a segment.</summary>
[Flags]
public enum SegmentProtection
{
    /// <summary>Execute.</summary>
    Execute = 1,

    /// <summary>Write; never together with <see cref="Execute"/>.</summary>
    Write = 2,

    /// <summary>Read; always set.</summary>
    Read = 4,
}

/// <summary>One part of an image that is mapped with one protection.</summary>
/// <param name="Rva">Page-aligned address relative to the image's base.</param>
/// <param name="MemorySize">Bytes in memory; what the file does not hold is zero. Not rounded to pages.</param>
/// <param name="Data">The bytes from the file, at most <paramref name="MemorySize"/>.</param>
/// <param name="Protection">What the service may do with it.</param>
public sealed record ImageSegment(ulong Rva, ulong MemorySize, ReadOnlyMemory<byte> Data, SegmentProtection Protection)
{
    /// <summary>Bytes of a page.</summary>
    public const int PageSize = 4096;

    /// <summary>The first address behind it, relative to the image's base.</summary>
    public ulong End => Rva + MemorySize;

    /// <summary>Bytes in memory, rounded up to pages.</summary>
    public ulong MappedSize => (MemorySize + PageSize - 1) / PageSize * PageSize;

    /// <summary>Whether it holds <paramref name="rva"/>.</summary>
    public bool Contains(ulong rva) => rva >= Rva && rva < End;
}

/// <summary>A pointer in the image that the loader completes: the 8 bytes at <paramref name="Rva"/> become base + <paramref
/// name="Addend"/>.</summary>
public readonly record struct ImageRelocation(ulong Rva, ulong Addend);

using System.Collections.Generic;
using Sos.Image.Elf;

namespace Sos.Image.Building;

/// <summary>Where an atom goes in the image.</summary>
internal enum AtomKind
{
    Code,
    ReadOnlyData,
    Data,
    ZeroData,
}

/// <summary>How a reference is written.</summary>
internal enum ReferenceKind
{
    /// <summary>8 bytes: the address, completed by the loader.</summary>
    Absolute64,

    /// <summary>4 bytes: the distance from the reference itself.</summary>
    Relative32,
}

/// <summary>A place in an atom that holds the address of another.</summary>
/// <param name="Offset">Where in the referring atom.</param>
/// <param name="Kind">How it is written.</param>
/// <param name="Target">The atom that it names.</param>
/// <param name="TargetOffset">Added to the target's address; for relative ones it includes the distance to the instruction's
/// end.</param>
internal readonly record struct AtomReference(int Offset, ReferenceKind Kind, Atom Target, long TargetOffset);

/// <summary>The unit that the builder keeps or drops: one function, or one piece of data, with the symbols that name
/// it.</summary>
internal sealed class Atom
{
    public Atom(string name, AtomKind kind, byte[] bytes, ulong size, ulong alignment)
    {
        Name = name;
        Kind = kind;
        Bytes = bytes;
        Size = size;
        Alignment = alignment;
    }

    public string Name { get; }

    public AtomKind Kind { get; }

    /// <summary>The contents; empty for zero data.</summary>
    public byte[] Bytes { get; }

    public ulong Size { get; }

    public ulong Alignment { get; }

    /// <summary>The object file's section and offset, or null for what the builder made itself.</summary>
    public ElfSection? Section { get; init; }

    public ulong Start { get; init; }

    /// <summary>Its address in its section modulo <see cref="Alignment"/> is kept, as code may count on it.</summary>
    public ulong Misalignment => Section is null ? 0 : Start % Alignment;

    public List<AtomReference> References { get; } = [];

    /// <summary>Address in the image, set by the layout.</summary>
    public ulong Rva { get; set; }
}

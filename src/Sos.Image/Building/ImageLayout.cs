using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Image.Building;

/// <summary>One segment as it is laid out: its address, its bytes, its size in memory.</summary>
internal sealed record LaidOutSegment(ulong Rva, byte[] Data, ulong MemorySize, ulong DataSizeWithoutZero);

/// <summary>Gives every atom its address, and resolves all references.</summary>
internal sealed class ImageLayout
{
    /// <summary>The image's first page stays empty, so that address 0 means "none".</summary>
    private const ulong FirstRva = ImageSegment.PageSize;

    private const byte Int3 = 0xcc;

    public ImageLayout(ReachableAtoms reached)
    {
        // The object file's order keeps what ILC put together together, and makes the image independent of the order of
        // discovery.
        List<Atom> atoms = [.. reached.Atoms
            .OrderBy(a => a == reached.Start ? 0 : a.Section is null ? 2 : 1)
            .ThenBy(a => a.Section?.Index ?? 0).ThenBy(a => a.Start).ThenBy(a => a.Name, StringComparer.Ordinal)];
        Atoms = atoms;
        Start = reached.Start;
        ulong at = FirstRva;
        Code = Place(atoms, AtomKind.Code, ref at);
        ReadOnlyData = Place(atoms, AtomKind.ReadOnlyData, ref at);

        // The relocations' number is known now; they go behind the read-only data, in front of the writable.
        RelaRva = Align(ReadOnlyData.Rva + ReadOnlyData.MemorySize, 8);
        int relocations = atoms.Sum(a => a.References.Count(r => r.Kind == ReferenceKind.Absolute64));
        RelaSize = (ulong)relocations * Elf.ElfFormat.RelaSize;
        DynamicRva = RelaRva + RelaSize;
        DynamicSize = relocations == 0 ? 0 : 4UL * Elf.ElfFormat.DynSize;
        ReadOnlyData = ReadOnlyData with { MemorySize = DynamicRva + DynamicSize - ReadOnlyData.Rva };
        at = Align(DynamicRva + DynamicSize, ImageSegment.PageSize);
        Data = PlaceWritable(atoms, ref at);
        Resolve(Code);
        Resolve(ReadOnlyData);
        Resolve(Data);
        AppendDynamic();
    }

    public IReadOnlyList<Atom> Atoms { get; }

    public Atom Start { get; }

    public LaidOutSegment Code { get; }

    public LaidOutSegment ReadOnlyData { get; private set; }

    public LaidOutSegment Data { get; }

    public ulong RelaRva { get; }

    public ulong RelaSize { get; }

    public ulong DynamicRva { get; }

    public ulong DynamicSize { get; }

    public static ulong Align(ulong value, ulong alignment) => (value + alignment - 1) / alignment * alignment;

    private static LaidOutSegment Place(List<Atom> atoms, AtomKind kind, ref ulong at)
    {
        ulong start = at;
        foreach (Atom atom in atoms.Where(a => a.Kind == kind))
        {
            at = AlignLike(at, atom);
            atom.Rva = at;
            at += atom.Size;
        }

        byte[] bytes = new byte[at - start];
        bytes.AsSpan().Fill(kind == AtomKind.Code ? Int3 : (byte)0);
        foreach (Atom atom in atoms.Where(a => a.Kind == kind))
        {
            atom.Bytes.CopyTo(bytes.AsSpan((int)(atom.Rva - start)));
        }

        ulong size = at - start;
        at = Align(at, ImageSegment.PageSize);
        return new LaidOutSegment(start, bytes, size, size);
    }

    private static LaidOutSegment PlaceWritable(List<Atom> atoms, ref ulong at)
    {
        LaidOutSegment data = Place(atoms, AtomKind.Data, ref at);
        ulong end = data.Rva + data.MemorySize;
        foreach (Atom atom in atoms.Where(a => a.Kind == AtomKind.ZeroData))
        {
            end = AlignLike(end, atom);
            atom.Rva = end;
            end += atom.Size;
        }

        return data with { MemorySize = end - data.Rva };
    }

    private static ulong AlignLike(ulong at, Atom atom)
    {
        ulong aligned = at / atom.Alignment * atom.Alignment + atom.Misalignment;
        return aligned >= at ? aligned : aligned + atom.Alignment;
    }

    private void Resolve(LaidOutSegment segment)
    {
        foreach (Atom atom in Atoms.Where(a =>
            a.Rva >= segment.Rva && a.Rva < segment.Rva + segment.MemorySize && a.Bytes.Length > 0))
        {
            foreach (AtomReference r in atom.References)
            {
                Span<byte> at = segment.Data.AsSpan((int)(atom.Rva - segment.Rva) + r.Offset);
                ulong target = r.Target.Rva + (ulong)r.TargetOffset;
                if (r.Kind == ReferenceKind.Absolute64)
                {
                    BinaryPrimitives.WriteUInt64LittleEndian(at, target);
                }
                else
                {
                    BinaryPrimitives.WriteInt32LittleEndian(at,
                        checked((int)((long)target - (long)(atom.Rva + (ulong)r.Offset))));
                }
            }
        }
    }

    private void AppendDynamic()
    {
        byte[] bytes = new byte[ReadOnlyData.MemorySize];
        ReadOnlyData.Data.CopyTo(bytes, 0);
        Span<byte> at = bytes.AsSpan((int)(RelaRva - ReadOnlyData.Rva));
        foreach ((Atom atom, AtomReference r) in Atoms
            .SelectMany(a => a.References.Where(r => r.Kind == ReferenceKind.Absolute64).Select(r => (a, r)))
            .OrderBy(p => p.a.Rva + (ulong)p.r.Offset))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(at, atom.Rva + (ulong)r.Offset);
            BinaryPrimitives.WriteUInt64LittleEndian(at[8..], Elf.ElfFormat.RelocationRelative);
            BinaryPrimitives.WriteUInt64LittleEndian(at[16..], r.Target.Rva + (ulong)r.TargetOffset);
            at = at[Elf.ElfFormat.RelaSize..];
        }

        if (DynamicSize != 0)
        {
            ReadOnlySpan<long> entries =
            [
                Elf.ElfFormat.DynamicRela, (long)RelaRva, Elf.ElfFormat.DynamicRelaSize, (long)RelaSize,
                Elf.ElfFormat.DynamicRelaEntry, Elf.ElfFormat.RelaSize, Elf.ElfFormat.DynamicNull, 0,
            ];
            for (int i = 0; i < entries.Length; i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(at[(8 * i)..], entries[i]);
            }
        }

        ReadOnlyData = ReadOnlyData with { Data = bytes };
    }
}

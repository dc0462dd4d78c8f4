using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;

namespace Sos.Image.Elf;

/// <summary>One section of an object file.</summary>
internal sealed record ElfSection(int Index, string Name, uint Type, ulong Flags, ulong Size, ulong Alignment,
    ReadOnlyMemory<byte> Data)
{
    public bool IsLoaded => (Flags & ElfFormat.SectionAlloc) != 0;

    public bool IsCode => (Flags & ElfFormat.SectionExecute) != 0;

    public bool IsWritable => (Flags & ElfFormat.SectionWrite) != 0;
}

/// <summary>One symbol of an object file; section 0 means that another file defines it.</summary>
internal sealed record ElfSymbol(int Index, string Name, byte Type, int Section, ulong Value, ulong Size)
{
    public bool IsUndefined => Section == 0;
}

/// <summary>One relocation of a section: at <paramref name="Offset"/> stands a reference to a symbol.</summary>
internal readonly record struct ElfRelocation(ulong Offset, uint Type, int Symbol, long Addend);

/// <summary>An ELF64 x86-64 relocatable file as ILC writes it. Everything is checked when it is read.</summary>
/// <remarks>System V gABI, chapters 4 and 5.</remarks>
internal sealed class ElfObject
{
    private readonly ReadOnlyMemory<byte> _file;

    private ElfObject(ReadOnlyMemory<byte> file) => _file = file;

    public List<ElfSection> Sections { get; } = [];

    public List<ElfSymbol> Symbols { get; private set; } = [];

    /// <summary>Relocations by the index of the section that they change, sorted by offset.</summary>
    public Dictionary<int, ElfRelocation[]> Relocations { get; } = [];

    /// <exception cref="ImageFormatException">It is not such a file, or it is damaged.</exception>
    public static ElfObject Read(ReadOnlyMemory<byte> file)
    {
        ElfObject result = new(file);
        ReadOnlySpan<byte> header = result.Slice(0, ElfFormat.HeaderSize, "ELF header").Span;
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != ElfFormat.Magic || header[4] != ElfFormat.Class64
            || header[5] != ElfFormat.LittleEndian)
        {
            throw new ImageFormatException(ImageFormatError.NotElf, "not a 64-bit little-endian ELF file");
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(header[16..]) != ElfFormat.TypeRelocatable
            || BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) != ElfFormat.MachineX64)
        {
            throw new ImageFormatException(ImageFormatError.WrongType, "not a relocatable x86-64 file");
        }

        result.ReadSections(header);
        result.ReadSymbols();
        result.ReadRelocations();
        return result;
    }

    public ElfSection? FindSection(string name) => Sections.Find(s => s.Name == name);

    private void ReadSections(ReadOnlySpan<byte> header)
    {
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[60..]);
        int names = BinaryPrimitives.ReadUInt16LittleEndian(header[62..]);
        ReadOnlySpan<byte> headers = Slice(table, (ulong)count * ElfFormat.SectionHeaderSize, "section headers").Span;
        if (names >= count)
        {
            throw new ImageFormatException(ImageFormatError.Truncated, "no section of section names");
        }

        ReadOnlySpan<byte> nameHeader = headers.Slice(names * ElfFormat.SectionHeaderSize, ElfFormat.SectionHeaderSize);
        ReadOnlyMemory<byte> nameData = Slice(
            BinaryPrimitives.ReadUInt64LittleEndian(nameHeader[24..]), BinaryPrimitives.ReadUInt64LittleEndian(nameHeader[32..]),
                "section names");
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> h = headers.Slice(i * ElfFormat.SectionHeaderSize, ElfFormat.SectionHeaderSize);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(h[4..]);
            ulong size = BinaryPrimitives.ReadUInt64LittleEndian(h[32..]);
            ReadOnlyMemory<byte> data = type is ElfFormat.SectionNoBits or 0
                ? ReadOnlyMemory<byte>.Empty
                : Slice(BinaryPrimitives.ReadUInt64LittleEndian(h[24..]), size, "section data");
            string name = ReadString(nameData.Span, BinaryPrimitives.ReadUInt32LittleEndian(h));
            Sections.Add(new ElfSection(i, name, type, BinaryPrimitives.ReadUInt64LittleEndian(h[8..]), size,
                BinaryPrimitives.ReadUInt64LittleEndian(h[48..]), data));
        }
    }

    private void ReadSymbols()
    {
        ElfSection table = Sections.Find(s => s.Type == ElfFormat.SectionSymbols)
            ?? throw new ImageFormatException(ImageFormatError.Truncated, "no symbol table");
        ElfSection strings = Sections.Find(s => s.Type == ElfFormat.SectionStrings && s.Name == ".strtab")
            ?? throw new ImageFormatException(ImageFormatError.Truncated, "no symbol names");
        ReadOnlySpan<byte> data = table.Data.Span;
        int count = data.Length / ElfFormat.SymbolSize;
        Symbols = new List<ElfSymbol>(count);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> s = data.Slice(i * ElfFormat.SymbolSize, ElfFormat.SymbolSize);
            int section = BinaryPrimitives.ReadUInt16LittleEndian(s[6..]);
            ulong value = BinaryPrimitives.ReadUInt64LittleEndian(s[8..]);
            ulong size = BinaryPrimitives.ReadUInt64LittleEndian(s[16..]);
            if (section < Sections.Count && section != 0
                && (value > Sections[section].Size || size > Sections[section].Size - value))
            {
                throw new ImageFormatException(ImageFormatError.BadSymbol, $"symbol {i} lies outside of its section");
            }

            Symbols.Add(new ElfSymbol(i, ReadString(strings.Data.Span, BinaryPrimitives.ReadUInt32LittleEndian(s)),
                (byte)(s[4] & 15), section, value, size));
        }
    }

    private void ReadRelocations()
    {
        foreach (ElfSection section in Sections)
        {
            if (section.Type != ElfFormat.SectionRela)
            {
                continue;
            }

            string target = section.Name.StartsWith(".rela", StringComparison.Ordinal) ? section.Name[5..] : "";
            ElfSection? changed = FindSection(target);
            if (changed is null)
            {
                throw new ImageFormatException(ImageFormatError.BadRelocation, $"{section.Name} changes no section");
            }

            ReadOnlySpan<byte> data = section.Data.Span;
            ElfRelocation[] relocations = new ElfRelocation[data.Length / ElfFormat.RelaSize];
            for (int i = 0; i < relocations.Length; i++)
            {
                ReadOnlySpan<byte> r = data.Slice(i * ElfFormat.RelaSize, ElfFormat.RelaSize);
                ulong info = BinaryPrimitives.ReadUInt64LittleEndian(r[8..]);
                relocations[i] = new ElfRelocation(BinaryPrimitives.ReadUInt64LittleEndian(r), (uint)info, (int)(info >> 32),
                    BinaryPrimitives.ReadInt64LittleEndian(r[16..]));
                if (relocations[i].Symbol >= Symbols.Count || relocations[i].Symbol < 0 || relocations[i].Offset >= changed.Size)
                {
                    throw new ImageFormatException(ImageFormatError.BadRelocation,
                        $"relocation {i} of {section.Name} is out of range");
                }
            }

            Array.Sort(relocations, static (a, b) => a.Offset.CompareTo(b.Offset));
            Relocations[changed.Index] = relocations;
        }
    }

    private ReadOnlyMemory<byte> Slice(ulong offset, ulong size, string what)
    {
        if (offset > (ulong)_file.Length || size > (ulong)_file.Length - offset)
        {
            throw new ImageFormatException(ImageFormatError.Truncated, $"the file ends within its {what}");
        }

        return _file.Slice((int)offset, (int)size);
    }

    internal static string ReadString(ReadOnlySpan<byte> table, uint offset)
    {
        if (offset >= (uint)table.Length)
        {
            throw new ImageFormatException(ImageFormatError.BadSymbol, "a name lies outside of its table");
        }

        ReadOnlySpan<byte> rest = table[(int)offset..];
        int end = rest.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
    }
}

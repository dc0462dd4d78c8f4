using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Sos.Image.Elf;

/// <summary>One program header and the bytes that it brings.</summary>
internal sealed record ElfSegmentPlan(uint Type, uint Flags, ulong Offset, ulong Rva, byte[] Data, ulong MemorySize,
    ulong Alignment);

/// <summary>Writes an ELF64 x86-64 file: header, program headers, what the segments hold, section headers.</summary>
internal sealed class ElfFileWriter(ushort type, ulong entry)
{
    private readonly List<ElfSegmentPlan> _segments = [];
    private readonly List<byte[]> _sections = [new byte[ElfFormat.SectionHeaderSize]];
    private readonly List<(ulong Offset, byte[] Data)> _contents = [];
    private readonly StringBuilder _names = new("\0");

    public int SectionCount => _sections.Count;

    public void AddSegment(ElfSegmentPlan segment)
    {
        _segments.Add(segment);
        if (segment.Data.Length > 0)
        {
            _contents.Add((segment.Offset, segment.Data));
        }
    }

    public void AddContents(ulong offset, byte[] data) => _contents.Add((offset, data));

    public void AddSection(
        string name, uint sectionType, ulong flags, ulong rva, ulong offset, ulong size, ulong alignment, ulong entrySize = 0,
        uint link = 0, uint info = 0)
    {
        byte[] h = new byte[ElfFormat.SectionHeaderSize];
        BinaryPrimitives.WriteInt32LittleEndian(h, _names.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(4), sectionType);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(8), flags);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(16), rva);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(24), offset);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(32), size);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(40), link);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(44), info);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(48), alignment);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(56), entrySize);
        _names.Append(name).Append('\0');
        _sections.Add(h);
    }

    public byte[] ToArray()
    {
        using MemoryStream file = new();
        ulong end = (ulong)(ElfFormat.HeaderSize + _segments.Count * ElfFormat.ProgramHeaderSize);
        foreach ((ulong offset, byte[] data) in _contents)
        {
            file.Position = (long)offset;
            file.Write(data);
            end = Math.Max(end, offset + (ulong)data.Length);
        }

        const string namesName = ".shstrtab";
        int namesSize = _names.Length + namesName.Length + 1;
        AddSection(namesName, ElfFormat.SectionStrings, 0, 0, end, (ulong)namesSize, 1);
        file.Position = (long)end;
        file.Write(Encoding.ASCII.GetBytes(_names.ToString()));
        ulong sectionTable = (end + (ulong)namesSize + 7) / 8 * 8;
        file.Position = (long)sectionTable;
        foreach (byte[] h in _sections)
        {
            file.Write(h);
        }

        file.Position = 0;
        file.Write(Header(sectionTable));
        foreach (ElfSegmentPlan s in _segments)
        {
            file.Write(ProgramHeader(s));
        }

        return file.ToArray();
    }

    private byte[] Header(ulong sectionTable)
    {
        byte[] h = new byte[ElfFormat.HeaderSize];
        BinaryPrimitives.WriteUInt32LittleEndian(h, ElfFormat.Magic);
        h[4] = ElfFormat.Class64;
        h[5] = ElfFormat.LittleEndian;
        h[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(16), type);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(18), ElfFormat.MachineX64);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(20), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(24), entry);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(32), _segments.Count == 0 ? 0UL : ElfFormat.HeaderSize);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(40), sectionTable);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(52), ElfFormat.HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(54), ElfFormat.ProgramHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(56), (ushort)_segments.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(58), ElfFormat.SectionHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(60), (ushort)_sections.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(62), (ushort)(_sections.Count - 1));
        return h;
    }

    private static byte[] ProgramHeader(ElfSegmentPlan s)
    {
        byte[] h = new byte[ElfFormat.ProgramHeaderSize];
        ulong fileSize = s.Type is ElfFormat.SegmentDynamic ? s.MemorySize : (ulong)s.Data.Length;
        BinaryPrimitives.WriteUInt32LittleEndian(h, s.Type);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(4), s.Flags);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(8), s.Offset);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(16), s.Rva);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(24), s.Rva);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(32), fileSize);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(40), s.MemorySize);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(48), s.Alignment);
        return h;
    }
}

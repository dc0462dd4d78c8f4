using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Image.Building;
using Sos.Image.Elf;

namespace Sos.Image.Debugging;

/// <summary>Writes the debug file of an image that was just laid out.</summary>
internal static class DebugFileWriter
{
    public static byte[] Write(ImageLayout layout, ServiceImage image, LineTable lines, MethodNames names)
    {
        List<Atom> methods = [.. layout.Atoms.Where(a => a.Kind == AtomKind.Code).OrderBy(a => a.Rva)];
        (List<SourceRow> rows, List<string> files) = Rows(methods, lines);
        byte[] debug = DebugSection(methods, rows, files, image, names);
        DwarfLines dwarf = DwarfLines.Write(
            image.Descriptor.Name, methods.Select(a => ((uint)a.Rva, (uint)a.Size)), rows, files, layout.Code.Rva, layout.Code.MemorySize);
        (byte[] symbols, byte[] strings) = SymbolTable(layout);
        ElfFileWriter file = new(ElfFormat.TypeDynamic, layout.Start.Rva);
        ulong at = ElfFormat.HeaderSize;

        ulong Append(byte[] data)
        {
            ulong offset = at;
            file.AddContents(offset, data);
            at = ImageLayout.Align(at + (ulong)data.Length, 8);
            return offset;
        }

        // Section 1: DebugFile looks for it there. The sections of the image follow without contents, as symbols refer to them.
        file.AddSection(DebugFile.SectionName, ElfFormat.SectionProgBits, 0, 0, Append(debug), (ulong)debug.Length, 8);
        file.AddSection(".text", ElfFormat.SectionNoBits, ElfFormat.SectionAlloc | ElfFormat.SectionExecute, layout.Code.Rva, 0,
            layout.Code.MemorySize, 16);
        file.AddSection(".rodata", ElfFormat.SectionNoBits, ElfFormat.SectionAlloc, layout.ReadOnlyData.Rva, 0,
            layout.ReadOnlyData.MemorySize, 16);
        file.AddSection(".data", ElfFormat.SectionNoBits, ElfFormat.SectionAlloc | ElfFormat.SectionWrite, layout.Data.Rva, 0,
            layout.Data.MemorySize, 16);
        file.AddSection(".symtab", ElfFormat.SectionSymbols, 0, 0, Append(symbols), (ulong)symbols.Length, 8,
            ElfFormat.SymbolSize, link: 6, info: 1);
        file.AddSection(".strtab", ElfFormat.SectionStrings, 0, 0, Append(strings), (ulong)strings.Length, 1);
        file.AddSection(".debug_abbrev", ElfFormat.SectionProgBits, 0, 0, Append(dwarf.Abbreviations), (ulong)dwarf.Abbreviations.Length, 1);
        file.AddSection(".debug_info", ElfFormat.SectionProgBits, 0, 0, Append(dwarf.Information), (ulong)dwarf.Information.Length, 1);
        file.AddSection(".debug_line", ElfFormat.SectionProgBits, 0, 0, Append(dwarf.Lines), (ulong)dwarf.Lines.Length, 1);
        return file.ToArray();
    }

    private static (List<SourceRow> Rows, List<string> Files) Rows(IEnumerable<Atom> methods, LineTable lines)
    {
        Dictionary<int, int> fileIndex = [];
        List<string> files = [];
        List<SourceRow> rows = [];
        foreach (Atom atom in methods.Where(a => a.Section is not null))
        {
            foreach (LineRow row in lines.RowsIn(atom.Section!.Index, atom.Start, atom.Start + atom.Size))
            {
                if (!fileIndex.TryGetValue(row.File, out int index))
                {
                    fileIndex.Add(row.File, index = files.Count);
                    files.Add(row.File < lines.Files.Count ? lines.Files[row.File] : "?");
                }

                ulong rva = atom.Rva + (Math.Max(row.Offset, atom.Start) - atom.Start);
                rows.Add(new SourceRow((uint)rva, index, row.Line));
            }
        }

        return (rows, files);
    }

    private static byte[] DebugSection(List<Atom> methods, List<SourceRow> rows, List<string> files, ServiceImage image, MethodNames names)
    {
        StringTable text = new();
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(DebugFile.Magic);
        writer.Write(image.BuildId.Span);
        writer.Write(methods.Count);
        writer.Write(files.Count);
        writer.Write(rows.Count);
        long textSizeAt = stream.Position;
        writer.Write(0);
        foreach (Atom atom in methods)
        {
            writer.Write((uint)atom.Rva);
            writer.Write((uint)atom.Size);
            writer.Write(text.Add(names.ToCSharp(atom.Name)));
            writer.Write(text.Add(atom.Name));
        }

        files.ForEach(f => writer.Write(text.Add(f)));
        foreach ((uint rva, int file, int line) in rows)
        {
            writer.Write(rva);
            writer.Write(file);
            writer.Write(line);
        }

        byte[] bytes = text.ToArray();
        writer.Write(bytes);
        writer.Flush();
        byte[] result = stream.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(result.AsSpan((int)textSizeAt), bytes.Length);
        return result;
    }

    private static (byte[] Symbols, byte[] Strings) SymbolTable(ImageLayout layout)
    {
        StringTable strings = new();
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(new byte[ElfFormat.SymbolSize]);
        foreach (Atom atom in layout.Atoms)
        {
            ushort section = atom.Kind switch { AtomKind.Code => 2, AtomKind.ReadOnlyData => 3, _ => 4 };
            writer.Write(strings.Add(atom.Name));
            writer.Write((byte)((1 << 4) | (atom.Kind == AtomKind.Code ? ElfFormat.SymbolFunction : 1)));
            writer.Write((byte)0);
            writer.Write(section);
            writer.Write(atom.Rva);
            writer.Write(atom.Size);
        }

        writer.Flush();
        return (stream.ToArray(), strings.ToArray());
    }

    private sealed class StringTable
    {
        private readonly Dictionary<string, int> _offsets = new(StringComparer.Ordinal);
        private readonly MemoryStream _bytes = new();

        public StringTable() => Add("");

        public int Add(string text)
        {
            if (!_offsets.TryGetValue(text, out int offset))
            {
                _offsets.Add(text, offset = (int)_bytes.Length);
                _bytes.Write(Encoding.UTF8.GetBytes(text));
                _bytes.WriteByte(0);
            }

            return offset;
        }

        public byte[] ToArray() => _bytes.ToArray();
    }
}

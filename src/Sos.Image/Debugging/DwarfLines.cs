using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Sos.Image.Debugging;

/// <summary>From here on, up to the next row or the end of its method, code comes from this line.</summary>
/// <param name="Rva">Where.</param>
/// <param name="File">Index of the source file.</param>
/// <param name="Line">The line in it.</param>
internal readonly record struct SourceRow(uint Rva, int File, int Line);

/// <summary>
/// Writes line numbers as debuggers read them: a compilation unit that says which code it is about, and a line number program.
/// Source: DWARF 4, sections 3.1.1, 6.2 and 7.
/// </summary>
internal sealed class DwarfLines
{
    private const ushort Version = 4;
    private const byte AddressSize = 8;

    // Lines that mark code of the compiler's own; no file is that long.
    private const int HiddenLineMin = 0xf00000;

    private const byte LineBase = unchecked((byte)-5);
    private const byte LineRange = 14;

    // Operands of the standard opcodes 1 to 12.
    private static readonly byte[] OpcodeLengths = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

    private readonly MemoryStream _lines = new();

    private DwarfLines()
    {
    }

    /// <summary>Contents of <c>.debug_abbrev</c>.</summary>
    public byte[] Abbreviations { get; private init; } = [];

    /// <summary>Contents of <c>.debug_info</c>.</summary>
    public byte[] Information { get; private init; } = [];

    /// <summary>Contents of <c>.debug_line</c>.</summary>
    public byte[] Lines { get; private set; } = [];

    /// <summary>Writes the lines of an image.</summary>
    /// <param name="name">The image's name, for the compilation unit.</param>
    /// <param name="methods">Start and size of each method, in order.</param>
    /// <param name="rows">The rows of all methods, in order.</param>
    /// <param name="files">Full names of the source files.</param>
    /// <param name="codeStart">Where code begins.</param>
    /// <param name="codeSize">Its size.</param>
    public static DwarfLines Write(
        string name, IEnumerable<(uint Rva, uint Size)> methods, IReadOnlyList<SourceRow> rows, IEnumerable<string> files, ulong codeStart, ulong codeSize)
    {
        DwarfLines result = new()
        {
            Abbreviations = WriteAbbreviations(),
            Information = WriteInformation(name, codeStart, codeSize),
        };
        result.WriteProgram(methods, rows, files);
        return result;
    }

    // One kind of entry: a compilation unit without children, said to be in assembler, of which debuggers expect no more than lines.
    private static byte[] WriteAbbreviations() =>
    [
        1, 0x11, 0, // DW_TAG_compile_unit, DW_CHILDREN_no
        0x25, 0x08, // DW_AT_producer, DW_FORM_string
        0x13, 0x05, // DW_AT_language, DW_FORM_data2
        0x03, 0x08, // DW_AT_name, DW_FORM_string
        0x10, 0x17, // DW_AT_stmt_list, DW_FORM_sec_offset
        0x11, 0x01, // DW_AT_low_pc, DW_FORM_addr
        0x12, 0x07, // DW_AT_high_pc, DW_FORM_data8: a length
        0, 0, 0,
    ];

    private static byte[] WriteInformation(string name, ulong codeStart, ulong codeSize)
    {
        const ushort mipsAssembler = 0x8001; // DW_LANG_Mips_Assembler, which stands for any
        MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(0);
        writer.Write(Version);
        writer.Write(0); // offset of the abbreviations
        writer.Write(AddressSize);
        writer.Write((byte)1);
        WriteText(writer, "Sos.Image");
        writer.Write(mipsAssembler);
        WriteText(writer, name);
        writer.Write(0); // offset of the line number program
        writer.Write(codeStart);
        writer.Write(codeSize);
        return WithLength(stream);
    }

    private void WriteProgram(IEnumerable<(uint Rva, uint Size)> methods, IReadOnlyList<SourceRow> rows, IEnumerable<string> files)
    {
        using BinaryWriter writer = new(_lines);
        writer.Write(0);
        writer.Write(Version);
        long headerLengthAt = _lines.Position;
        writer.Write(0);
        writer.Write((byte)1); // minimum_instruction_length
        writer.Write((byte)1); // maximum_operations_per_instruction
        writer.Write((byte)1); // default_is_stmt
        writer.Write(LineBase);
        writer.Write(LineRange);
        writer.Write((byte)(OpcodeLengths.Length + 1));
        writer.Write(OpcodeLengths);
        writer.Write((byte)0); // no directories: the names are full ones
        foreach (string file in files)
        {
            WriteText(writer, file);
            writer.Write([0, 0, 0]); // directory, time, length: not stated
        }

        writer.Write((byte)0);
        long headerEnd = _lines.Position;
        _lines.Position = headerLengthAt;
        writer.Write((int)(headerEnd - headerLengthAt - sizeof(int)));
        _lines.Position = headerEnd;

        int next = 0;
        foreach ((uint rva, uint size) in methods)
        {
            while (next < rows.Count && rows[next].Rva < rva)
            {
                next++;
            }

            int first = next;
            while (next < rows.Count && rows[next].Rva < rva + size)
            {
                next++;
            }

            WriteSequence(writer, rows, first, next, rva + size);
        }

        Lines = WithLength(_lines);
    }

    private static void WriteSequence(BinaryWriter writer, IReadOnlyList<SourceRow> rows, int first, int end, uint codeEnd)
    {
        uint address = 0;
        int line = 1;
        for (int i = first; i < end; i++)
        {
            SourceRow row = rows[i];
            if (row.Line is <= 0 or >= HiddenLineMin)
            {
                continue;
            }

            if (address == 0)
            {
                writer.Write([0, AddressSize + 1, 2]); // DW_LNE_set_address
                writer.Write((ulong)row.Rva);
            }
            else
            {
                writer.Write((byte)2); // DW_LNS_advance_pc
                WriteUnsigned(writer, row.Rva - address);
            }

            writer.Write((byte)4); // DW_LNS_set_file; the first is 1
            WriteUnsigned(writer, (uint)row.File + 1);
            writer.Write((byte)3); // DW_LNS_advance_line
            WriteSigned(writer, row.Line - line);
            writer.Write((byte)1); // DW_LNS_copy
            (address, line) = (row.Rva, row.Line);
        }

        if (address != 0)
        {
            writer.Write((byte)2);
            WriteUnsigned(writer, codeEnd - address);
            writer.Write([0, 1, 1]); // DW_LNE_end_sequence
        }
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        writer.Write(Encoding.UTF8.GetBytes(text));
        writer.Write((byte)0);
    }

    private static void WriteUnsigned(BinaryWriter writer, uint value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            writer.Write((byte)(value | 0x80));
        }

        writer.Write((byte)value);
    }

    private static void WriteSigned(BinaryWriter writer, int value)
    {
        for (; value is < -64 or > 63; value >>= 7)
        {
            writer.Write((byte)(value | 0x80));
        }

        writer.Write((byte)(value & 0x7f));
    }

    // The first four bytes of a unit are the count of what follows them.
    private static byte[] WithLength(MemoryStream unit)
    {
        byte[] bytes = unit.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length - sizeof(int));
        return bytes;
    }
}

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;
using Sos.Image.Elf;

namespace Sos.Image.Debugging;

/// <summary>From here on, code comes from this line.</summary>
internal readonly record struct LineRow(int Section, ulong Offset, int File, int Line, bool EndsSequence);

/// <summary>The line numbers of an object file. Source: DWARF 4, section 6.2; ILC writes that version unless told
/// otherwise.</summary>
internal sealed class LineTable
{
    private readonly List<string> _directories = [""];
    private readonly List<LineRow> _rows = [];

    /// <summary>Names of the source files; row.File is an index.</summary>
    public List<string> Files { get; } = ["?"];

    /// <summary>Reads .debug_line; an object without it gives an empty table.</summary>
    /// <exception cref="ImageFormatException">It is damaged.</exception>
    public static LineTable Read(ElfObject file)
    {
        LineTable table = new();
        ElfSection? section = file.FindSection(".debug_line");
        if (section is not null)
        {
            Dictionary<ulong, ElfRelocation> relocations = [];
            foreach (ElfRelocation r in file.Relocations.GetValueOrDefault(section.Index, []))
            {
                relocations[r.Offset] = r;
            }

            try
            {
                table.ReadUnits(section.Data.Span, relocations, file);
            }
            catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException)
            {
                throw new ImageFormatException(ImageFormatError.Truncated, "the line number program is damaged");
            }
        }

        table._rows.Sort(static (a, b) => a.Section != b.Section ? a.Section.CompareTo(b.Section) : a.Offset.CompareTo(b.Offset));
        return table;
    }

    /// <summary>The rows that apply within [start, end) of a section; the first may begin before it.</summary>
    public IEnumerable<LineRow> RowsIn(int section, ulong start, ulong end)
    {
        int low = 0, high = _rows.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            LineRow r = _rows[middle];
            (low, high) = r.Section < section || (r.Section == section && r.Offset <= start) ? (middle + 1, high) : (low, middle);
        }

        for (int i = Math.Max(0, low - 1); i < _rows.Count && (_rows[i].Section < section || _rows[i].Offset < end); i++)
        {
            if (_rows[i].Section == section && !_rows[i].EndsSequence)
            {
                yield return _rows[i];
            }
        }
    }

    private void ReadUnits(ReadOnlySpan<byte> data, Dictionary<ulong, ElfRelocation> relocations, ElfObject file)
    {
        int at = 0;
        while (at + 4 <= data.Length)
        {
            int end = checked(at + 4 + (int)BinaryPrimitives.ReadUInt32LittleEndian(data[at..]));
            ushort version = BinaryPrimitives.ReadUInt16LittleEndian(data[(at + 4)..]);
            if (version is not (2 or 3 or 4))
            {
                throw new ImageFormatException(ImageFormatError.UnknownVersion, $"line numbers of DWARF version {version}");
            }

            int fileBase = Files.Count - 1;
            int program = checked(at + 10 + (int)BinaryPrimitives.ReadUInt32LittleEndian(data[(at + 6)..]));
            int p = at + 10;
            byte minimumLength = data[p];
            p += version >= 4 ? 3 : 2;
            sbyte lineBase = (sbyte)data[p];
            byte lineRange = data[p + 1];
            byte opcodeBase = data[p + 2];
            ReadOnlySpan<byte> lengths = data.Slice(p + 3, opcodeBase - 1);
            p += 2 + opcodeBase;
            ReadFileNames(data, ref p);
            LineProgram run = new(data, relocations, file, lengths, minimumLength, lineBase, lineRange, opcodeBase, fileBase);
            run.Execute(program, end, _rows);
            at = end;
        }
    }

    private void ReadFileNames(ReadOnlySpan<byte> data, ref int p)
    {
        int directoryBase = _directories.Count - 1;
        while (data[p] != 0)
        {
            _directories.Add(ReadText(data, ref p));
        }

        p++;
        while (data[p] != 0)
        {
            string name = ReadText(data, ref p);
            int directory = (int)LineProgram.ReadUnsigned(data, ref p);
            LineProgram.ReadUnsigned(data, ref p);
            LineProgram.ReadUnsigned(data, ref p);
            string folder = directory == 0 ? "" : _directories[directoryBase + directory];
            Files.Add(folder.Length == 0 || name.StartsWith('/') ? name : folder.TrimEnd('/') + "/" + name);
        }
    }

    private static string ReadText(ReadOnlySpan<byte> data, ref int p)
    {
        int length = data[p..].IndexOf((byte)0);
        string text = Encoding.UTF8.GetString(data.Slice(p, length));
        p += length + 1;
        return text;
    }
}

/// <summary>The state machine of a line number program (DWARF 4, 6.2.2 to 6.2.5).</summary>
internal ref struct LineProgram(
    ReadOnlySpan<byte> data, Dictionary<ulong, ElfRelocation> relocations, ElfObject file, ReadOnlySpan<byte> lengths,
    byte minimumLength, sbyte lineBase, byte lineRange, byte opcodeBase, int fileBase)
{
    private readonly ReadOnlySpan<byte> _data = data;
    private readonly ReadOnlySpan<byte> _lengths = lengths;
    private int _section = -1;
    private ulong _address;
    private int _file = 1;
    private int _line = 1;

    public void Execute(int p, int end, List<LineRow> rows)
    {
        while (p < end)
        {
            byte opcode = _data[p++];
            if (opcode >= opcodeBase)
            {
                int adjusted = opcode - opcodeBase;
                _address += (ulong)(adjusted / lineRange * minimumLength);
                _line += lineBase + adjusted % lineRange;
                Append(rows, false);
            }
            else if (opcode == 0)
            {
                Extended(ref p, rows);
            }
            else
            {
                Standard(opcode, ref p, rows);
            }
        }
    }

    public static ulong ReadUnsigned(ReadOnlySpan<byte> data, ref int p)
    {
        ulong value = 0;
        int shift = 0;
        byte b;
        do
        {
            b = data[p++];
            value |= shift < 64 ? (ulong)(b & 0x7f) << shift : 0;
            shift += 7;
        }
        while ((b & 0x80) != 0);

        return value;
    }

    private static long ReadSigned(ReadOnlySpan<byte> data, ref int p)
    {
        long value = 0;
        int shift = 0;
        byte b;
        do
        {
            b = data[p++];
            value |= shift < 64 ? (long)(b & 0x7f) << shift : 0;
            shift += 7;
        }
        while ((b & 0x80) != 0);

        return shift < 64 && (b & 0x40) != 0 ? value | (-1L << shift) : value;
    }

    private void Extended(ref int p, List<LineRow> rows)
    {
        int length = (int)ReadUnsigned(_data, ref p);
        int next = checked(p + length);
        byte opcode = _data[p];
        if (opcode == 1)
        {
            Append(rows, true);
            (_section, _address, _file, _line) = (-1, 0, 1, 1);
        }
        else if (opcode == 2)
        {
            _address = BinaryPrimitives.ReadUInt64LittleEndian(_data[(p + 1)..]);
            if (relocations.TryGetValue((ulong)p + 1, out ElfRelocation r))
            {
                _section = file.Symbols[r.Symbol].Section;
                _address = file.Symbols[r.Symbol].Value + (ulong)r.Addend;
            }
        }

        p = next;
    }

    private void Standard(byte opcode, ref int p, List<LineRow> rows)
    {
        switch (opcode)
        {
            case 1:
                Append(rows, false);
                break;
            case 2:
                _address += ReadUnsigned(_data, ref p) * minimumLength;
                break;
            case 3:
                _line += (int)ReadSigned(_data, ref p);
                break;
            case 4:
                _file = (int)ReadUnsigned(_data, ref p);
                break;
            case 8:
                _address += (ulong)((255 - opcodeBase) / lineRange * minimumLength);
                break;
            case 9:
                _address += BinaryPrimitives.ReadUInt16LittleEndian(_data[p..]);
                p += 2;
                break;
            default:
                for (int i = 0; i < _lengths[opcode - 1]; i++)
                {
                    ReadUnsigned(_data, ref p);
                }

                break;
        }
    }

    private readonly void Append(List<LineRow> rows, bool ends) =>
        rows.Add(new LineRow(_section, _address, fileBase + _file, _line, ends));
}

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using Sos.Image.Elf;

namespace Sos.Image.Debugging;

/// <summary>Where an address of an image comes from.</summary>
/// <param name="Method">The C# method.</param>
/// <param name="Offset">Bytes from the method's first instruction.</param>
/// <param name="File">Source file, or null if unknown.</param>
/// <param name="Line">Line in it, 0 if unknown.</param>
public readonly record struct CodeLocation(string Method, ulong Offset, string? File, int Line)
{
    /// <inheritdoc/>
    public override string ToString() => File is null ? $"{Method}+0x{Offset:x}" : $"{Method}+0x{Offset:x} ({File}:{Line})";
}

/// <summary>A method of an image.</summary>
/// <param name="Rva">Its first instruction, relative to the image's base.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="Name">Its C# name.</param>
/// <param name="Symbol">ILC's name for it, or that of a stub.</param>
public sealed record DebugMethod(ulong Rva, ulong Size, string Name, string Symbol);

/// <summary>The debug file of an image: methods and line numbers. An ELF file with an ordinary symbol table, for gdb and
/// objdump.</summary>
public sealed class DebugFile
{
    /// <summary>The largest file, in bytes: many times the methods and lines of the largest image.</summary>
    public const int MaxFileSize = 32 << 20;

    internal const string SectionName = ".sos.debug";
    internal const ulong Magic = 0x31_47_42_44_53_4f_53_00; // "\0SOSDBG1"
    internal const int HeaderSize = 8 + ServiceDescriptor.BuildIdSize + 4 * 4;
    internal const int MethodSize = 16;
    internal const int LineSize = 12;

    private readonly ImmutableArray<(uint Rva, int File, int Line)> _lines;
    private readonly ImmutableArray<string> _files;

    private DebugFile(
        byte[] buildId, ImmutableArray<DebugMethod> methods, ImmutableArray<string> files, ImmutableArray<(uint, int, int)> lines)
    {
        BuildId = buildId;
        Methods = methods;
        _files = files;
        _lines = lines;
    }

    /// <summary>The image's build id.</summary>
    public ReadOnlyMemory<byte> BuildId { get; }

    /// <summary>All methods, by address.</summary>
    public ImmutableArray<DebugMethod> Methods { get; }

    /// <summary>Whether it belongs to an image.</summary>
    public bool Matches(ServiceImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return BuildId.Span.SequenceEqual(image.BuildId.Span);
    }

    /// <summary>Reads a debug file.</summary>
    /// <exception cref="ImageFormatException">It is none, or it is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static DebugFile Read(string path)
    {
        ServiceImage.RequireFileSize(new FileInfo(path).Length, MaxFileSize);
        return Read(File.ReadAllBytes(path));
    }

    /// <summary>Reads a debug file in memory.</summary>
    /// <exception cref="ImageFormatException">It is none, or it is damaged.</exception>
    public static DebugFile Read(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> data = FindSection(file.Span);
        if (data.Length < HeaderSize || BinaryPrimitives.ReadUInt64LittleEndian(data) != Magic)
        {
            throw new ImageFormatException(ImageFormatError.WrongType, "not a debug file of a service image");
        }

        byte[] buildId = data.Slice(8, ServiceDescriptor.BuildIdSize).ToArray();
        ReadOnlySpan<byte> counts = data[(8 + ServiceDescriptor.BuildIdSize)..];
        uint methods = BinaryPrimitives.ReadUInt32LittleEndian(counts);
        uint files = BinaryPrimitives.ReadUInt32LittleEndian(counts[4..]);
        uint lines = BinaryPrimitives.ReadUInt32LittleEndian(counts[8..]);
        uint textSize = BinaryPrimitives.ReadUInt32LittleEndian(counts[12..]);
        ulong needed = HeaderSize + (ulong)methods * MethodSize + (ulong)files * 4 + (ulong)lines * LineSize + textSize;
        if (needed > (ulong)data.Length)
        {
            throw new ImageFormatException(ImageFormatError.Truncated, "the debug file ends too early");
        }

        ReadOnlySpan<byte> at = data[HeaderSize..];
        Names names = new(data.Slice((int)(needed - textSize), (int)textSize));
        ImmutableArray<DebugMethod>.Builder m = ImmutableArray.CreateBuilder<DebugMethod>((int)methods);
        for (int i = 0; i < methods; i++, at = at[MethodSize..])
        {
            m.Add(new DebugMethod(
                BinaryPrimitives.ReadUInt32LittleEndian(at), BinaryPrimitives.ReadUInt32LittleEndian(at[4..]),
                names.At(BinaryPrimitives.ReadUInt32LittleEndian(at[8..])), names.At(BinaryPrimitives.ReadUInt32LittleEndian(at[12..]))));
        }

        ImmutableArray<string>.Builder f = ImmutableArray.CreateBuilder<string>((int)files);
        for (int i = 0; i < files; i++, at = at[4..])
        {
            f.Add(names.At(BinaryPrimitives.ReadUInt32LittleEndian(at)));
        }

        ImmutableArray<(uint, int, int)>.Builder l = ImmutableArray.CreateBuilder<(uint, int, int)>((int)lines);
        for (int i = 0; i < lines; i++, at = at[LineSize..])
        {
            l.Add((BinaryPrimitives.ReadUInt32LittleEndian(at), BinaryPrimitives.ReadInt32LittleEndian(at[4..]),
                BinaryPrimitives.ReadInt32LittleEndian(at[8..])));
        }

        return new DebugFile(buildId, m.ToImmutable(), f.ToImmutable(), l.ToImmutable());
    }

    /// <summary>The method and line of an address relative to the image's base, or null outside of all methods.</summary>
    public CodeLocation? Resolve(ulong rva)
    {
        DebugMethod? method = MethodAt(rva);
        if (method is null)
        {
            return null;
        }

        int low = 0, high = _lines.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _lines[middle].Rva <= rva ? (middle + 1, high) : (low, middle);
        }

        if (low > 0 && _lines[low - 1].Rva >= method.Rva && (uint)_lines[low - 1].File < (uint)_files.Length
            && _lines[low - 1].Line > 0)
        {
            return new CodeLocation(method.Name, rva - method.Rva, _files[_lines[low - 1].File], _lines[low - 1].Line);
        }

        return new CodeLocation(method.Name, rva - method.Rva, null, 0);
    }

    /// <summary>The method that holds an address, or null.</summary>
    public DebugMethod? MethodAt(ulong rva)
    {
        int low = 0, high = Methods.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = Methods[middle].Rva <= rva ? (middle + 1, high) : (low, middle);
        }

        return low > 0 && rva - Methods[low - 1].Rva < Math.Max(1, Methods[low - 1].Size) ? Methods[low - 1] : null;
    }

    /// <summary>
    /// The names of a debug file. Each stands there once, so that together they have no more letters than their text has bytes; of a file in which they lie in
    /// each other, a few megabytes could stand for terabytes.
    /// </summary>
    private ref struct Names(ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private readonly Dictionary<uint, string> _known = [];
        private int _left = text.Length;

        public string At(uint offset)
        {
            if (!_known.TryGetValue(offset, out string? name))
            {
                name = ElfObject.ReadString(_text, offset);
                _left -= name.Length;
                _known.Add(offset, _left >= 0 ? name
                    : throw new ImageFormatException(ImageFormatError.BadSymbol, "the names of the debug file lie in each other"));
            }

            return name;
        }
    }

    private static ReadOnlySpan<byte> FindSection(ReadOnlySpan<byte> file)
    {
        if (file.Length < ElfFormat.HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(file) != ElfFormat.Magic)
        {
            throw new ImageFormatException(ImageFormatError.NotElf, "not an ELF file");
        }

        // The section is the first behind the empty one; its magic number says whether it is there.
        ulong headers = BinaryPrimitives.ReadUInt64LittleEndian(file[40..]);
        if (headers > (ulong)file.Length || (ulong)file.Length - headers < 2 * ElfFormat.SectionHeaderSize)
        {
            throw new ImageFormatException(ImageFormatError.Truncated, "the file ends within its section headers");
        }

        ReadOnlySpan<byte> h = file[((int)headers + ElfFormat.SectionHeaderSize)..];
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(h[24..]);
        ulong size = BinaryPrimitives.ReadUInt64LittleEndian(h[32..]);
        return offset > (ulong)file.Length || size > (ulong)file.Length - offset
            ? throw new ImageFormatException(ImageFormatError.Truncated, "the file ends within its debug section")
            : file.Slice((int)offset, (int)size);
    }
}

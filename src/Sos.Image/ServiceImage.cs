using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using Sos.Image.Elf;
using Sos.Image.Ports;

namespace Sos.Image;

/// <summary>
/// A service image that was read and checked: segments, relocations, entry point and descriptor can be used without further
/// checks. The machine code in it is not verified by this; see <see cref="Verification.ImageVerifier"/>.
/// </summary>
public sealed class ServiceImage
{
    /// <summary>The most memory that an image may take, in bytes: the distance to the stack's address is far larger.</summary>
    public const ulong MaxMemorySize = 64 << 20;

    /// <summary>The largest file, in bytes: all memory that an image may take, and as much again for what is not loaded.</summary>
    public const int MaxFileSize = 128 << 20;

    internal const string NoteOwner = "SOS";
    internal const uint NoteDescriptor = 1;
    internal const uint NotePorts = 2;
    internal const int MaxSegments = 16;

    /// <summary>Program headers of a file, those included that mean nothing here: an image has 5.</summary>
    private const int MaxProgramHeaders = 64;

    /// <summary>Bytes of one segment of notes: the builder writes less than 1 KiB.</summary>
    private const int MaxNotesSize = 64 << 10;

    private ServiceImage(
        ulong entry, ServiceDescriptor descriptor, PortWishes ports, byte[] buildId, ImmutableArray<ImageSegment> segments,
        ImmutableArray<ImageRelocation> relocations, int fileSize)
    {
        Entry = entry;
        Descriptor = descriptor;
        Ports = ports;
        BuildId = buildId;
        Segments = segments;
        Relocations = relocations;
        FileSize = fileSize;
    }

    /// <summary>Address of the first instruction, relative to the image's base.</summary>
    public ulong Entry { get; }

    /// <summary>The image's description of itself.</summary>
    public ServiceDescriptor Descriptor { get; }

    /// <summary>The ports that the service wants.</summary>
    public PortWishes Ports { get; }

    /// <summary>20 bytes that identify the contents; the debug file has the same.</summary>
    public ReadOnlyMemory<byte> BuildId { get; }

    /// <summary>The segments in ascending order of address, none overlapping.</summary>
    public ImmutableArray<ImageSegment> Segments { get; }

    /// <summary>The relocations in ascending order of address; none lies in code.</summary>
    public ImmutableArray<ImageRelocation> Relocations { get; }

    /// <summary>Bytes of the file.</summary>
    public int FileSize { get; }

    /// <summary>Whether the verifier accepted it. What is loaded must be.</summary>
    public bool IsAccepted { get; internal set; }

    /// <summary>Bytes from the image's base to the end of its last page.</summary>
    public ulong MemorySize => Segments[^1].Rva + Segments[^1].MappedSize;

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="ImageFormatException">It is no well-formed image.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static ServiceImage Read(string path)
    {
        RequireFileSize(new FileInfo(path).Length, MaxFileSize);
        return Read(File.ReadAllBytes(path));
    }

    /// <summary>Reads and checks an image in memory, which must not be changed afterwards.</summary>
    /// <exception cref="ImageFormatException">It is no well-formed image.</exception>
    public static ServiceImage Read(ReadOnlyMemory<byte> file)
    {
        RequireFileSize(file.Length, MaxFileSize);
        ReadOnlySpan<byte> header = Slice(file, 0, ElfFormat.HeaderSize, "ELF header").Span;
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != ElfFormat.Magic || header[4] != ElfFormat.Class64
            || header[5] != ElfFormat.LittleEndian)
        {
            throw new ImageFormatException(ImageFormatError.NotElf, "not a 64-bit little-endian ELF file");
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(header[16..]) != ElfFormat.TypeDynamic
            || BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) != ElfFormat.MachineX64)
        {
            throw new ImageFormatException(ImageFormatError.WrongType, "not a position-independent x86-64 file");
        }

        List<ImageSegment> segments = [];
        (ulong Rva, ulong Size)? dynamic = null;
        ReadOnlyMemory<byte> descriptorBytes = default;
        int descriptorAt = 0;
        PortWishes? ports = null;
        foreach (ProgramHeader p in ReadProgramHeaders(file, header))
        {
            switch (p.Type)
            {
                case ElfFormat.SegmentLoad:
                    segments.Add(CheckSegment(file, p));
                    break;
                case ElfFormat.SegmentDynamic when dynamic is not null:
                    throw new ImageFormatException(ImageFormatError.BadSegment, "two dynamic segments");
                case ElfFormat.SegmentDynamic:
                    dynamic = (p.Rva, p.MemorySize);
                    break;
                case ElfFormat.SegmentNote:
                    ReadNotes(file, p, ref descriptorBytes, ref descriptorAt, ref ports);
                    break;
            }
        }

        CheckLayout(segments);
        if (descriptorBytes.IsEmpty)
        {
            throw new ImageFormatException(ImageFormatError.BadDescriptor, "no service descriptor: this is no service image");
        }

        ServiceDescriptor descriptor = ServiceDescriptor.Parse(descriptorBytes.Span);
        byte[] buildId = descriptorBytes.Span.Slice(ServiceDescriptor.BuildIdOffset, ServiceDescriptor.BuildIdSize).ToArray();
        ulong entry = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        if (!segments.Any(s => s.Contains(entry) && s.Protection.HasFlag(SegmentProtection.Execute)))
        {
            throw new ImageFormatException(ImageFormatError.BadEntry, $"the entry point 0x{entry:x} lies outside of the code");
        }

        // The loader writes it: in code it would change what the verifier has seen.
        if (descriptor.IsaVariableRva != 0 && !segments.Any(s => HoldsPointer(s, descriptor.IsaVariableRva)
            && !s.Protection.HasFlag(SegmentProtection.Execute)))
        {
            throw new ImageFormatException(ImageFormatError.BadDescriptor,
                "the instruction set variable lies outside of the data");
        }

        if (!ComputeBuildId(file.Span, descriptorAt + ServiceDescriptor.BuildIdOffset).AsSpan().SequenceEqual(buildId))
        {
            throw new ImageFormatException(ImageFormatError.BadBuildId,
                "the file's contents do not match its build id: it was changed or damaged");
        }

        ImmutableArray<ImageSegment> result = [.. segments];
        return new ServiceImage(
            entry, descriptor, ports ?? PortWishes.Default, buildId, result, ReadRelocations(result, dynamic), file.Length);
    }

    /// <summary>The image's bytes from the file at an address relative to its base; empty outside of the file's data.</summary>
    public ReadOnlySpan<byte> BytesAt(ulong rva)
    {
        foreach (ImageSegment s in Segments)
        {
            if (s.Contains(rva) && rva - s.Rva < (ulong)s.Data.Length)
            {
                return s.Data.Span[(int)(rva - s.Rva)..];
            }
        }

        return default;
    }

    /// <summary>The segment that holds an address relative to the image's base, or null.</summary>
    public ImageSegment? SegmentAt(ulong rva) => Segments.FirstOrDefault(s => s.Contains(rva));

    /// <summary>The build id of a file: a hash of all of its bytes, those of the build id itself taken as zero.</summary>
    internal static byte[] ComputeBuildId(ReadOnlySpan<byte> file, int buildIdAt)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(file[..buildIdAt]);
        hash.AppendData(new byte[ServiceDescriptor.BuildIdSize]);
        hash.AppendData(file[(buildIdAt + ServiceDescriptor.BuildIdSize)..]);
        return hash.GetHashAndReset()[..ServiceDescriptor.BuildIdSize];
    }

    /// <summary>Refuses the file of an image, or its debug file, before it is read into memory.</summary>
    internal static void RequireFileSize(long size, int most)
    {
        if (size > most)
        {
            throw new ImageFormatException(ImageFormatError.TooLarge, $"the file has {size} bytes, more than the {most} of the largest that is read");
        }
    }

    private readonly record struct ProgramHeader(uint Type, uint Flags, ulong Offset, ulong Rva, ulong FileSize,
        ulong MemorySize);

    private static ProgramHeader[] ReadProgramHeaders(ReadOnlyMemory<byte> file, ReadOnlySpan<byte> header)
    {
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        if (BinaryPrimitives.ReadUInt16LittleEndian(header[54..]) != ElfFormat.ProgramHeaderSize)
        {
            throw new ImageFormatException(ImageFormatError.NotElf, "program headers of a strange size");
        }

        if (count > MaxProgramHeaders)
        {
            throw new ImageFormatException(ImageFormatError.TooLarge, $"{count} program headers, more than the {MaxProgramHeaders} that are read");
        }

        ReadOnlySpan<byte> headers = Slice(file, table, (ulong)count * ElfFormat.ProgramHeaderSize, "program headers").Span;
        ProgramHeader[] result = new ProgramHeader[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> p = headers.Slice(i * ElfFormat.ProgramHeaderSize, ElfFormat.ProgramHeaderSize);
            result[i] = new ProgramHeader(
                BinaryPrimitives.ReadUInt32LittleEndian(p), BinaryPrimitives.ReadUInt32LittleEndian(p[4..]),
                BinaryPrimitives.ReadUInt64LittleEndian(p[8..]), BinaryPrimitives.ReadUInt64LittleEndian(p[16..]),
                BinaryPrimitives.ReadUInt64LittleEndian(p[32..]), BinaryPrimitives.ReadUInt64LittleEndian(p[40..]));
        }

        return result;
    }

    private static ImageSegment CheckSegment(ReadOnlyMemory<byte> file, ProgramHeader p)
    {
        const uint known = ElfFormat.FlagRead | ElfFormat.FlagWrite | ElfFormat.FlagExecute;
        // The first page stays empty: address 0 means "none".
        if (p.Rva % ImageSegment.PageSize != 0 || p.Rva == 0 || p.MemorySize == 0 || p.FileSize > p.MemorySize || p.Rva > MaxMemorySize
            || p.MemorySize > MaxMemorySize - p.Rva || (p.Flags & ElfFormat.FlagRead) == 0 || (p.Flags & ~known) != 0)
        {
            throw new ImageFormatException(ImageFormatError.BadSegment,
                $"the segment at 0x{p.Rva:x} has an illegal address, size or protection");
        }

        if ((p.Flags & ElfFormat.FlagWrite) != 0 && (p.Flags & ElfFormat.FlagExecute) != 0)
        {
            throw new ImageFormatException(ImageFormatError.WritableCode,
                $"the segment at 0x{p.Rva:x} is writable and executable");
        }

        return new ImageSegment(p.Rva, p.MemorySize, Slice(file, p.Offset, p.FileSize, "segment data"),
            (SegmentProtection)p.Flags);
    }

    private static void CheckLayout(List<ImageSegment> segments)
    {
        if (segments.Count is 0 or > MaxSegments)
        {
            throw new ImageFormatException(ImageFormatError.BadSegment, $"{segments.Count} segments, not 1 to {MaxSegments}");
        }

        for (int i = 1; i < segments.Count; i++)
        {
            if (segments[i].Rva < segments[i - 1].Rva + segments[i - 1].MappedSize)
            {
                throw new ImageFormatException(ImageFormatError.BadSegment,
                    $"the segment at 0x{segments[i].Rva:x} overlaps another or is out of order");
            }
        }
    }

    private static void ReadNotes(ReadOnlyMemory<byte> file, ProgramHeader p, ref ReadOnlyMemory<byte> descriptor,
        ref int descriptorAt, ref PortWishes? ports)
    {
        if (p.FileSize > MaxNotesSize)
        {
            throw new ImageFormatException(ImageFormatError.TooLarge, $"{p.FileSize} bytes of notes, more than the {MaxNotesSize} that are read");
        }

        ReadOnlyMemory<byte> notes = Slice(file, p.Offset, p.FileSize, "notes");
        int at = 0;
        while (at + 12 <= notes.Length)
        {
            ReadOnlySpan<byte> note = notes.Span[at..];
            uint nameSize = BinaryPrimitives.ReadUInt32LittleEndian(note);
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(note[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(note[8..]);
            ulong dataAt = 12 + ((ulong)nameSize + 3) / 4 * 4;
            ulong next = dataAt + ((ulong)size + 3) / 4 * 4;
            if (dataAt + size > (ulong)note.Length)
            {
                throw new ImageFormatException(ImageFormatError.Truncated, "a note is longer than its segment");
            }

            bool ours = note.Slice(12, (int)nameSize).SequenceEqual("SOS\0"u8);
            if (type == NotePorts && ours)
            {
                ports = ports is null
                    ? PortWishes.Parse(note.Slice((int)dataAt, (int)size))
                    : throw new ImageFormatException(ImageFormatError.BadPorts, "two notes of ports");
            }

            if (type == NoteDescriptor && ours)
            {
                if (!descriptor.IsEmpty)
                {
                    throw new ImageFormatException(ImageFormatError.BadDescriptor, "two service descriptors");
                }

                descriptor = notes.Slice(at + (int)dataAt, (int)size);
                descriptorAt = (int)p.Offset + at + (int)dataAt;
            }

            if (next > (ulong)(notes.Length - at))
            {
                return;
            }

            at += (int)next;
        }
    }

    private static ImmutableArray<ImageRelocation> ReadRelocations(ImmutableArray<ImageSegment> segments,
        (ulong Rva, ulong Size)? dynamic)
    {
        if (dynamic is not { } d)
        {
            return [];
        }

        ulong rela = 0, size = 0;
        for (ReadOnlySpan<byte> entries = FileBytes(segments, d.Rva,
            d.Size); entries.Length >= ElfFormat.DynSize; entries = entries[ElfFormat.DynSize..])
        {
            long tag = BinaryPrimitives.ReadInt64LittleEndian(entries);
            ulong value = BinaryPrimitives.ReadUInt64LittleEndian(entries[8..]);
            rela = tag == ElfFormat.DynamicRela ? value : rela;
            size = tag == ElfFormat.DynamicRelaSize ? value : size;
            if (tag == ElfFormat.DynamicNull)
            {
                break;
            }
        }

        if (size == 0)
        {
            return [];
        }

        ReadOnlySpan<byte> table = FileBytes(segments, rela, size);
        ImmutableArray<ImageRelocation>.Builder result =
            ImmutableArray.CreateBuilder<ImageRelocation>(table.Length / ElfFormat.RelaSize);
        for (; table.Length >= ElfFormat.RelaSize; table = table[ElfFormat.RelaSize..])
        {
            result.Add(CheckRelocation(segments, table, result));
        }

        return result.ToImmutable();
    }

    private static ImageRelocation CheckRelocation(
        ImmutableArray<ImageSegment> segments, ReadOnlySpan<byte> entry, ImmutableArray<ImageRelocation>.Builder before)
    {
        ImageRelocation r = new(BinaryPrimitives.ReadUInt64LittleEndian(entry),
            BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]));
        ulong info = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]);
        if (info != ElfFormat.RelocationRelative)
        {
            throw new ImageFormatException(ImageFormatError.BadRelocation, $"relocation of type {(uint)info} at 0x{r.Rva:x}");
        }

        ImageSegment? segment = segments.FirstOrDefault(s => HoldsPointer(s, r.Rva));
        ulong end = segments[^1].End;
        if (segment is null || r.Addend > end || (before.Count > 0 && r.Rva < before[^1].Rva + 8))
        {
            throw new ImageFormatException(ImageFormatError.BadRelocation,
                $"relocation at 0x{r.Rva:x} is out of range or out of order");
        }

        return segment.Protection.HasFlag(SegmentProtection.Execute)
            ? throw new ImageFormatException(ImageFormatError.RelocationInCode, $"relocation at 0x{r.Rva:x} changes code")
            : r;
    }

    private static bool HoldsPointer(ImageSegment s, ulong rva) => s.Contains(rva) && s.End - rva >= 8;

    private static ReadOnlySpan<byte> FileBytes(ImmutableArray<ImageSegment> segments, ulong rva, ulong size)
    {
        foreach (ImageSegment s in segments)
        {
            if (s.Contains(rva) && rva - s.Rva <= (ulong)s.Data.Length && size <= (ulong)s.Data.Length - (rva - s.Rva))
            {
                return s.Data.Span.Slice((int)(rva - s.Rva), (int)size);
            }
        }

        throw new ImageFormatException(ImageFormatError.Truncated, $"0x{size:x} bytes at 0x{rva:x} are in no segment");
    }

    private static ReadOnlyMemory<byte> Slice(ReadOnlyMemory<byte> file, ulong offset, ulong size, string what) =>
        offset > (ulong)file.Length || size > (ulong)file.Length - offset
            ? throw new ImageFormatException(ImageFormatError.Truncated, $"the file ends within its {what}")
            : file.Slice((int)offset, (int)size);
}

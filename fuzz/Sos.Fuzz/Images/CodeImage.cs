using System;
using System.Buffers.Binary;
using System.IO;
using Iced.Intel;
using Sos.Image;
using Sos.Image.Elf;

namespace Sos.Fuzz.Images;

/// <summary>
/// Makes images of machine code that no compiler writes. The code lies at 0x1000, read-only data at 0x2000 or the next free page, and
/// behind it an entry that calls the code and then leaves by the gate.
/// </summary>
internal static class CodeImage
{
    public const ulong CodeRva = 0x1000;
    public const ulong DataRva = 0x2000;

    /// <summary>Where in the file the descriptor stands.</summary>
    public const int DescriptorAt = ElfFormat.HeaderSize + (Headers * ElfFormat.ProgramHeaderSize) + NoteHeader;

    private const int Headers = 5;
    private const int NoteHeader = 16;

    /// <summary>Bytes of the call at the entry.</summary>
    private const int CallSize = 5;

    /// <summary>Makes an image.</summary>
    /// <param name="code">The machine code, a function.</param>
    /// <param name="data">Read-only data.</param>
    /// <param name="descriptor">What the image says of itself.</param>
    /// <param name="codeFlags">The protection of the code.</param>
    /// <param name="entry">The entry; 0 for one that calls the code.</param>
    /// <param name="hasDynamic">Whether the data begins with a dynamic segment of 64 bytes.</param>
    public static byte[] Create(byte[] code, byte[] data, ServiceDescriptor? descriptor = null,
        uint codeFlags = ElfFormat.FlagRead | ElfFormat.FlagExecute, ulong entry = 0, bool hasDynamic = false)
    {
        ulong dataRva = code.Length == 0 ? DataRva : PageEnd(CodeRva + (ulong)code.Length);
        ulong entryRva = PageEnd(dataRva + (ulong)data.Length);
        byte[] start = Start(entryRva);
        ElfFileWriter file = new(ElfFormat.TypeDynamic, entry == 0 ? entryRva : entry);
        descriptor ??= new ServiceDescriptor(ServiceDescriptor.CurrentAbi, 65536, 0, 0, 0, 0, "test", "1");
        byte[] note = Note(descriptor.ToBytes(new byte[ServiceDescriptor.BuildIdSize]));
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentLoad, codeFlags, CodeRva, CodeRva, code, (ulong)code.Length, ImageSegment.PageSize));
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentLoad, ElfFormat.FlagRead, dataRva, dataRva, data, (ulong)data.Length,
            ImageSegment.PageSize));
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentLoad, ElfFormat.FlagRead | ElfFormat.FlagExecute, entryRva, entryRva, start,
            (ulong)start.Length, ImageSegment.PageSize));
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentNote, ElfFormat.FlagRead, DescriptorAt - NoteHeader, 0, note, (ulong)note.Length, 4));
        file.AddSegment(hasDynamic ? new ElfSegmentPlan(ElfFormat.SegmentDynamic, ElfFormat.FlagRead, dataRva, dataRva, [], 64, 8)
            : new ElfSegmentPlan(0, 0, 0, 0, [], 0, 1));
        byte[] bytes = file.ToArray();
        Seal(bytes);
        return bytes;
    }

    /// <summary>Writes the build id that belongs to the contents.</summary>
    public static void Seal(byte[] bytes)
    {
        int at = DescriptorAt + ServiceDescriptor.BuildIdOffset;
        ServiceImage.ComputeBuildId(bytes, at).CopyTo(bytes.AsSpan(at));
    }

    /// <summary>Assembles code for the address at which it will lie.</summary>
    public static byte[] Assemble(Action<Assembler> write)
    {
        Assembler assembler = new(64);
        write(assembler);
        using MemoryStream stream = new();
        assembler.Assemble(new StreamCodeWriter(stream), CodeRva);
        return stream.ToArray();
    }

    private static ulong PageEnd(ulong rva) => (rva + ImageSegment.PageSize - 1) / ImageSegment.PageSize * ImageSegment.PageSize;

    /// <summary>call code; mov eax, SOS_GATE_EXIT; int SOS_GATE_VECTOR; ud2.</summary>
    private static byte[] Start(ulong rva)
    {
        byte[] start = [0xe8, 0, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0xcd, 0x20, 0x0f, 0x0b];
        BinaryPrimitives.WriteInt32LittleEndian(start.AsSpan(1), (int)((long)CodeRva - (long)rva - CallSize));
        return start;
    }

    private static byte[] Note(byte[] descriptor)
    {
        byte[] note = new byte[NoteHeader + descriptor.Length];
        BinaryPrimitives.WriteInt32LittleEndian(note, 4);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(4), descriptor.Length);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(8), (int)ServiceImage.NoteDescriptor);
        "SOS\0"u8.CopyTo(note.AsSpan(12));
        descriptor.CopyTo(note, NoteHeader);
        return note;
    }
}

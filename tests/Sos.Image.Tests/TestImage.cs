using System;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO;
using Iced.Intel;
using Sos.Image.Elf;
using Sos.Image.Verification;

namespace Sos.Image.Tests;

/// <summary>Makes images of hand-written code, for what C# cannot express. Code lies at 0x1000, which is the entry, data at
/// 0x2000.</summary>
internal static class TestImage
{
    public const ulong CodeRva = 0x1000;
    public const ulong DataRva = 0x2000;
    private const int NoteHeader = 16;

    public static byte[] Create(
        byte[] code, byte[]? data = null, uint codeFlags = ElfFormat.FlagRead | ElfFormat.FlagExecute, ulong entry = CodeRva,
            byte[]? dynamic = null)
    {
        ElfFileWriter file = new(ElfFormat.TypeDynamic, entry);
        byte[] descriptor = new ServiceDescriptor(1, 65536, 0, 0, 0, 0, "test",
            "1").ToBytes(new byte[ServiceDescriptor.BuildIdSize]);
        byte[] note = new byte[NoteHeader + descriptor.Length];
        BinaryPrimitives.WriteInt32LittleEndian(note, 4);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(4), descriptor.Length);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(8), 1);
        "SOS\0"u8.CopyTo(note.AsSpan(12));
        descriptor.CopyTo(note, NoteHeader);
        byte[] table = dynamic ?? data ?? new byte[8];
        const ulong noteAt = ElfFormat.HeaderSize + 4 * ElfFormat.ProgramHeaderSize;
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentLoad, codeFlags, 0x1000, CodeRva, code, (ulong)code.Length, 4096));
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentLoad, ElfFormat.FlagRead, 0x2000, DataRva, table,
            (ulong)table.Length, 4096));
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentNote, ElfFormat.FlagRead, noteAt, 0, note, (ulong)note.Length, 4));
        file.AddSegment(dynamic is null
            ? new ElfSegmentPlan(0, 0, 0, 0, [], 0, 1)
            : new ElfSegmentPlan(ElfFormat.SegmentDynamic, ElfFormat.FlagRead, 0x2000, DataRva, [], 64, 8));
        byte[] bytes = file.ToArray();
        Seal(bytes, (int)noteAt + NoteHeader);
        return bytes;
    }

    /// <summary>Writes the build id that belongs to the contents.</summary>
    public static void Seal(byte[] bytes, int descriptorAt)
    {
        int at = descriptorAt + ServiceDescriptor.BuildIdOffset;
        ServiceImage.ComputeBuildId(bytes, at).CopyTo(bytes.AsSpan(at));
    }

    public static byte[] Assemble(Action<Assembler> write)
    {
        Assembler assembler = new(64);
        write(assembler);
        using MemoryStream stream = new();
        assembler.Assemble(new StreamCodeWriter(stream), CodeRva);
        return stream.ToArray();
    }

    public static ImmutableArray<ImageDiagnostic> Verify(byte[] code, byte[]? data = null) =>
        ImageVerifier.Verify(ServiceImage.Read(Create(code, data)));
}

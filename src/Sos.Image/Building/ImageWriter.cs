using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;
using Sos.Image.Elf;

namespace Sos.Image.Building;

/// <summary>Writes a laid-out image as an ELF file. The same input gives the same bytes.</summary>
internal static class ImageWriter
{
    private const int NoteHeaderSize = 16;

    public static byte[] Write(ImageLayout layout, ImageOptions options, Atom? isaVariable)
    {
        ServiceDescriptor descriptor = new(
            ServiceDescriptor.CurrentAbi, options.StackSize, (uint)options.AsksFor, options.ArenaSize, options.PollBoundNs, isaVariable?.Rva ?? 0,
            options.Name, options.Version);
        byte[] note = Note(ServiceImage.NoteDescriptor, descriptor.ToBytes(new byte[ServiceDescriptor.BuildIdSize]));
        note = options.Ports is { } ports ? [.. note, .. Note(ServiceImage.NotePorts, ports.ToBytes())] : note;
        List<ElfSegmentPlan> plans = Plan(layout, note.Length);
        ElfFileWriter file = new(ElfFormat.TypeDynamic, layout.Start.Rva);
        foreach (ElfSegmentPlan plan in plans)
        {
            file.AddSegment(plan);
        }

        ulong noteOffset = (ulong)(ElfFormat.HeaderSize + (plans.Count + 3) * ElfFormat.ProgramHeaderSize);
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentNote, ElfFormat.FlagRead, noteOffset, 0, note, (ulong)note.Length,
            4));
        file.AddSegment(new ElfSegmentPlan(ElfFormat.SegmentGnuStack, ElfFormat.FlagRead | ElfFormat.FlagWrite, 0, 0, [], 0, 16));
        file.AddSegment(layout.DynamicSize == 0
            ? new ElfSegmentPlan(0, 0, 0, 0, [], 0, 1)
            : new ElfSegmentPlan(ElfFormat.SegmentDynamic, ElfFormat.FlagRead, OffsetOf(plans, layout.DynamicRva),
                layout.DynamicRva, [],
                layout.DynamicSize, 8));
        AddSections(file, layout, plans, noteOffset, note.Length);
        byte[] bytes = file.ToArray();
        int idAt = (int)noteOffset + NoteHeaderSize + ServiceDescriptor.BuildIdOffset;
        ServiceImage.ComputeBuildId(bytes, idAt).CopyTo(bytes.AsSpan(idAt));
        return bytes;
    }

    private static List<ElfSegmentPlan> Plan(ImageLayout layout, int noteSize)
    {
        List<ElfSegmentPlan> plans = [];
        ulong offset = ImageSegment.PageSize;
        if ((ulong)(ElfFormat.HeaderSize + 6 * ElfFormat.ProgramHeaderSize + noteSize) > offset)
        {
            throw new InvalidOperationException("the headers do not fit into the first page");
        }

        void Add(LaidOutSegment s, uint flags)
        {
            if (s.MemorySize != 0)
            {
                plans.Add(new ElfSegmentPlan(ElfFormat.SegmentLoad, flags, offset, s.Rva, s.Data, s.MemorySize,
                    ImageSegment.PageSize));
                offset = ImageLayout.Align(offset + (ulong)s.Data.Length, ImageSegment.PageSize);
            }
        }

        Add(layout.Code, ElfFormat.FlagRead | ElfFormat.FlagExecute);
        Add(layout.ReadOnlyData, ElfFormat.FlagRead);
        Add(layout.Data, ElfFormat.FlagRead | ElfFormat.FlagWrite);
        return plans;
    }

    private static void AddSections(ElfFileWriter file, ImageLayout layout, List<ElfSegmentPlan> plans, ulong noteOffset,
        int noteSize)
    {
        file.AddSection(".note.sos", ElfFormat.SectionNote, 0, 0, noteOffset, (ulong)noteSize, 4);
        const ulong alloc = ElfFormat.SectionAlloc;
        file.AddSection(".text", ElfFormat.SectionProgBits, alloc | ElfFormat.SectionExecute, layout.Code.Rva,
            OffsetOf(plans, layout.Code.Rva), layout.Code.MemorySize, 16);
        if (layout.ReadOnlyData.MemorySize != 0)
        {
            ulong start = layout.ReadOnlyData.Rva;
            ulong offset = OffsetOf(plans, start);
            file.AddSection(".rodata", ElfFormat.SectionProgBits, alloc, start, offset, layout.RelaRva - start, 16);
        }

        if (layout.DynamicSize != 0)
        {
            ulong start = layout.ReadOnlyData.Rva;
            ulong offset = OffsetOf(plans, start);
            file.AddSection(".rela.dyn", ElfFormat.SectionRela, alloc, layout.RelaRva, offset + (layout.RelaRva - start),
                layout.RelaSize, 8,
                ElfFormat.RelaSize);
            file.AddSection(".dynamic", ElfFormat.SectionDynamic, alloc, layout.DynamicRva, offset + (layout.DynamicRva - start),
                layout.DynamicSize, 8, ElfFormat.DynSize);
        }

        if (layout.Data.MemorySize != 0)
        {
            ulong fileSize = (ulong)layout.Data.Data.Length;
            ulong offset = OffsetOf(plans, layout.Data.Rva);
            file.AddSection(".data", ElfFormat.SectionProgBits, alloc | ElfFormat.SectionWrite, layout.Data.Rva, offset,
                fileSize, 16);
            file.AddSection(".bss", ElfFormat.SectionNoBits, alloc | ElfFormat.SectionWrite, layout.Data.Rva + fileSize,
                offset + fileSize,
                layout.Data.MemorySize - fileSize, 16);
        }
    }

    private static ulong OffsetOf(List<ElfSegmentPlan> plans, ulong rva)
    {
        foreach (ElfSegmentPlan p in plans)
        {
            if (rva >= p.Rva && rva < p.Rva + p.MemorySize)
            {
                return p.Offset + (rva - p.Rva);
            }
        }

        return 0;
    }

    private static byte[] Note(uint type, byte[] data)
    {
        byte[] owner = Encoding.ASCII.GetBytes(ServiceImage.NoteOwner + "\0");
        byte[] note = new byte[NoteHeaderSize + (data.Length + 3) / 4 * 4];
        BinaryPrimitives.WriteInt32LittleEndian(note, owner.Length);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(4), data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(8), type);
        owner.CopyTo(note, 12);
        data.CopyTo(note, NoteHeaderSize);
        return note;
    }
}

using System;
using System.Buffers.Binary;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.View;

/// <summary>
/// Linux's memory as an ELF core file (ELF-64 object file format, "Program header"; as the kernel itself makes them for kdump): the kernel's notes, the
/// registers of its CPUs, a segment for its image, and one for each range of memory. The file is never whole anywhere: any part of it is made when it is asked
/// for, so that a transfer can be taken up again.
/// </summary>
public readonly struct CoreFile
{
    private const int HeaderSize = 64;
    private const int SegmentSize = 56;
    private const ulong PageSize = 4096;
    private const int NoteHeaderSize = 12;
    private const ulong NotesMax = 64 << 10;
    private const ulong ImageBase = 0xffff_ffff_8000_0000;
    private const uint SegmentLoad = 1;
    private const uint SegmentNote = 4;
    private const uint ReadWriteExecute = 7;
    private const ushort TypeCore = 4;
    private const ushort MachineX64 = 62;

    /// <summary>The segments before those of the ranges: notes and image.</summary>
    private const int SegmentsBefore = 2;

    private readonly LinuxPanic _panic;
    private readonly uint _cpus;
    private readonly ulong _notes;
    private readonly ulong _notesSize;
    private readonly ulong _noteFileSize;
    private readonly ulong _notePlace;
    private readonly ulong _data;

    private CoreFile(ref LinuxMemory memory, LinuxPanic panic, ulong notes, ulong notesSize)
    {
        _panic = panic;
        _cpus = panic.CountCpus(ref memory);
        _notes = notes;
        _notesSize = notesSize;
        _noteFileSize = NoteHeaderSize + (ulong)NoteName.Length + Padded(notesSize) + ((ulong)_cpus * CpuNote.Size);
        _notePlace = HeaderSize + ((ulong)(SegmentsBefore + memory.Ranges.Length) * SegmentSize);
        _data = (_notePlace + _noteFileSize + PageSize - 1) & ~(PageSize - 1);
        Size = _data;
        foreach (LinuxRange range in memory.Ranges)
        {
            Size += range.ByteCount;
        }
    }

    /// <summary>Bytes of the file.</summary>
    public ulong Size { get; }

    private static ReadOnlySpan<byte> NoteName => "VMCOREINFO\0\0"u8; // padded to a multiple of 4

    private static ReadOnlySpan<byte> Identification => [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];

    /// <summary>Looks where the kernel's notes are.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="panic">The record of its CPUs' registers.</param>
    /// <param name="file">The file.</param>
    /// <returns>False if they cannot be read: without them a core file is of no use.</returns>
    public static bool TryCreate(ref LinuxMemory memory, LinuxPanic panic, out CoreFile file)
    {
        file = default;
        if (!memory.TryReadVariable(LinuxField.CoreNotes, out ulong notes) || !memory.TryReadVariable(LinuxField.CoreNotesSize, out ulong size)
            || size is 0 or > NotesMax || !memory.TryRead(notes, out byte _))
        {
            return false;
        }

        file = new CoreFile(ref memory, panic, notes, size);
        return true;
    }

    /// <summary>Makes a part of the file. A page that cannot be read is zero in it.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="offset">Where the part begins.</param>
    /// <param name="space">Takes it; not beyond the file's end.</param>
    /// <returns>Bytes of it, at least one before the file's end.</returns>
    public int Read(ref LinuxMemory memory, ulong offset, Span<byte> space)
    {
        if (offset < _data)
        {
            return ReadHead(ref memory, offset, space[..(int)Math.Min((ulong)space.Length, _data - offset)]);
        }

        offset -= _data;
        foreach (LinuxRange range in memory.Ranges)
        {
            if (offset < range.ByteCount)
            {
                // Not over a page's end: one that cannot be read leaves the others as they are.
                ulong address = range.Start + offset;
                ulong count = Math.Min(Math.Min((ulong)space.Length, range.ByteCount - offset), PageSize - (address % PageSize));
                Span<byte> part = space[..(int)count];
                if (!memory.TryReadPhysical(address, part))
                {
                    part.Clear();
                }

                return part.Length;
            }

            offset -= range.ByteCount;
        }

        return 0;
    }

    private int ReadHead(ref LinuxMemory memory, ulong offset, Span<byte> space)
    {
        space.Clear();
        Span<byte> part = stackalloc byte[HeaderSize];
        if (offset < HeaderSize)
        {
            WriteHeader(memory.Ranges.Length, part);
            return Copy(part, offset, space);
        }

        if (offset < _notePlace)
        {
            ulong index = (offset - HeaderSize) / SegmentSize;
            part = part[..SegmentSize];
            WriteSegment(ref memory, (int)index, part);
            return Copy(part, (offset - HeaderSize) % SegmentSize, space);
        }

        ulong within = offset - _notePlace;
        ulong text = NoteHeaderSize + (ulong)NoteName.Length;
        if (within < text)
        {
            part = part[..(int)text];
            BinaryPrimitives.WriteUInt32LittleEndian(part, (uint)NoteName.Length - 1);
            BinaryPrimitives.WriteUInt32LittleEndian(part[4..], (uint)_notesSize);
            BinaryPrimitives.WriteUInt32LittleEndian(part[8..], 0);
            NoteName.CopyTo(part[NoteHeaderSize..]);
            return Copy(part, within, space);
        }

        within -= text;
        return within < _notesSize ? ReadNotes(ref memory, within, space) : ReadRegisters(ref memory, within, space);
    }

    private int ReadNotes(ref LinuxMemory memory, ulong within, Span<byte> space)
    {
        Span<byte> notes = space[..(int)Math.Min((ulong)space.Length, _notesSize - within)];
        if (!memory.TryRead(_notes + within, notes))
        {
            notes.Clear();
        }

        return notes.Length;
    }

    private int ReadRegisters(ref LinuxMemory memory, ulong within, Span<byte> space)
    {
        if (within < Padded(_notesSize))
        {
            return (int)Math.Min((ulong)space.Length, Padded(_notesSize) - within);
        }

        within -= Padded(_notesSize);
        if (within >= (ulong)_cpus * CpuNote.Size)
        {
            return space.Length; // zeroes, up to the first page of memory
        }

        Span<byte> note = stackalloc byte[CpuNote.Size];
        CpuNote.Write(ref memory, _panic, (uint)(within / CpuNote.Size), note);
        return Copy(note, within % CpuNote.Size, space);
    }

    private static ulong Padded(ulong size) => (size + 3) & ~3UL;

    private static int Copy(ReadOnlySpan<byte> part, ulong from, Span<byte> space)
    {
        part = part[(int)from..];
        part = part[..Math.Min(part.Length, space.Length)];
        part.CopyTo(space);
        return part.Length;
    }

    private static void WriteHeader(int ranges, Span<byte> header)
    {
        header.Clear();
        Identification.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], TypeCore);
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], MachineX64);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], SegmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], (ushort)(SegmentsBefore + ranges));
    }

    private void WriteSegment(ref LinuxMemory memory, int index, Span<byte> segment)
    {
        switch (index)
        {
            case 0:
                Write(segment, SegmentNote, _notePlace, 0, 0, _noteFileSize);
                return;
            case 1:
                // The image once more, at the addresses that the kernel's symbols have.
                ulong start = memory.Value(LinuxField.ImageStart) & ~(PageSize - 1);
                ulong size = memory.Value(LinuxField.ImageEnd) - start;
                ulong physical = unchecked(start - ImageBase + memory.Value(LinuxField.PhysBase));
                bool isThere = TryPlace(ref memory, physical, size, out ulong place);
                Write(segment, SegmentLoad, isThere ? place : 0, start, physical, isThere ? size : 0);
                return;
        }

        LinuxRange range = memory.Ranges[index - SegmentsBefore];
        _ = TryPlace(ref memory, range.Start, range.ByteCount, out ulong data);
        Write(segment, SegmentLoad, data, memory.Value(LinuxField.PageOffset) + range.Start, range.Start, range.ByteCount);
    }

    private static void Write(Span<byte> segment, uint type, ulong place, ulong address, ulong physical, ulong size)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(segment, type);
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], type == SegmentLoad ? ReadWriteExecute : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[8..], place);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], physical);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], size);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], size);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], 0);
    }

    /// <summary>Finds where in the file a piece of memory is that lies in one range.</summary>
    private bool TryPlace(ref LinuxMemory memory, ulong address, ulong size, out ulong place)
    {
        place = _data;
        foreach (LinuxRange range in memory.Ranges)
        {
            if (address >= range.Start && address - range.Start < range.ByteCount && range.ByteCount - (address - range.Start) >= size)
            {
                place += address - range.Start;
                return true;
            }

            place += range.ByteCount;
        }

        return false;
    }
}

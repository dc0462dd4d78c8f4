using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Sos.Cores;

namespace Sos.RemoteConsole.Control.Linux;

/// <summary>A part of the kernel's address space.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Physical">Its physical address; of no use for what is not contiguous.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="Offset">Where it is in the file.</param>
internal readonly record struct KernelSegment(ulong Address, ulong Physical, ulong Size, ulong Offset);

/// <summary>The running kernel's memory as Linux shows it to root: /proc/kcore, an ELF core file.</summary>
internal sealed class KernelCore : IDisposable
{
    /// <summary>The file.</summary>
    public const string Path = "/proc/kcore";

    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const int NoteHeaderSize = 12;
    private const uint SegmentLoad = 1;
    private const uint SegmentNote = 4;
    private const int NotesMax = 1 << 20;
    private static readonly byte[] Ident = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1];

    private readonly SafeFileHandle _file;

    private KernelCore(SafeFileHandle file)
    {
        _file = file;
        byte[] header = Read(0, HeaderSize);
        if (!header.AsSpan().StartsWith(Ident) || BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(54)) != ProgramHeaderSize)
        {
            throw new SosException(SosError.Failed, $"{Path} is no ELF core file of 64 bits");
        }

        ulong place = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(32));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(56));
        byte[] programs = Read(place, count * ProgramHeaderSize);
        List<KernelSegment> segments = [];
        foreach (int at in Enumerable.Range(0, count).Select(index => index * ProgramHeaderSize))
        {
            ulong Number(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(programs.AsSpan(at + offset));
            switch (BinaryPrimitives.ReadUInt32LittleEndian(programs.AsSpan(at)))
            {
                case SegmentLoad:
                    segments.Add(new KernelSegment(Number(16), Number(24), Number(40), Number(8)));
                    break;
                case SegmentNote:
                    Information = FindNote(Read(Number(8), (int)Math.Min(Number(32), NotesMax)), "VMCOREINFO") ?? Information;
                    break;
            }
        }

        Segments = segments;
    }

    /// <summary>The parts that can be read.</summary>
    public IReadOnlyList<KernelSegment> Segments { get; }

    /// <summary>The kernel's notes; null if it keeps none.</summary>
    public VmCoreInfo? Information { get; }

    /// <summary>Opens it.</summary>
    /// <exception cref="SosException">It is not there, or may not be read; the message says why.</exception>
    public static KernelCore Open()
    {
        if (!File.Exists(Path))
        {
            throw new SosException(SosError.Refused, $"{Path} is not there: the view of Linux needs a kernel with CONFIG_PROC_KCORE");
        }

        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(Path);
            KernelCore core = new(file);
            file = null;
            return core;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SosException(
                SosError.Refused,
                $"{Path} cannot be read: {e.Message}; it takes root, and a kernel that is not locked down for confidentiality (kernel_lockdown(7))", e);
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>Reads memory.</summary>
    /// <returns>Null if it is not in a part that can be read.</returns>
    public byte[]? TryRead(ulong address, int count)
    {
        foreach (KernelSegment segment in Segments)
        {
            ulong within = unchecked(address - segment.Address);
            if (within < segment.Size && segment.Size - within >= (ulong)count)
            {
                byte[] bytes = new byte[count];
                return RandomAccess.Read(_file, bytes, (long)(segment.Offset + within)) == count ? bytes : null;
            }
        }

        return null;
    }

    /// <summary>Reads a number of 64 bits.</summary>
    /// <returns>Null if it is not in a part that can be read.</returns>
    public ulong? TryReadNumber(ulong address) => TryRead(address, sizeof(ulong)) is { } bytes ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : null;

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    internal static VmCoreInfo? FindNote(ReadOnlySpan<byte> notes, string owner)
    {
        while (notes.Length >= NoteHeaderSize)
        {
            long name = BinaryPrimitives.ReadUInt32LittleEndian(notes);
            long size = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
            long start = NoteHeaderSize + ((name + 3) & ~3);
            long end = start + size;
            if (end > notes.Length)
            {
                return null;
            }

            if (Encoding.ASCII.GetString(notes.Slice(NoteHeaderSize, (int)name)).TrimEnd('\0') == owner)
            {
                return new VmCoreInfo(Encoding.ASCII.GetString(notes[(int)start..(int)end]));
            }

            notes = notes[(int)Math.Min(notes.Length, (end + 3) & ~3)..];
        }

        return null;
    }

    private byte[] Read(ulong offset, int count)
    {
        byte[] bytes = new byte[count];
        int done = 0;
        while (done < count)
        {
            int read = RandomAccess.Read(_file, bytes.AsSpan(done), (long)offset + done);
            if (read == 0)
            {
                throw new SosException(SosError.Failed, $"{Path} ends early");
            }

            done += read;
        }

        return bytes;
    }
}

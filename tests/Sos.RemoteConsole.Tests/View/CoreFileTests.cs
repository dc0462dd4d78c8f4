using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.View;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The core file: what its segments say must be what lies in memory, wherever a transfer is taken up.</summary>
public sealed class CoreFileTests
{
    private const string Notes = "OSRELEASE=6.1.0\nSYMBOL(prb)=ffffffff82a00000\nA";

    [Fact]
    public void ItsSegmentsAreWhatLiesInMemory()
    {
        using SyntheticLinux linux = Machine(out Random random);
        using ViewShell shell = new(linux);
        byte[] file = shell.RunBytes("vmcore");
        Assert.Equal(0u, shell.Status);
        Assert.True(file.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]));
        Assert.Equal(4, BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(16)));
        List<(uint Type, ulong Place, ulong Address, ulong Physical, ulong Size)> segments = [.. Segments(file)];
        Assert.Equal([4u, 1, 1], segments.Select(segment => segment.Type));

        ReadOnlySpan<byte> note = file.AsSpan((int)segments[0].Place, (int)segments[0].Size);
        Assert.Equal(Notes, Encoding.ASCII.GetString(note.Slice(12 + 12, BinaryPrimitives.ReadInt32LittleEndian(note[4..]))));
        Assert.Equal("VMCOREINFO\0", Encoding.ASCII.GetString(note.Slice(12, BinaryPrimitives.ReadInt32LittleEndian(note))));

        Assert.Equal(SyntheticLinux.ImageStart, segments[1].Address);
        Assert.Equal(SyntheticLinux.ImageSize, segments[1].Size);
        Assert.Equal((SyntheticLinux.PageOffset + SyntheticLinux.RangeStart, SyntheticLinux.RangeStart), (segments[2].Address, segments[2].Physical));
        foreach ((uint _, ulong place, ulong address, ulong _, ulong size) in segments.Skip(1))
        {
            Assert.True(linux.At(address, (int)size).SequenceEqual(file.AsSpan((int)place, (int)size)), $"{address:x}");
            Assert.Equal(0ul, place % 4096);
        }

        Assert.Equal((ulong)file.Length, segments[2].Place + segments[2].Size);
        for (int i = 0; i < 8; i++)
        {
            int from = random.Next(file.Length);
            Assert.True(shell.RunBytes($"vmcore --from {from}").AsSpan().SequenceEqual(file.AsSpan(from)), $"from {from}");
        }

        Assert.Empty(shell.RunBytes($"vmcore --from {file.Length}"));
        _ = shell.Run($"vmcore --from {file.Length + 1}");
        Assert.Equal(CommandRun.Usage, shell.Status);
    }

    [Fact]
    public void WithoutTheKernelsNotesThereIsNone()
    {
        using SyntheticLinux linux = Machine(out _);
        linux.Write(SyntheticLinux.Image(0x700), 0UL);
        using ViewShell shell = new(linux);
        Assert.Contains("VMCOREINFO", shell.Run("vmcore"), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
    }

    private static SyntheticLinux Machine(out Random random)
    {
        random = new Random(15);
        SyntheticLinux linux = new();
        random.NextBytes(linux.At(SyntheticLinux.PageOffset + SyntheticLinux.RangeStart, (int)SyntheticLinux.RangeSize));
        ulong notes = linux.Allocate(256);
        linux.Write(notes, Notes);
        linux.Values[LinuxField.CoreNotes] = unchecked((long)SyntheticLinux.Image(0x700));
        linux.Values[LinuxField.CoreNotesSize] = unchecked((long)SyntheticLinux.Image(0x708));
        linux.Write(SyntheticLinux.Image(0x700), notes);
        linux.Write(SyntheticLinux.Image(0x708), (ulong)Notes.Length);
        return linux;
    }

    private static IEnumerable<(uint Type, ulong Place, ulong Address, ulong Physical, ulong Size)> Segments(byte[] file)
    {
        int place = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(32));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(56));
        for (int i = 0; i < count; i++)
        {
            int at = place + (i * 56);
            yield return (
                BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at)), BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 8)),
                BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 16)), BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 24)),
                BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 32)));
        }
    }
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Sos.RemoteConsole.View;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>Linux's log, read from a ring in any state that a moment can leave it in.</summary>
public sealed class KernelLogTests
{
    [Fact]
    public void RecordsComeInOrderAndOverwrittenOnesAreGone()
    {
        using SyntheticLinux linux = new();
        SyntheticLog log = new(linux);
        LinuxMemory memory = linux.Open();
        Assert.Empty(ReadAll(ref memory));
        // More records than the ring holds, and several times its text: blocks wrap at all places.
        for (int i = 0; i < 100; i++)
        {
            _ = log.Add("record " + i.ToString(CultureInfo.InvariantCulture) + new string('x', i % 5));
        }

        // Their texts are smaller than the ring's, so that not all 16 descriptors still have theirs.
        List<(KernelLogState State, string Text)> all = ReadAll(ref memory);
        Assert.Equal(16, all.Count);
        Assert.Equal("record 99xxxx", all[^1].Text);
        List<string> whole = [.. all.Where(record => record.State == KernelLogState.Whole).Select(record => record.Text)];
        Assert.InRange(whole.Count, 6, 16);
        Assert.Equal(
            Enumerable.Range(100 - whole.Count, whole.Count).Select(i => string.Create(CultureInfo.InvariantCulture, $"record {i}{new string('x', i % 5)}")),
            whole);
        Assert.All(all.Take(16 - whole.Count), record => Assert.Equal(KernelLogState.Torn, record.State));
    }

    [Theory]
    [InlineData(0, KernelLogState.Torn)]
    [InlineData(1, KernelLogState.Open)]
    [InlineData(2, KernelLogState.Whole)]
    public void ARecordThatItsWriterDidNotFinishIsMarked(ulong state, KernelLogState wanted)
    {
        using SyntheticLinux linux = new();
        SyntheticLog log = new(linux);
        LinuxMemory memory = linux.Open();
        ulong number = log.Add("Kernel panic - not syncing", state, level: 0);
        byte[] space = new byte[64];
        Assert.True(KernelLog.TryRead(ref memory, number, space, out KernelLogRecord record));
        Assert.Equal(wanted, record.State);
        Assert.Equal(0u, record.Level);
        if (state != 0)
        {
            Assert.Equal("Kernel panic - not syncing", Encoding.ASCII.GetString(space, 0, record.TextLength));
        }

        log.SetState(number, 3);
        Assert.False(KernelLog.TryRead(ref memory, number, space, out record));
        log.SetState(number + 16, 2);
        Assert.False(KernelLog.TryRead(ref memory, number, space, out record));
        Assert.False(KernelLog.TryRead(ref memory, number + 1, space, out record));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ABlockThatEndsWithTheRingIsFound(bool fitsExactly)
    {
        using SyntheticLinux linux = new();
        SyntheticLog log = new(linux);
        LinuxMemory memory = linux.Open();
        _ = log.Add(new string('a', 120));
        _ = log.Add(new string('b', 120), fitsExactly: fitsExactly);
        string[] wanted = fitsExactly ? ["aaaa", "bbbb"] : ["bbbb"]; // else it lies at the ring's start, over the first
        Assert.Equal(wanted, ReadAll(ref memory).Where(record => record.State == KernelLogState.Whole).Select(record => record.Text[..4]));
    }

    [Fact]
    public void EmptyLinesAndLostTextAreTold()
    {
        using SyntheticLinux linux = new();
        SyntheticLog log = new(linux);
        LinuxMemory memory = linux.Open();
        ulong empty = log.Add("");
        ulong lost = log.Add("text");
        linux.Write(log.Descriptor(lost) + 8, 1UL);
        linux.Write(log.Descriptor(lost) + 16, 1UL);
        Assert.True(KernelLog.TryRead(ref memory, empty, new byte[8], out KernelLogRecord record));
        Assert.Equal(KernelLogState.Whole, record.State);
        Assert.True(KernelLog.TryRead(ref memory, lost, new byte[8], out record));
        Assert.Equal(KernelLogState.NoText, record.State);
    }

    [Fact]
    public void WhateverStandsInTheRingNothingIsReadBeyondIt()
    {
        using SyntheticLinux linux = new();
        SyntheticLog log = new(linux);
        Random random = new(15);
        byte[] space = new byte[1024];
        for (int i = 0; i < 20_000; i++)
        {
            _ = log.Add("some text " + i.ToString(CultureInfo.InvariantCulture), (ulong)random.Next(4));
            // One number anywhere in the ring, its descriptors or its pointers is something else.
            ulong at = random.Next(3) == 0 ? log.Ring + (8 * (ulong)random.Next(9)) : log.Descriptor((ulong)random.Next(16)) + (8 * (ulong)random.Next(3));
            Span<byte> place = linux.At(at, 8);
            byte[] before = place.ToArray();
            random.NextBytes(place[..random.Next(1, 9)]);
            LinuxMemory memory = linux.Open();
            if (KernelLog.TryFindBounds(ref memory, out ulong first, out ulong end))
            {
                for (ulong number = first; number != end && number - first < 40; number++)
                {
                    if (KernelLog.TryRead(ref memory, number, space, out KernelLogRecord record) && record.State == KernelLogState.Whole)
                    {
                        Assert.InRange(record.TextLength, 0, 1 << SyntheticLog.TextBits);
                    }
                }
            }

            before.CopyTo(place);
        }
    }

    private static List<(KernelLogState State, string Text)> ReadAll(ref LinuxMemory memory)
    {
        List<(KernelLogState, string)> all = [];
        byte[] space = new byte[256];
        Assert.True(KernelLog.TryFindBounds(ref memory, out ulong first, out ulong end));
        for (ulong number = first; number != end; number = (number + 1) & ((1UL << 62) - 1))
        {
            if (KernelLog.TryRead(ref memory, number, space, out KernelLogRecord record))
            {
                all.Add((record.State, Encoding.ASCII.GetString(space, 0, record.TextLength)));
            }
        }

        return all;
    }
}

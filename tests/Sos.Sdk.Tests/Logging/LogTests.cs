using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Tests.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Logging;

public sealed unsafe class LogTests : IDisposable
{
    private const ulong Size = LogLayout.HeaderSize + (8 * LogRecord.Size);

    private readonly byte* _memory = PortBench.Zeroed(Size);

    [Fact]
    public void RecordsAreReadOnceInOrder()
    {
        Log log = Create();
        LogReader reader = new(_memory, Size);
        log.Write(LogSeverity.Warning, "first"u8, 1);
        log.Write(LogSeverity.Debug, ""u8);
        IReadOnlyList<LogEntry> entries = reader.Read();
        Assert.Equal([(0UL, LogSeverity.Warning, "first", 1UL), (1UL, LogSeverity.Debug, "", 0UL)], entries.Select(Content));
        Assert.True(entries[0].Tsc <= entries[1].Tsc);
        Assert.Empty(reader.Read());
        log.Write(LogSeverity.Notice, "third"u8, ulong.MaxValue);
        Assert.Equal((2UL, LogSeverity.Notice, "third", ulong.MaxValue), Content(Assert.Single(reader.Read())));
        Assert.Equal(0UL, reader.Lost);
    }

    [Fact]
    public void OldRecordsAreOverwrittenAndCounted()
    {
        Log log = Create();
        LogReader reader = new(_memory, Size);
        for (ulong i = 0; i < 5; i++)
        {
            log.Write(LogSeverity.Notice, Encoding.UTF8.GetBytes($"r{i}"), i);
        }

        Assert.Equal(5, reader.Read().Count);
        for (ulong i = 5; i < 30; i++)
        {
            log.Write(LogSeverity.Notice, Encoding.UTF8.GetBytes($"r{i}"), i);
        }

        Assert.Equal(Enumerable.Range(22, 8).Select(i => ((ulong)i, $"r{i}")), reader.Read().Select(e => (e.Number, e.Text)));
        Assert.Equal((17UL, 30UL), (reader.Lost, reader.Next));
        Assert.Equal(8, new LogReader(_memory, Size).Read().Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public void ARingOfAnySizeKeepsTheNewestRecords(int records)
    {
        ulong size = LogLayout.HeaderSize + ((ulong)records * LogRecord.Size);
        Assert.True(Log.TryCreate(_memory, size, out Log log));
        for (int i = 0; i < 5 * records; i++)
        {
            log.Write(LogSeverity.Notice, Encoding.UTF8.GetBytes($"r{i}"));
            Assert.Equal(
                Enumerable.Range(Math.Max(0, i + 1 - records), Math.Min(records, i + 1)).Select(each => $"r{each}"),
                new LogReader(_memory, size).Read().Select(entry => entry.Text));
        }
    }

    [Fact]
    public void TheUsualLogWastesNoRecord()
    {
        const ulong usual = 64 << 10; // ServiceConfiguration.DefaultLogSize
        byte* memory = PortBench.Zeroed(usual);
        Assert.True(Log.TryCreate(memory, usual, out _));
        Assert.Equal(511u, ((LogLayout*)memory)->Capacity);
        PortBench.Release(memory);
    }

    [Fact]
    public void TextIsCutToWhatARecordHolds()
    {
        Create().Write(LogSeverity.Error, Enumerable.Repeat((byte)'x', 500).ToArray());
        Assert.Equal(new string('x', LogRecord.TextSize), Assert.Single(new LogReader(_memory, Size).Read()).Text);
    }

    [Fact]
    public void ARecordThatIsBeingWrittenIsNotRead()
    {
        Log log = Create();
        log.Write(LogSeverity.Error, "a"u8);
        log.Write(LogSeverity.Error, "b"u8);
        ((LogRecord*)(_memory + LogLayout.HeaderSize))->Sequence = 0;
        LogReader reader = new(_memory, Size);
        Assert.Equal("b", Assert.Single(reader.Read()).Text);
        Assert.Equal(1UL, reader.Lost);
    }

    [Fact]
    public void AServiceThatStartsAnewIsReadFromItsStart()
    {
        LogReader reader = new(_memory, Size);
        Assert.Empty(reader.Read());
        Log log = Create();
        log.Write(LogSeverity.Error, "a"u8);
        log.Write(LogSeverity.Error, "b"u8);
        Assert.Equal(2, reader.Read().Count);
        Create().Write(LogSeverity.Error, "anew"u8);
        Assert.Equal((0UL, LogSeverity.Error, "anew", 0UL), Content(Assert.Single(reader.Read())));
    }

    [Fact]
    public void AReaderBelievesNoCapacityBeyondTheResource()
    {
        Create().Write(LogSeverity.Error, "a"u8);
        ((LogLayout*)_memory)->Capacity = 9;
        Assert.Empty(new LogReader(_memory, Size).Read());
        ((LogLayout*)_memory)->Capacity = 0;
        Assert.Empty(new LogReader(_memory, Size).Read());
        ((LogLayout*)_memory)->Capacity = 8;
        ((LogRecord*)(_memory + LogLayout.HeaderSize))->TextLength = uint.MaxValue;
        Assert.StartsWith("a", Assert.Single(new LogReader(_memory, Size).Read()).Text, StringComparison.Ordinal);
        Assert.Empty(new LogReader(_memory, LogLayout.HeaderSize - 1).Read());
    }

    [Fact]
    public void NeedsRoomForOneRecordAndUsesAllThatFit()
    {
        Assert.False(Log.TryCreate(null, Size, out _));
        Assert.False(Log.TryCreate(_memory + 8, Size - 64, out _));
        Assert.False(Log.TryCreate(_memory, LogLayout.HeaderSize + LogRecord.Size - 1, out _));
        foreach ((int records, uint capacity) in new[] { (1, 1u), (2, 2u), (3, 3u), (7, 7u), (8, 8u) })
        {
            Assert.True(Log.TryCreate(_memory, LogLayout.HeaderSize + ((ulong)records * LogRecord.Size), out _));
            Assert.Equal(capacity, ((LogLayout*)_memory)->Capacity);
        }

        default(Log).Write(LogSeverity.Error, "nowhere"u8);
    }

    public void Dispose() => PortBench.Release(_memory);

    private static (ulong Number, LogSeverity Severity, string Text, ulong Value) Content(LogEntry entry)
        => (entry.Number, entry.Severity, entry.Text, entry.Value);

    private Log Create()
    {
        Assert.True(Log.TryCreate(_memory, Size, out Log log));
        return log;
    }
}

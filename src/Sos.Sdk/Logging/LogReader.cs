using System;
using System.Collections.Generic;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Logging;

/// <summary>Reads a service's log from outside, while it runs. For the Linux side: it allocates.</summary>
public sealed unsafe class LogReader
{
    private readonly LogLayout* _layout;
    private readonly ulong _size;

    /// <summary>Reads the mapped log resource from its oldest record on.</summary>
    /// <param name="resource">The resource.</param>
    /// <param name="size">Its bytes.</param>
    public LogReader(void* resource, ulong size)
    {
        _layout = (LogLayout*)resource;
        _size = size;
    }

    /// <summary>Number of the next record to read, from 0.</summary>
    public ulong Next { get; private set; }

    /// <summary>Records that were overwritten before they could be read.</summary>
    public ulong Lost { get; private set; }

    /// <summary>Reads what was written since the last call.</summary>
    /// <returns>Records, oldest first; none before the service has initialised.</returns>
    public IReadOnlyList<LogEntry> Read()
    {
        List<LogEntry> entries = [];
        if (_size < LogLayout.HeaderSize || MemoryOrdering.LoadAcquire(ref _layout->Magic) != LogLayout.MagicValue)
        {
            return entries;
        }

        uint capacity = _layout->Capacity;
        ulong written = MemoryOrdering.LoadAcquire(ref _layout->Written);
        if (capacity == 0 || capacity > (_size - LogLayout.HeaderSize) / LogRecord.Size)
        {
            return entries;
        }

        if (written < Next)
        {
            // The service was started anew.
            Next = 0;
        }

        ulong oldest = written > capacity ? written - capacity : 0;
        if (Next < oldest)
        {
            Lost += oldest - Next;
            Next = oldest;
        }

        for (; Next < written; Next++)
        {
            if (TryRead((LogRecord*)((byte*)_layout + LogLayout.HeaderSize) + (Next % capacity), out LogEntry entry))
            {
                entries.Add(entry);
            }
            else
            {
                Lost++;
            }
        }

        return entries;
    }

    private bool TryRead(LogRecord* record, out LogEntry entry)
    {
        ulong sequence = MemoryOrdering.LoadAcquire(ref record->Sequence);
        LogRecord copy = *record;
        MemoryOrdering.LoadLoadFence();
        if (sequence != Next + 1 || MemoryOrdering.LoadAcquire(ref record->Sequence) != sequence)
        {
            entry = default;
            return false;
        }

        ReadOnlySpan<byte> text = copy.Text;
        int length = (int)Math.Min(copy.TextLength, LogRecord.TextSize);
        entry = new LogEntry(Next, copy.Tsc, copy.Severity, Encoding.UTF8.GetString(text[..length]), copy.Value);
        return true;
    }
}

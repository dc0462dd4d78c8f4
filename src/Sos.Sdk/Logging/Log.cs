using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Time;

namespace Sos.Sdk.Logging;

/// <summary>The service's log: a ring of records that Linux reads. Writing never waits; old records are overwritten.</summary>
public readonly unsafe struct Log
{
    private readonly LogLayout* _layout;

    private Log(LogLayout* layout) => _layout = layout;

    /// <summary>Makes the log resource at <paramref name="memory"/> valid and empty.</summary>
    /// <returns>Whether it is aligned to a cache line and holds one record at least.</returns>
    public static bool TryCreate(void* memory, ulong size, out Log log)
    {
        log = default;
        if (memory == null || ((nuint)memory & 63) != 0 || size < LogLayout.HeaderSize + LogRecord.Size)
        {
            return false;
        }

        uint capacity = (uint)Math.Min((size - LogLayout.HeaderSize) / LogRecord.Size, LogLayout.CapacityMax);
        LogLayout* layout = (LogLayout*)memory;
        MemoryOrdering.StoreRelease(ref layout->Magic, 0);
        layout->Capacity = capacity;
        MemoryOrdering.StoreRelease(ref layout->Written, 0);
        for (uint i = 0; i < capacity; i++)
        {
            Slot(layout, i)->Sequence = 0;
        }

        MemoryOrdering.StoreRelease(ref layout->Magic, LogLayout.MagicValue);
        log = new Log(layout);
        return true;
    }

    /// <summary>Writes a record with the present time.</summary>
    /// <param name="severity">How grave.</param>
    /// <param name="text">UTF-8; what is longer than <see cref="LogRecord.TextSize"/> bytes is cut.</param>
    /// <param name="value">A number that belongs to the text.</param>
    public void Write(LogSeverity severity, ReadOnlySpan<byte> text, ulong value = 0)
    {
        if (_layout == null)
        {
            return;
        }

        ulong written = _layout->Written;
        LogRecord* record = Slot(_layout, (uint)(written % _layout->Capacity));
        int length = Math.Min(text.Length, LogRecord.TextSize);
        MemoryOrdering.StoreRelease(ref record->Sequence, 0);
        MemoryOrdering.StoreStoreFence();
        record->Tsc = Tsc.Read();
        record->Severity = severity;
        record->TextLength = (uint)length;
        record->Value = value;
        text[..length].CopyTo(record->Text);
        MemoryOrdering.StoreRelease(ref record->Sequence, written + 1);
        MemoryOrdering.StoreRelease(ref _layout->Written, written + 1);
    }

    private static LogRecord* Slot(LogLayout* layout, uint index)
        => (LogRecord*)((byte*)layout + LogLayout.HeaderSize) + index;
}

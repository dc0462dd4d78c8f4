using System;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Time;

namespace Sos.Firewall.Capture;

/// <summary>Writes the packets that rules log into memory that programs read: so many a second, whatever arrives.</summary>
public unsafe struct LogRing
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Where the memory begins in the last piece that the service was given.</summary>
    public const ulong Offset = CaptureHeader.TotalSize + FlowListingHeader.TotalSize;

    private LogHeader* _header;
    private TokenBucket _budget;
    private ulong _written;

    /// <summary>Lays the memory out; without, no line is written.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="now">The TSC.</param>
    public void Open(ref ServiceSetup setup, ulong now)
    {
        Resource last = ReaderMemory.Find(ref setup);

        if (last.ByteCount < Offset + LogHeader.TotalSize)
        {
            return;
        }

        _header = (LogHeader*)(last.Address + Offset);
        new Span<byte>(_header, (int)LogHeader.TotalSize).Clear();
        MemoryOrdering.StoreRelease(ref _header->Magic, LogHeader.MagicValue);
        ulong ticks = setup.Clock.TicksFromNanoseconds(NanosecondsPerSecond / LogHeader.LinesPerSecond);
        _budget = new TokenBucket(Math.Max(ticks, 1), LogHeader.LinesAtOnce, now);
    }

    /// <summary>Writes a line, unless there were too many of late.</summary>
    /// <param name="table">The table whose rule logs.</param>
    /// <param name="set">The rule's <see cref="SetKind.Log"/>.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="isSent">Whether Linux sent it.</param>
    /// <param name="now">The TSC.</param>
    /// <returns>Whether it was written.</returns>
    public bool TryWrite(in FirewallTable table, uint set, ReadOnlySpan<byte> frame, bool isSent, ulong now)
    {
        if (_header == null || !_budget.TryTake(1, now))
        {
            Lose(1);
            return false;
        }

        ref readonly SetDescriptor log = ref table.Sets[set];
        ReadOnlySpan<byte> prefix = table.LogPrefix(in log);
        LogSlot* place = (LogSlot*)((byte*)_header + LogHeader.Size + ((_written % LogHeader.SlotCount) * LogSlot.Size));
        int kept = Math.Min(frame.Length, LogSlot.BytesMax);
        MemoryOrdering.StoreRelease(ref place->Number, 0); // A reader that is here sees that what it read is no line.
        MemoryOrdering.StoreStoreFence();
        place->Time = now;
        place->Kept = (ushort)kept;
        place->Level = (byte)log.SecondCount;
        place->Flags = (byte)log.ThirdCount;
        place->IsSent = isSent ? (byte)1 : (byte)0;
        place->PrefixLength = (byte)prefix.Length;
        prefix.CopyTo(new Span<byte>(place->Prefix, LogSlot.PrefixMax));
        frame[..kept].CopyTo(new Span<byte>((byte*)place + LogSlot.HeaderSize, LogSlot.BytesMax));
        _written++;
        MemoryOrdering.StoreRelease(ref place->Number, _written);
        MemoryOrdering.StoreRelease(ref _header->Written, _written);
        return true;
    }

    /// <summary>Counts lines that cannot be written.</summary>
    /// <param name="count">How many.</param>
    public readonly void Lose(int count)
    {
        if (_header != null)
        {
            MemoryOrdering.StoreRelease(ref _header->Lost, _header->Lost + (ulong)count);
        }
    }
}

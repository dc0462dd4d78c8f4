using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Time;

namespace Sos.Firewall.Capture;

/// <summary>Takes some of the frames that the core judges into memory that programs read, as long as one of them asks for it.</summary>
public unsafe struct CaptureRing
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    private CaptureHeader* _header;
    private TokenBucket _budget;
    private ulong _taken;

    /// <summary>Lays the memory out that the service was given last, if that is for frames; without, nothing is ever taken.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="now">The TSC.</param>
    public void Open(ref ServiceSetup setup, ulong now)
    {
        Resource last = ReaderMemory.Find(ref setup);

        if (last.ByteCount < CaptureHeader.TotalSize)
        {
            return;
        }

        _header = (CaptureHeader*)last.Address;
        new Span<byte>(_header, (int)CaptureHeader.TotalSize).Clear();
        MemoryOrdering.StoreRelease(ref _header->Magic, CaptureHeader.MagicValue);
        ulong ticks = setup.Clock.TicksFromNanoseconds(NanosecondsPerSecond / CaptureHeader.FramesPerSecond);
        _budget = new TokenBucket(Math.Max(ticks, 1), CaptureHeader.FramesAtOnce, now);
    }

    /// <summary>Whether somebody wants frames: all that a burst costs when nobody does.</summary>
    /// <param name="now">The TSC.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool IsOn(ulong now) => _header != null && now < MemoryOrdering.LoadAcquire(ref _header->DroppedUntil);

    /// <summary>Whether a frame is to be taken now: somebody wants it, and there were not too many of late.</summary>
    /// <param name="verdict">What became of it.</param>
    /// <param name="now">The TSC.</param>
    public bool TryBegin(CaptureVerdict verdict, ulong now)
    {
        if (verdict == CaptureVerdict.Passed && now >= MemoryOrdering.LoadAcquire(ref _header->PassedUntil))
        {
            return false;
        }

        MemoryOrdering.StoreRelease(ref _header->Wanted, _header->Wanted + 1);
        return _budget.TryTake(1, now);
    }

    /// <summary>Takes a frame.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="slot">All that is known of it but its number and lengths.</param>
    public void Take(ReadOnlySpan<byte> frame, in CaptureSlot slot)
    {
        CaptureSlot* place = (CaptureSlot*)((byte*)_header + CaptureHeader.Size + ((_taken % CaptureHeader.SlotCount) * CaptureSlot.Size));
        int kept = Math.Min(frame.Length, CaptureSlot.BytesMax);
        MemoryOrdering.StoreRelease(ref place->Number, 0); // A reader that is here sees that what it read is no frame.
        MemoryOrdering.StoreStoreFence();
        place->Time = slot.Time;
        place->Generation = slot.Generation;
        place->States = slot.States;
        place->Verdict = slot.Verdict;
        place->Length = (uint)frame.Length;
        place->Kept = (ushort)kept;
        frame[..kept].CopyTo(new Span<byte>((byte*)place + CaptureSlot.HeaderSize, CaptureSlot.BytesMax));
        _taken++;
        MemoryOrdering.StoreRelease(ref place->Number, _taken);
        MemoryOrdering.StoreRelease(ref _header->Taken, _taken);
    }
}

using System;
using System.Runtime.InteropServices;
using Sos.Firewall.Capture;
using Sos.Sdk.Memory;

namespace Sos.Firewall.Control;

/// <summary>A frame that a core took for a reader.</summary>
/// <param name="Slot">What is known of it.</param>
/// <param name="Bytes">Its first bytes.</param>
internal sealed record CapturedFrame(CaptureSlot Slot, byte[] Bytes);

/// <summary>Reads the frames that a core takes, in order. The core overwrites what nobody has read in time.</summary>
internal sealed unsafe class CapturedFrames
{
    private readonly CaptureHeader* _header;
    private ulong _next;

    /// <summary>Begins behind all frames so far.</summary>
    /// <param name="memory">The memory that the core writes.</param>
    public CapturedFrames(byte* memory)
    {
        _header = (CaptureHeader*)memory;
        _next = MemoryOrdering.LoadAcquire(ref _header->Taken);
        WantedBefore = Wanted;
    }

    /// <summary>Whether memory is laid out for frames.</summary>
    public static bool IsLaidOut(byte* memory, ulong size)
        => size >= CaptureHeader.TotalSize && MemoryOrdering.LoadAcquire(ref ((CaptureHeader*)memory)->Magic) == CaptureHeader.MagicValue;

    /// <summary>Frames that the core should have taken since this reader began, those that it did not included.</summary>
    public ulong WantedSince => Wanted - WantedBefore;

    private ulong Wanted => MemoryOrdering.LoadAcquire(ref _header->Wanted);

    private ulong WantedBefore { get; }

    /// <summary>Asks for frames, or for no more.</summary>
    /// <param name="until">The TSC until which they are wanted.</param>
    /// <param name="isDroppedOnly">Whether those that pass are not.</param>
    public void Want(ulong until, bool isDroppedOnly)
    {
        MemoryOrdering.StoreRelease(ref _header->DroppedUntil, until);
        if (!isDroppedOnly)
        {
            MemoryOrdering.StoreRelease(ref _header->PassedUntil, until);
        }
    }

    /// <summary>Reads the next frame.</summary>
    /// <returns>False when there is none so far.</returns>
    public bool TryRead(out CapturedFrame frame)
    {
        while (_next < MemoryOrdering.LoadAcquire(ref _header->Taken))
        {
            // What the core may be about to overwrite is left out.
            ulong taken = MemoryOrdering.LoadAcquire(ref _header->Taken);
            _next = Math.Max(_next, taken < CaptureHeader.SlotCount ? 0 : taken - CaptureHeader.SlotCount + 1);
            ulong number = ++_next;
            if (TryCopy(number, out frame))
            {
                return true;
            }
        }

        frame = null!;
        return false;
    }

    private bool TryCopy(ulong number, out CapturedFrame frame)
    {
        CaptureSlot* slot = (CaptureSlot*)((byte*)_header + CaptureHeader.Size + ((number - 1) % CaptureHeader.SlotCount * CaptureSlot.Size));
        frame = null!;
        if (MemoryOrdering.LoadAcquire(ref slot->Number) != number)
        {
            return false;
        }

        CaptureSlot copy = *slot;
        byte[] bytes = new byte[Math.Min(copy.Kept, (ushort)CaptureSlot.BytesMax)];
        Marshal.Copy((nint)slot + CaptureSlot.HeaderSize, bytes, 0, bytes.Length);
        MemoryOrdering.LoadLoadFence();
        frame = new CapturedFrame(copy, bytes);
        return MemoryOrdering.LoadAcquire(ref slot->Number) == number;
    }
}

using System;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Firewall.Capture;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;

namespace Sos.Firewall.Control;

/// <summary>A packet that a rule logged.</summary>
/// <param name="Number">Its number, from 1.</param>
/// <param name="Prefix">The rule's prefix.</param>
/// <param name="Level">Syslog's level, 0 to 7.</param>
/// <param name="Flags">What its line tells beyond the usual.</param>
/// <param name="IsSent">Whether Linux sent it.</param>
/// <param name="Bytes">The first bytes of its frame.</param>
internal sealed record LoggedPacket(ulong Number, string Prefix, int Level, LogFlags Flags, bool IsSent, byte[] Bytes);

/// <summary>Reads the packets that rules log, in order. The core overwrites what nobody has read in time.</summary>
/// <param name="memory">The memory that the core writes; it must stay mapped.</param>
internal sealed unsafe class LoggedLines(byte* memory)
{
    private readonly LogHeader* _header = (LogHeader*)memory;

    /// <summary>Whether a service laid the memory out for lines.</summary>
    public static bool IsLaidOut(byte* memory, ulong size)
        => size >= LogHeader.TotalSize && MemoryOrdering.LoadAcquire(ref ((LogHeader*)memory)->Magic) == LogHeader.MagicValue;

    /// <summary>The number of the line that was read last, or passed over; 0 before the first.</summary>
    public ulong At { get; set; }

    /// <summary>Lines so far.</summary>
    public ulong Written => MemoryOrdering.LoadAcquire(ref _header->Written);

    /// <summary>Lines that were too many so far.</summary>
    public ulong Lost => MemoryOrdering.LoadAcquire(ref _header->Lost);

    /// <summary>Lines that were handed on so far, by this program or another before it.</summary>
    public ulong Told
    {
        get => MemoryOrdering.LoadAcquire(ref _header->Told);
        set => MemoryOrdering.StoreRelease(ref _header->Told, value);
    }

    /// <summary>Reads the next line.</summary>
    /// <returns>False when there is none so far.</returns>
    public bool TryRead(out LoggedPacket packet)
    {
        while (At < Written)
        {
            // What the core may be about to overwrite is left out.
            ulong written = Written;
            At = Math.Max(At, written < LogHeader.SlotCount ? 0 : written - LogHeader.SlotCount + 1) + 1;
            if (TryCopy(At, out packet))
            {
                return true;
            }
        }

        packet = null!;
        return false;
    }

    private bool TryCopy(ulong number, out LoggedPacket packet)
    {
        LogSlot* slot = (LogSlot*)((byte*)_header + LogHeader.Size + ((number - 1) % LogHeader.SlotCount * LogSlot.Size));
        packet = null!;
        if (MemoryOrdering.LoadAcquire(ref slot->Number) != number)
        {
            return false;
        }

        LogSlot copy = *slot;
        byte[] bytes = new byte[Math.Min(copy.Kept, (ushort)LogSlot.BytesMax)];
        Marshal.Copy((nint)slot + LogSlot.HeaderSize, bytes, 0, bytes.Length);
        MemoryOrdering.LoadLoadFence();
        string prefix = Encoding.UTF8.GetString(copy.Prefix, Math.Min((int)copy.PrefixLength, LogSlot.PrefixMax));
        packet = new LoggedPacket(number, prefix, copy.Level & 7, (LogFlags)copy.Flags, copy.IsSent != 0, bytes);
        return MemoryOrdering.LoadAcquire(ref slot->Number) == number;
    }
}

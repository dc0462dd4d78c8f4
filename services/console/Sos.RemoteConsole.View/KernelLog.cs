using System;

namespace Sos.RemoteConsole.View;

/// <summary>The state of a record of Linux's log.</summary>
public enum KernelLogState
{
    /// <summary>The record is whole.</summary>
    Whole = 0,

    /// <summary>The record is whole so far; its writer may add to it, or died before it did.</summary>
    Open,

    /// <summary>The record's writer is at it, or died at it; or it was overwritten while it was read: there is no text.</summary>
    Torn,

    /// <summary>Its text was lost: the ring had no room for it.</summary>
    NoText,
}

/// <summary>A record of Linux's log.</summary>
public struct KernelLogRecord
{
    /// <summary>Its place in the log, from 0 at boot.</summary>
    public ulong Sequence;

    /// <summary>When it was written, in nanoseconds since boot.</summary>
    public ulong TimeNs;

    /// <summary>How urgent it is: 0 (emergency) to 7 (debugging).</summary>
    public uint Level;

    /// <summary>The writer: a task's number, or with the highest bit a CPU's.</summary>
    public uint Caller;

    /// <summary>Its state.</summary>
    public KernelLogState State;

    /// <summary>Bytes of its text, those that did not fit included.</summary>
    public int TextLength;
}

/// <summary>
/// Linux's log (printk's ring buffer, 5.10 on): a ring of descriptors, each with a state and the place of its text in a second ring. Both are written
/// without locks, so that they can be read at any moment: a record counts if its descriptor is the same after it was copied.
/// </summary>
public static class KernelLog
{
    private const int StateShift = 62;
    private const ulong IdMask = (1UL << StateShift) - 1;
    private const ulong NoDataBit = 1;
    private const int BlockHeader = sizeof(ulong);

    /// <summary>Linux's ring has at most that many bits of records and of text.</summary>
    private const int BitsMax = 32;

    private const int LevelBits = 3;

    private enum DescriptorState
    {
        Reserved = 0,
        Committed = 1,
        Finalized = 2,
        Reusable = 3,
    }

    /// <summary>Finds the oldest and the next record.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="first">Number of the oldest record that is there.</param>
    /// <param name="end">The number behind the newest one.</param>
    /// <returns>False if there is no log to be read.</returns>
    public static bool TryFindBounds(ref LinuxMemory memory, out ulong first, out ulong end)
    {
        end = 0;
        if (!TryOpen(ref memory, out ulong ring, out _) || !memory.TryRead(ring, LinuxField.LogTail, out first)
            || !memory.TryRead(ring, LinuxField.LogHead, out ulong head))
        {
            first = 0;
            return false;
        }

        end = Next(head);
        return true;
    }

    /// <summary>Returns the number behind another: they have 62 bits, and Linux begins so that they soon start again from 0.</summary>
    public static ulong Next(ulong number) => (number + 1) & IdMask;

    /// <summary>Returns whether a record is older than another.</summary>
    public static bool IsBefore(ulong number, ulong other) => (long)((other - number) << (64 - StateShift)) > 0;

    /// <summary>Reads a record.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="number">Its number, between those of <see cref="TryFindBounds"/>.</param>
    /// <param name="space">Room for its text; what is longer is cut.</param>
    /// <param name="record">The record.</param>
    /// <returns>False if there is none of that number: it was overwritten, or is not written yet.</returns>
    public static bool TryRead(ref LinuxMemory memory, ulong number, Span<byte> space, out KernelLogRecord record)
    {
        record = default;
        if (!TryOpen(ref memory, out ulong ring, out int countBits)
            || !memory.TryRead(ring, LinuxField.LogDescriptors, out ulong descriptors)
            || !memory.TryRead(ring, LinuxField.LogInfos, out ulong infos))
        {
            return false;
        }

        ulong index = number & ((1UL << countBits) - 1);
        ulong descriptor = descriptors + (index * memory.Value(LinuxField.DescriptorSize));
        ulong info = infos + (index * memory.Value(LinuxField.InfoSize));
        if (!memory.TryRead(descriptor, LinuxField.DescriptorState, out ulong before) || (before & IdMask) != number)
        {
            return false;
        }

        DescriptorState state = (DescriptorState)(before >> StateShift);
        if (state == DescriptorState.Reusable)
        {
            return false;
        }

        if (state == DescriptorState.Reserved)
        {
            record.State = KernelLogState.Torn;
            return true;
        }

        ReadInfo(ref memory, info, ref record);
        KernelLogState text = ReadText(ref memory, ring, descriptor, number, space, record.TextLength);
        bool isSame = memory.TryRead(descriptor, LinuxField.DescriptorState, out ulong after) && after == before;
        record.State = !isSame ? KernelLogState.Torn
            : text != KernelLogState.Whole ? text
            : state == DescriptorState.Committed ? KernelLogState.Open : KernelLogState.Whole;
        return true;
    }

    private static bool TryOpen(ref LinuxMemory memory, out ulong ring, out int countBits)
    {
        ring = 0;
        countBits = 0;
        if (!memory.Symbols.HasAll(LinuxField.LogRing, LinuxField.InfoCaller) || !memory.TryReadVariable(LinuxField.LogRing, out ring)
            || !memory.TryRead(ring, LinuxField.LogCountBits, out uint bits) || bits > BitsMax)
        {
            return false;
        }

        countBits = (int)bits;
        return true;
    }

    private static void ReadInfo(ref LinuxMemory memory, ulong info, ref KernelLogRecord record)
    {
        _ = memory.TryRead(info, LinuxField.InfoSequence, out record.Sequence);
        _ = memory.TryRead(info, LinuxField.InfoTime, out record.TimeNs);
        _ = memory.TryRead(info, LinuxField.InfoCaller, out record.Caller);
        _ = memory.TryRead(info, LinuxField.InfoTextLength, out ushort length);
        record.TextLength = length;
        ulong bit = memory.Value(LinuxField.InfoLevelBit);
        _ = memory.TryRead(info + (bit / 8), out byte flags);
        record.Level = (uint)(flags >> (int)(bit % 8)) & ((1 << LevelBits) - 1);
    }

    private static KernelLogState ReadText(ref LinuxMemory memory, ulong ring, ulong descriptor, ulong number, Span<byte> space, int length)
    {
        if (!memory.TryRead(ring, LinuxField.LogTextBits, out uint bits) || bits > BitsMax || !memory.TryRead(ring, LinuxField.LogText, out ulong data)
            || !memory.TryRead(descriptor, LinuxField.DescriptorBegin, out ulong begin)
            || !memory.TryRead(descriptor, LinuxField.DescriptorNext, out ulong next))
        {
            return KernelLogState.Torn;
        }

        if ((begin & NoDataBit) != 0 && (next & NoDataBit) != 0)
        {
            // An empty line has no block and no length either; else there was no room.
            return length == 0 ? KernelLogState.Whole : KernelLogState.NoText;
        }

        // A block that would go over the ring's end lies at its start.
        ulong mask = (1UL << (int)bits) - 1;
        bool isWrapped = begin >> (int)bits != (next - 1) >> (int)bits;
        ulong place = isWrapped ? 0 : begin & mask;
        ulong size = isWrapped ? next & mask : next - begin;
        if (size < BlockHeader || size > mask + 1 || place + size > mask + 1
            || !memory.TryRead(data + place, out ulong owner) || (owner & IdMask) != number)
        {
            return KernelLogState.Torn;
        }

        int count = (int)Math.Min((ulong)Math.Min(length, space.Length), size - BlockHeader);
        return memory.TryRead(data + place + BlockHeader, space[..count]) && (ulong)length <= size - BlockHeader
            ? KernelLogState.Whole : KernelLogState.Torn;
    }
}

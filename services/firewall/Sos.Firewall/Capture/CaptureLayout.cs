using System.Runtime.InteropServices;

namespace Sos.Firewall.Capture;

/// <summary>
/// Begins the memory through which programs see frames that the core judges. Slots follow it, which the core overwrites in turn: it never waits for a
/// reader.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct CaptureHeader
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 64;

    /// <summary>"FCAP1", once the service has laid the memory out.</summary>
    public const ulong MagicValue = 0x3150414346;

    /// <summary>Slots: more frames than the core takes between two looks of a reader.</summary>
    public const int SlotCount = 512;

    /// <summary>Bytes of all.</summary>
    public const ulong TotalSize = Size + ((ulong)SlotCount * CaptureSlot.Size);

    /// <summary>Frames that the core takes a second at most, which bounds what a capture costs: at some 150 ns each a thousandth of its time.</summary>
    public const uint FramesPerSecond = 8192;

    /// <summary>Frames that it takes at once.</summary>
    public const uint FramesAtOnce = 128;

    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;

    /// <summary>The TSC until which somebody wants the frames that are dropped. Programs renew it, so that one that dies ends it.</summary>
    public ulong DroppedUntil;

    /// <summary>The same for those that pass. Whoever wants these wants the dropped ones, too.</summary>
    public ulong PassedUntil;

    /// <summary>Frames that somebody wanted so far.</summary>
    public ulong Wanted;

    /// <summary>Those of them that were taken; the last one is in slot (this - 1) modulo <see cref="SlotCount"/>.</summary>
    public ulong Taken;
}

/// <summary>A frame that was taken; its first bytes follow.</summary>
[StructLayout(LayoutKind.Sequential, Size = HeaderSize)]
public struct CaptureSlot
{
    /// <summary>Bytes of a slot.</summary>
    public const int Size = 512;

    /// <summary>Bytes before the frame.</summary>
    public const int HeaderSize = 40;

    /// <summary>Bytes of a frame that are kept.</summary>
    public const int BytesMax = Size - HeaderSize;

    /// <summary>The frame's number from 1, or 0 while the slot is written.</summary>
    public ulong Number;

    /// <summary>The TSC.</summary>
    public ulong Time;

    /// <summary>Generation of the table that judged it; 0 if there was none.</summary>
    public ulong Generation;

    /// <summary>Bytes of the frame.</summary>
    public uint Length;

    /// <summary>
    /// The states in which Linux may have seen it (<see cref="Connections.ConnectionStates"/>); by rules that ask for connections, what the core's tracking
    /// knew of it (<see cref="Tracking.TrackedPacket.ToBits"/>).
    /// </summary>
    public uint States;

    /// <summary>Bytes that were kept.</summary>
    public ushort Kept;

    /// <summary>The core's decision.</summary>
    public CaptureVerdict Verdict;
}

/// <summary>The core's decision on a frame.</summary>
public enum CaptureVerdict : ushort
{
    /// <summary>The frame went to Linux.</summary>
    Passed = 1,

    /// <summary>A rule dropped the frame.</summary>
    DroppedByRule = 2,

    /// <summary>The policy of a chain dropped the frame.</summary>
    DroppedByPolicy = 3,

    /// <summary>The frame was dropped after it was judged in full: by a rule, by a policy, or since it is malformed.</summary>
    Dropped = 4,

    /// <summary>The frame was dropped since there was no table.</summary>
    DroppedWithoutTable = 5,

    /// <summary>Linux sent the frame, and a rule dropped it.</summary>
    SentDroppedByRule = 6,

    /// <summary>Linux sent the frame, and the policy of a chain dropped it.</summary>
    SentDroppedByPolicy = 7,
}

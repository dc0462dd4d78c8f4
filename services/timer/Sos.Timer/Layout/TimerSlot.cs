using System.Runtime.InteropServices;

namespace Sos.Timer.Layout;

/// <summary>The state of a timer.</summary>
public enum TimerState : uint
{
    /// <summary>Never armed, or cancelled.</summary>
    Idle = 0,

    /// <summary>Waits for its deadline.</summary>
    Armed = 1,

    /// <summary>Has expired, and had no period.</summary>
    Expired = 2,
}

/// <summary>struct sos_timer_slot: what became of one timer. Written by the service alone, which never reads it.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct TimerSlot
{
    /// <summary>Bytes of a slot: a cache line.</summary>
    public const int Size = 64;

    /// <summary>Number of the last request that was answered for this timer, as <see cref="TimerArea.Producer"/> counts them, from 1.</summary>
    [FieldOffset(0)] public uint Answered;

    /// <summary>The answer.</summary>
    [FieldOffset(4)] public TimerError Error;

    /// <summary>See <see cref="TimerState"/>.</summary>
    [FieldOffset(8)] public TimerState State;

    /// <summary>Expirations since the timer was armed; the word to spin on for this timer alone. Every period counts, served or not.</summary>
    [FieldOffset(16)] public ulong Expirations;

    /// <summary>Expirations that were not served within the service's tolerance.</summary>
    [FieldOffset(24)] public ulong Misses;

    /// <summary>Expirations that were served together with a later one, as timerfd counts them.</summary>
    [FieldOffset(32)] public ulong Overruns;

    /// <summary>TSC at which the last expiration was due.</summary>
    [FieldOffset(40)] public ulong DueTsc;

    /// <summary>TSC at which it was served.</summary>
    [FieldOffset(48)] public ulong ServedTsc;

    /// <summary>The longest time from due to served, in TSC ticks.</summary>
    [FieldOffset(56)] public ulong LatenessMax;
}

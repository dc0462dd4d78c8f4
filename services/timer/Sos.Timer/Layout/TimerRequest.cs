using System.Runtime.InteropServices;
using Sos.Sdk.Time;

namespace Sos.Timer.Layout;

/// <summary>The kind of a request.</summary>
public enum TimerOperation : uint
{
    /// <summary>Arms a timer, whatever it did before.</summary>
    Arm = 1,

    /// <summary>Disarms a timer.</summary>
    Cancel = 2,
}

/// <summary>SOS_TIMER_*: flags of a request.</summary>
[System.Flags]
public enum TimerFlags : uint
{
    /// <summary>The deadline is a time from now on; on a clock that can be set, steps do not move it.</summary>
    None = 0,

    /// <summary>SOS_TIMER_ABSOLUTE: the deadline is a point in time of the clock.</summary>
    Absolute = 1,
}

/// <summary>SOS_TIMER_E*: the answer to a request.</summary>
public enum TimerError : uint
{
    /// <summary>Done.</summary>
    None = 0,

    /// <summary>Neither arm nor cancel.</summary>
    BadOperation = 1,

    /// <summary>No such clock.</summary>
    BadClock = 2,

    /// <summary>Unknown flags.</summary>
    BadFlags = 3,

    /// <summary>A period below a microsecond, or beyond a century.</summary>
    BadPeriod = 4,

    /// <summary>A relative deadline that lies beyond the end of the clock.</summary>
    BadDeadline = 5,
}

/// <summary>struct sos_timer_request: one entry of the ring. Written by the client, copied once by the service.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct TimerRequest
{
    /// <summary>Bytes of a request: a cache line.</summary>
    public const int Size = 64;

    /// <summary>The request's kind.</summary>
    [FieldOffset(0)] public TimerOperation Operation;

    /// <summary>Number of the timer, below <see cref="TimerArea.Timers"/>.</summary>
    [FieldOffset(4)] public uint Timer;

    /// <summary>The clock.</summary>
    [FieldOffset(8)] public ClockId Clock;

    /// <summary>See <see cref="TimerFlags"/>.</summary>
    [FieldOffset(12)] public TimerFlags Flags;

    /// <summary>When it expires first: ns, or ticks for the TSC.</summary>
    [FieldOffset(16)] public ulong Deadline;

    /// <summary>From one expiration to the next, 0 for one alone: ns, or ticks for the TSC.</summary>
    [FieldOffset(24)] public ulong Period;
}

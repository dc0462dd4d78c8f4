namespace Sos.Sdk.Time;

/// <summary>The clock that a deadline counts by.</summary>
public enum ClockId : uint
{
    /// <summary>The TSC, in its own ticks.</summary>
    Tsc = 0,

    /// <summary>CLOCK_MONOTONIC, in ns.</summary>
    Monotonic = 1,

    /// <summary>CLOCK_REALTIME, in ns since 1970: it can be set.</summary>
    Realtime = 2,

    /// <summary>CLOCK_TAI, in ns: CLOCK_REALTIME without leap seconds.</summary>
    Tai = 3,
}

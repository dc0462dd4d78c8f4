using System;

namespace Sos.Cores.Native;

/// <summary>The driver's unit of time: nanoseconds.</summary>
internal static class DriverTime
{
    /// <summary>Nanoseconds of a time that is not negative.</summary>
    public static ulong ToNs(TimeSpan time) => checked((ulong)time.Ticks * TimeSpan.NanosecondsPerTick);

    /// <summary>A time of the driver, to 100 ns.</summary>
    public static TimeSpan FromNs(ulong ns) => TimeSpan.FromTicks((long)(ns / TimeSpan.NanosecondsPerTick));
}

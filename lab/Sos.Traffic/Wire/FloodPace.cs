using System;

namespace Sos.Traffic.Wire;

/// <summary>
/// When the flood's frames are due: evenly spaced, as a link would bring them. Frames that the wire could not send in time, for
/// it did not run, are given up and counted: sent later, they would come as a burst that no link carries.
/// </summary>
/// <param name="framesPerSecond">The rate; 0 for none.</param>
/// <param name="burstMax">How many frames may be due at once.</param>
internal sealed class FloodPace(long framesPerSecond, int burstMax)
{
    private const long NanosecondsPerSecond = 1_000_000_000;
    private long _start = -1;
    private long _accounted;

    /// <summary>Frames that were given up since the wire was late.</summary>
    public long Late { get; private set; }

    /// <summary>How many frames are to be sent now.</summary>
    /// <param name="nowNs">A clock that never goes back, in nanoseconds; the first call starts the pace.</param>
    public int Due(long nowNs)
    {
        if (_start < 0)
        {
            _start = nowNs;
        }

        long due = (long)((Int128)framesPerSecond * (nowNs - _start) / NanosecondsPerSecond) - _accounted;
        _accounted += due;
        int now = (int)Math.Min(due, burstMax);
        Late += due - now;
        return now;
    }
}

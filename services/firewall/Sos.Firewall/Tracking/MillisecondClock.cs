using System.Runtime.CompilerServices;

namespace Sos.Firewall.Tracking;

/// <summary>
/// Counts milliseconds in 32 bits, which come round after 49 days: far longer than any flow's timeout. It never goes back, even where the TSC's
/// frequency becomes known, or better known, while it counts.
/// </summary>
public struct MillisecondClock
{
    private ulong _ticksPerMillisecond;
    private ulong _last;

    /// <summary>The time.</summary>
    public uint Now { get; private set; }

    /// <summary>Tells the TSC's frequency from now on.</summary>
    /// <param name="ticksPerMillisecond">Ticks of a millisecond; 0 where nobody knows yet, which counts as a guess.</param>
    /// <param name="tsc">The TSC.</param>
    public void Begin(ulong ticksPerMillisecond, ulong tsc)
    {
        const ulong Guess = 2_000_000; // a processor of 2 GHz
        if (_ticksPerMillisecond == 0)
        {
            _last = tsc;
        }

        Advance(tsc);
        _ticksPerMillisecond = ticksPerMillisecond != 0 ? ticksPerMillisecond : Guess;
    }

    /// <summary>Goes on to a time.</summary>
    /// <param name="tsc">The TSC.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(ulong tsc)
    {
        ulong ticks = tsc - _last;
        if (ticks >= _ticksPerMillisecond && _ticksPerMillisecond != 0)
        {
            // What lies before the last time is a TSC of another core: no time went by.
            ulong milliseconds = (long)ticks < 0 ? 0 : ticks / _ticksPerMillisecond;
            _last += milliseconds * _ticksPerMillisecond;
            Now += (uint)milliseconds;
        }
    }

    /// <summary>Whether a time has come.</summary>
    /// <param name="time">The time, at most half of all the clock's times away.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool IsPast(uint time) => (int)(Now - time) >= 0;
}

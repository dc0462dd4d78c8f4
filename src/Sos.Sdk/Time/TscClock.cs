using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Time;

/// <summary>
/// Turns the TSC into Linux's clocks. It works from a copy of the control region's clock record, so that it goes on
/// when Linux hangs, even in the middle of an update.
/// </summary>
public unsafe struct TscClock
{
    private readonly ClockLayout* _shared;
    private ClockLayout _copy;

    /// <summary>Reads the record at <paramref name="shared"/> a first time.</summary>
    public TscClock(ClockLayout* shared)
    {
        _shared = shared;
        TryRefresh();
    }

    /// <summary>Nominal TSC frequency in kHz; 0 when Linux has not told it yet.</summary>
    public readonly ulong TscKhz => _copy.TscKhz;

    /// <summary>Takes over Linux's latest update, so that the clocks follow its corrections. Never waits.</summary>
    /// <returns>False when Linux was just writing: the former copy stays valid.</returns>
    public bool TryRefresh()
    {
        uint sequence = MemoryOrdering.LoadAcquire(ref _shared->Sequence);
        ClockLayout copy = *_shared;
        MemoryOrdering.LoadLoadFence();
        if ((sequence & 1) != 0 || MemoryOrdering.LoadAcquire(ref _shared->Sequence) != sequence || copy.Shift > 63)
        {
            return false;
        }

        _copy = copy;
        return true;
    }

    /// <summary>
    /// Takes over Linux's latest update if there is one: one load of a word that seldom changes, so that it can be called in every pass.
    /// </summary>
    /// <returns>Whether the conversion is another now.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Follow() => MemoryOrdering.LoadAcquire(ref _shared->Sequence) != _copy.Sequence && TryRefresh();

    /// <summary>A clock at <paramref name="tsc"/>, in its units.</summary>
    public readonly ulong Read(ClockId clock, ulong tsc) => clock == ClockId.Tsc ? tsc : At(tsc, Base(clock));

    /// <summary>The first TSC at which a clock, as it runs now, has come to <paramref name="value"/>.</summary>
    /// <returns>0 if that was before the TSC began, <see cref="ulong.MaxValue"/> if it never comes.</returns>
    public readonly ulong TscAt(ClockId clock, ulong value)
    {
        if (clock == ClockId.Tsc)
        {
            return value;
        }

        ulong start = Base(clock);
        if (value >= start)
        {
            ulong ticks = TicksToReach(value - start);
            return ticks > ulong.MaxValue - _copy.BaseTsc ? ulong.MaxValue : _copy.BaseTsc + ticks;
        }

        // Before the update: the last tick that is not later than the value by this conversion.
        ulong before = TicksToReach(start - value);
        return before > _copy.BaseTsc ? 0 : _copy.BaseTsc - before;
    }

    /// <summary>How far a clock is ahead of CLOCK_MONOTONIC, in ns, modulo 2^64: what a step changes and a slew does not.</summary>
    public readonly ulong OffsetNs(ClockId clock) => clock == ClockId.Tsc ? 0 : Base(clock) - _copy.MonotonicNs;

    /// <summary>CLOCK_MONOTONIC at <paramref name="tsc"/>, in ns.</summary>
    public readonly ulong MonotonicNs(ulong tsc) => At(tsc, _copy.MonotonicNs);

    /// <summary>CLOCK_REALTIME at <paramref name="tsc"/>, in ns.</summary>
    public readonly ulong RealtimeNs(ulong tsc) => At(tsc, _copy.RealtimeNs);

    /// <summary>CLOCK_TAI at <paramref name="tsc"/>, in ns.</summary>
    public readonly ulong TaiNs(ulong tsc) => At(tsc, _copy.TaiNs);

    /// <summary>How long <paramref name="ticks"/> of the TSC take, in ns.</summary>
    public readonly ulong NanosecondsFromTicks(ulong ticks)
    {
        ulong high = Math.BigMul(ticks, _copy.Mult, out ulong low);
        int shift = (int)_copy.Shift;
        return shift == 0 ? low : (high << (64 - shift)) | (low >> shift);
    }

    /// <summary>How many ticks of the TSC <paramref name="nanoseconds"/> take, by its nominal frequency, rounded down.</summary>
    public readonly ulong TicksFromNanoseconds(ulong nanoseconds)
    {
        // Whole milliseconds first: the product of the rest stays below 2^64 for every frequency.
        ulong milliseconds = nanoseconds / 1_000_000;
        return (milliseconds * _copy.TscKhz) + ((nanoseconds % 1_000_000) * _copy.TscKhz / 1_000_000);
    }

    private readonly ulong Base(ClockId clock) => clock switch
    {
        ClockId.Realtime => _copy.RealtimeNs,
        ClockId.Tai => _copy.TaiNs,
        _ => _copy.MonotonicNs,
    };

    // (ns << shift) / mult, rounded up: the fewest ticks that take so long.
    private readonly ulong TicksToReach(ulong ns)
    {
        ulong mult = _copy.Mult;
        int shift = (int)_copy.Shift;
        if (mult == 0)
        {
            return ulong.MaxValue;
        }

        ulong quotient;
        ulong rest;
        if (ns >> (63 - shift) == 0)
        {
            ulong scaled = ns << shift;
            quotient = scaled / mult;
            rest = scaled % mult;
        }
        else
        {
            // Beyond 64 bits, hours away: bit by bit, as on paper.
            quotient = ns / mult;
            rest = ns % mult;
            for (int i = 0; i < shift; i++)
            {
                if (quotient >> 63 != 0)
                {
                    return ulong.MaxValue;
                }

                bool carry = rest >> 63 != 0;
                rest <<= 1;
                bool one = carry || rest >= mult;
                quotient = (quotient << 1) | (one ? 1UL : 0);
                rest = one ? rest - mult : rest;
            }
        }

        return rest == 0 || quotient == ulong.MaxValue ? quotient : quotient + 1;
    }

    private readonly ulong At(ulong tsc, ulong baseNs)
    {
        // The TSC may have been read just before the update that we took over.
        long ticks = (long)(tsc - _copy.BaseTsc);
        return ticks >= 0 ? baseNs + NanosecondsFromTicks((ulong)ticks) : baseNs - NanosecondsFromTicks((ulong)-ticks);
    }
}

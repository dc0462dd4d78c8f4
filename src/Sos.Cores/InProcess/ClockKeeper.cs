using System;
using System.Threading;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Cores.InProcess;

/// <summary>
/// Keeps a service's clock record in step with Linux where no driver does it: in a process. A step reaches the service within
/// <see cref="Period"/>, and a reading is as exact as that of a program that is interrupted now and then.
/// </summary>
public sealed unsafe class ClockKeeper : IDisposable
{
    private const ulong RateWindowNs = 1_000_000_000;
    private const int FractionBits = 32;

    /// <summary>From one update to the next.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(5);

    private readonly MappedMemory _memory;
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _thread;
    private readonly ulong _nominal;
    private (ulong Tsc, ulong Ns) _window;
    private ulong _rate;
    private ulong _realtimeOffset;
    private ulong _taiOffset;

    /// <summary>Follows from now on.</summary>
    /// <param name="control">A mapping of the control region, which is disposed with this.</param>
    public ClockKeeper(MappedMemory control)
    {
        _memory = control;
        _nominal = Clock->Mult << (FractionBits - (int)Math.Min(Clock->Shift, FractionBits));
        _rate = _nominal;
        _window = ClockCalibration.Bracket();
        _thread = new Thread(Run) { IsBackground = true, Name = "sos-clock" };
        _thread.Start();
    }

    private ClockLayout* Clock => &((ServiceControl*)_memory.Address)->Clock;

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _memory.Dispose();
        _end.Dispose();
    }

    private void Run()
    {
        while (!_end.Wait(Period))
        {
            Update();
        }
    }

    private void Update()
    {
        (ulong Tsc, ulong Ns) now = ClockCalibration.Bracket();
        MeasureRate(now);
        _realtimeOffset = Offset(Libc.ClockRealtime, _realtimeOffset);
        _taiOffset = Offset(Libc.ClockTai, _taiOffset);
        ClockLayout* clock = Clock;
        uint sequence = (clock->Sequence | 1) + 2;
        MemoryOrdering.StoreRelease(ref clock->Sequence, sequence);
        MemoryOrdering.StoreStoreFence();
        clock->Shift = FractionBits;
        clock->Mult = _rate;
        clock->BaseTsc = now.Tsc;
        clock->MonotonicNs = now.Ns;
        clock->RealtimeNs = now.Ns + _realtimeOffset;
        clock->TaiNs = now.Ns + _taiOffset;
        MemoryOrdering.StoreRelease(ref clock->Sequence, sequence + 1);
    }

    // A pause of the machine makes a rate that is none.
    private void MeasureRate((ulong Tsc, ulong Ns) now)
    {
        if (now.Ns - _window.Ns < RateWindowNs)
        {
            return;
        }

        ulong measured = (ulong)(((UInt128)(now.Ns - _window.Ns) << FractionBits) / (now.Tsc - _window.Tsc));
        _rate = measured > _nominal - (_nominal / 8) && measured < _nominal + (_nominal / 8) ? measured : _rate;
        _window = now;
    }

    // A clock is read between two readings of CLOCK_MONOTONIC; an offset that agrees with the former one to within these is the former one.
    private static ulong Offset(int clock, ulong former)
    {
        ulong width = ulong.MaxValue;
        ulong best = former;
        for (int i = 0; i < 8; i++)
        {
            ulong before = Libc.NowNs(Libc.ClockMonotonic);
            ulong time = Libc.NowNs(clock);
            ulong after = Libc.NowNs(Libc.ClockMonotonic);
            if (after - before < width)
            {
                width = after - before;
                best = time - before - (width / 2);
            }
        }

        long change = (long)(best - former);
        return Math.Abs(change) <= (long)width ? former : best;
    }
}

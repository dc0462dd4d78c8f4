using System;
using System.Diagnostics;
using System.Threading;
using Sos.Linux;

namespace Sos.Traffic.Wire;

/// <summary>
/// The wire between the good clients' tap device and the machine's card, and the flood that comes in with them. One thread
/// moves frames; all other members may be called from any thread.
/// <code>
///   clients ── tap ──►─┐                 ┌─► receive ring ── the machine's card
///                      ├── this loop ────┤
///   the flood ──────►──┘                 └── transmit ring ──► tap
/// </code>
/// A frame that finds no free buffer in the receive ring is lost, as on a card whose driver does not keep up.
/// </summary>
internal sealed unsafe class WireLoop(VhostUserCard card, TapPort tap, byte[] frames)
{
    private const int FrameMax = 2048;

    /// <summary>Frames that a 1 Mpps link brings in a quarter of a millisecond; the receive ring is four times as large.</summary>
    private const int FloodBurstMax = 256;

    /// <summary>After so many flood frames the clients' frames get their turn: both meet the same ring.</summary>
    private const int FloodSlice = 32;

    private const int TurnBudget = 64;

    /// <summary>As long as a card holds its interrupts together: a wake-up costs this CPU as much as some ten frames.</summary>
    private const long PauseNs = 200_000;

    private const long ControlIntervalNs = 2_000_000;

    private readonly int _frameCount = frames.Length / FloodFrames.Length;
    private FloodPace _pace = new(0, FloodBurstMax);
    private volatile bool _stopping;
    private long _start;
    private int _nextFrame;
    private long _late;
    private long _floodFull;
    private long _floodDelivered;
    private long _goodFull;
    private long _goodDelivered;
    private long _taken;
    private long _refused;

    /// <summary>Starts a flood at a rate, or ends it with 0.</summary>
    public void SetFlood(long framesPerSecond)
    {
        FloodPace before = Interlocked.Exchange(ref _pace, new FloodPace(framesPerSecond, FloodBurstMax));
        _ = Interlocked.Add(ref _late, before.Late);
    }

    /// <summary>Ends the loop.</summary>
    public void Stop() => _stopping = true;

    /// <summary>The counters now. Each is exact; between two of them a few frames may pass.</summary>
    public WireStatistics Read() => new()
    {
        TimeS = Stopwatch.GetElapsedTime(Volatile.Read(ref _start)).TotalSeconds,
        FloodLate = Interlocked.Read(ref _late) + _pace.Late,
        FloodRingFull = Volatile.Read(ref _floodFull),
        FloodDelivered = Volatile.Read(ref _floodDelivered),
        GoodRingFull = Volatile.Read(ref _goodFull),
        GoodDelivered = Volatile.Read(ref _goodDelivered),
        GoodLate = tap.Dropped,
        FromMachine = Volatile.Read(ref _taken),
        FromMachineRefused = Volatile.Read(ref _refused),
        Interrupts = card.Receive.Signals + card.Transmit.Signals,
    };

    /// <summary>Moves frames until <see cref="Stop"/> is called or QEMU is gone.</summary>
    public void Run()
    {
        byte* buffer = stackalloc byte[FrameMax];
        fixed (byte* flood = frames)
        {
            Volatile.Write(ref _start, Stopwatch.GetTimestamp());
            long controlDue = 0;
            while (!_stopping)
            {
                long now = Now();
                if (now >= controlDue)
                {
                    controlDue = now + ControlIntervalNs;
                    if (!card.Serve())
                    {
                        return;
                    }
                }

                bool busy = Turn(flood, buffer, now);
                if (!busy)
                {
                    Pause();
                }
            }
        }
    }

    private bool Turn(byte* flood, byte* buffer, long now)
    {
        int due = _pace.Due(now);
        bool busy = false;
        do
        {
            int slice = Math.Min(due, FloodSlice);
            due -= slice;
            Inject(flood, slice);
            busy |= FromClients(buffer);
        }
        while (due > 0);
        if (card.Receive.Running)
        {
            card.Receive.Flush();
        }

        return busy | FromMachine(buffer);
    }

    private void Inject(byte* flood, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _nextFrame = _nextFrame + 1 == _frameCount ? 0 : _nextFrame + 1;
            if (card.Receive.Running && card.Receive.TryDeliver(flood + (_nextFrame * FloodFrames.Length), FloodFrames.Length))
            {
                _floodDelivered++;
            }
            else
            {
                _floodFull++;
            }
        }
    }

    private bool FromClients(byte* buffer)
    {
        int moved = 0;
        for (int length; moved < TurnBudget && (length = tap.TryRead(buffer, FrameMax)) > 0; moved++)
        {
            if (card.Receive.Running && card.Receive.TryDeliver(buffer, length))
            {
                _goodDelivered++;
            }
            else
            {
                _goodFull++;
            }
        }

        return moved == TurnBudget;
    }

    private bool FromMachine(byte* buffer)
    {
        int moved = 0;
        while (card.Transmit.Running && moved < TurnBudget)
        {
            int length = card.Transmit.TryTake(buffer, FrameMax);
            if (length < 0)
            {
                break;
            }

            moved++;
            _taken++;
            if (length == 0 || !tap.TryWrite(buffer, length))
            {
                _refused++;
            }
        }

        if (card.Transmit.Running)
        {
            card.Transmit.Flush();
        }

        return moved == TurnBudget;
    }

    // Sleeps a moment, or less if the clients send: other threads share this CPU.
    private void Pause()
    {
        Libc.PollDescriptor entry = new() { Descriptor = tap.Descriptor, Events = Libc.PollIn };
        Libc.TimeSpecification pause = new() { Nanoseconds = PauseNs };
        _ = Libc.PollNs(&entry, 1, &pause, null);
    }

    private static long Now() => (long)(Stopwatch.GetTimestamp() * (1_000_000_000.0 / Stopwatch.Frequency));
}

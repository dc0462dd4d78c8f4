using System;
using System.Threading;
using Sos.Abi;
using Sos.Linux;

namespace Sos.Runner;

/// <summary>
/// Keeps a service: makes the system calls that it cannot, on a cpu of Linux. It sleeps until the service or Linux has something for the
/// other, and ends with the service's process.
/// </summary>
internal static unsafe class Keeper
{
    // As often as the SDK's upkeep reads a card's link: who has another way takes it within ten milliseconds.
    private const int IntervalMs = 5;
    private const int SpinRounds = 50;

    private static KeeperPage* _page;

    /// <summary>Runs until the service's process ends.</summary>
    /// <returns>The exit code.</returns>
    public static int Run()
    {
        void* memory = Libc.Mmap(
            null, (nuint)sizeof(KeeperPage), Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, RunnerPage.PageDescriptor, 0);
        if (memory == Libc.MapFailed || ((KeeperPage*)memory)->Magic != KeeperPage.MagicValue)
        {
            return 2;
        }

        _page = (KeeperPage*)memory;
        SocketKeeper[] sockets = [];
        TapPump[] taps = [];
        ServiceWatch watch = default;
        CapturePump capture = default;
        int errno = CreateSockets(ref sockets);
        errno = errno != 0 ? errno : CreateTaps(ref taps);
        errno = errno != 0 ? errno : CapturePump.Create(_page, out capture);
        errno = errno != 0 ? errno : ServiceWatch.Create(_page, out watch);
        errno = errno != 0 ? errno : Containment.RestrictKeeper(_page->RunnerProcess);
        if (errno != 0)
        {
            _page->Errno = errno;
            Volatile.Write(ref _page->State, (uint)KeeperState.SetupFailed);
            return 1;
        }

        Volatile.Write(ref _page->State, (uint)KeeperState.Running);
        Loop(sockets, taps, ref capture, ref watch);
        Volatile.Write(ref _page->State, (uint)KeeperState.Ended);
        ProcessCalls.ExitNow(0);
        return 0;
    }

    private static int CreateSockets(ref SocketKeeper[] sockets)
    {
        int errno = 0;
        for (int i = 0; i < KeeperPage.PortsMax && _page->Sockets[i].Socket >= 0 && errno == 0; i++)
        {
            errno = SocketKeeper.Create(_page, in _page->Sockets[i], out SocketKeeper socket);
            sockets = [.. sockets, socket];
        }

        return errno;
    }

    private static int CreateTaps(ref TapPump[] taps)
    {
        int errno = 0;
        for (int i = 0; i < KeeperPage.PortsMax && _page->Taps[i].Tap >= 0 && errno == 0; i++)
        {
            errno = TapPump.Create(_page, in _page->Taps[i], out TapPump tap);
            taps = [.. taps, tap];
        }

        return errno;
    }

    private static void Loop(Span<SocketKeeper> sockets, ReadOnlySpan<TapPump> taps, ref CapturePump capture, ref ServiceWatch watch)
    {
        long next = 0;
        int idle = 0;
        while (true)
        {
            bool worked = Work(sockets, taps) | capture.Work();
            long now = Environment.TickCount64;
            if (now >= next)
            {
                next = now + Math.Min(IntervalMs, watch.IntervalMs);
                foreach (ref SocketKeeper socket in sockets)
                {
                    socket.ReadLink();
                }

                watch.Look(now);
                if (HasEnded(0))
                {
                    return;
                }
            }

            idle = worked ? 0 : idle + 1;
            if (idle < SpinRounds || _page->BusyPoll != 0)
            {
                continue;
            }

            // Arm, fence, look again; the service moves an index, fences and looks at armed.
            Arm(sockets, taps, true);
            capture.Arm(true);
            Interlocked.MemoryBarrier();
            bool ended = !HasWork(sockets, taps, out bool isStuck) && !capture.HasWork && HasEnded(isStuck ? 1 : (int)Math.Max(1, next - now));
            Arm(sockets, taps, false);
            capture.Arm(false);
            if (ended)
            {
                return;
            }
        }
    }

    private static bool Work(Span<SocketKeeper> sockets, ReadOnlySpan<TapPump> taps)
    {
        bool worked = false;
        foreach (ref SocketKeeper socket in sockets)
        {
            worked |= socket.Work();
        }

        foreach (ref readonly TapPump tap in taps)
        {
            worked |= tap.Work();
        }

        return worked;
    }

    private static void Arm(ReadOnlySpan<SocketKeeper> sockets, ReadOnlySpan<TapPump> taps, bool armed)
    {
        foreach (ref readonly SocketKeeper socket in sockets)
        {
            socket.Arm(armed);
        }

        foreach (ref readonly TapPump tap in taps)
        {
            tap.Arm(armed);
        }
    }

    private static bool HasWork(ReadOnlySpan<SocketKeeper> sockets, ReadOnlySpan<TapPump> taps, out bool isStuck)
    {
        bool hasWork = false;
        isStuck = false;
        foreach (ref readonly SocketKeeper socket in sockets)
        {
            hasWork |= socket.HasWork;
            isStuck |= socket.IsStuck;
        }

        foreach (ref readonly TapPump tap in taps)
        {
            hasWork |= tap.HasWork;
        }

        return hasWork;
    }

    /// <summary>Waits for something to do, at most for a time.</summary>
    /// <returns>Whether the service's process has ended.</returns>
    private static bool HasEnded(int timeoutMs)
    {
        Libc.PollDescriptor* descriptors = stackalloc Libc.PollDescriptor[2];
        descriptors[0] = new Libc.PollDescriptor { Descriptor = _page->Runner, Events = Libc.PollIn };
        descriptors[1] = new Libc.PollDescriptor { Descriptor = _page->Notifier, Events = Libc.PollIn };
        if (Libc.Poll(descriptors, 2, timeoutMs) <= 0)
        {
            return false;
        }

        if (descriptors[1].Returned != 0)
        {
            ulong count;
            _page->Wakes += ProcessCalls.Read(_page->Notifier, &count, sizeof(ulong)) == sizeof(ulong) ? 1u : 0u;
        }

        return descriptors[0].Returned != 0;
    }
}

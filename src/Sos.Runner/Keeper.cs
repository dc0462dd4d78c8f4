using System;
using System.Threading;
using Sos.Cores.Loading;

namespace Sos.Runner;

/// <summary>
/// Keeps a service: makes the system calls that it cannot, on a cpu of Linux. It sleeps until the service or Linux has something for the
/// other, and ends with the service's process.
/// </summary>
internal static unsafe class Keeper
{
    private const int IntervalMs = 50;
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
        SocketKeeper socket = default;
        TapPump tap = default;
        ServiceWatch watch = default;
        CapturePump capture = default;
        int errno = SocketKeeper.Create(_page, out socket);
        errno = errno != 0 ? errno : TapPump.Create(_page, out tap);
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
        Loop(ref socket, ref tap, ref capture, ref watch);
        Volatile.Write(ref _page->State, (uint)KeeperState.Ended);
        Libc.ExitNow(0);
        return 0;
    }

    private static void Loop(ref SocketKeeper socket, ref TapPump tap, ref CapturePump capture, ref ServiceWatch watch)
    {
        long next = 0;
        int idle = 0;
        while (true)
        {
            bool worked = socket.Work() | tap.Work() | capture.Work();
            long now = Environment.TickCount64;
            if (now >= next)
            {
                next = now + Math.Min(IntervalMs, watch.IntervalMs);
                socket.ReadLink();
                watch.Look(now);
                if (HasEnded(0, ref tap))
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
            socket.Arm(true);
            tap.Arm(true);
            capture.Arm(true);
            Interlocked.MemoryBarrier();
            bool ended = !socket.HasWork && !tap.HasWork && !capture.HasWork && HasEnded(socket.IsStuck ? 1 : (int)Math.Max(1, next - now), ref tap);
            socket.Arm(false);
            tap.Arm(false);
            capture.Arm(false);
            if (ended)
            {
                return;
            }
        }
    }

    /// <summary>Waits for something to do, at most for a time.</summary>
    /// <returns>Whether the service's process has ended.</returns>
    private static bool HasEnded(int timeoutMs, ref TapPump tap)
    {
        Libc.PollDescriptor* descriptors = stackalloc Libc.PollDescriptor[3];
        descriptors[0] = new Libc.PollDescriptor { Descriptor = _page->Runner, Events = Libc.PollDescriptor.In };
        descriptors[1] = new Libc.PollDescriptor { Descriptor = _page->Notifier, Events = Libc.PollDescriptor.In };

        // A negative descriptor is left out: without room for a frame it does not matter that there is one.
        descriptors[2] = new Libc.PollDescriptor { Descriptor = tap.CanTake ? _page->Tap : -1, Events = Libc.PollDescriptor.In };
        if (Libc.Poll(descriptors, 3, timeoutMs) <= 0)
        {
            return false;
        }

        if (descriptors[1].Returned != 0)
        {
            ulong count;
            _page->Wakes += Libc.Read(_page->Notifier, &count, sizeof(ulong)) == sizeof(ulong) ? 1u : 0u;
        }

        return descriptors[0].Returned != 0;
    }
}

using System;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Abi;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Runner;

/// <summary>The watchdog: ends a service whose polls stand still, as the driver does on an unplugged core.</summary>
internal unsafe struct ServiceWatch
{
    private const uint HungVector = 0x101; // SOS_FAULT_HUNG
    private const long InitialiseMs = 10_000; // SOS_INITIALISE_MS
    private const long NsPerMs = 1_000_000;

    private KeeperPage* _page;
    private ServiceControl* _control;
    private RunnerPage* _runner;
    private ulong _polls;
    private long _since;
    private long _boundMs;
    private bool _fired;

    /// <summary>How often to look.</summary>
    public readonly long IntervalMs => _boundMs == 0 ? long.MaxValue : Math.Max(1, _boundMs / 4);

    /// <summary>Maps the service's control region.</summary>
    /// <returns>0 or an errno.</returns>
    public static int Create(KeeperPage* page, out ServiceWatch watch)
    {
        watch = default;
        void* control = Libc.Mmap(null, ServiceControl.Size, Libc.ProtectRead, Libc.MapShared, page->Control, 0);
        void* runner = Libc.Mmap(
            null, (nuint)sizeof(RunnerPage), Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, page->RunnerPage, 0);
        if (control == Libc.MapFailed || runner == Libc.MapFailed)
        {
            return Marshal.GetLastPInvokeError();
        }

        watch._page = page;
        watch._control = (ServiceControl*)control;
        watch._runner = (RunnerPage*)runner;
        watch._boundMs = (long)((page->WatchdogNs + NsPerMs - 1) / NsPerMs);
        watch._since = Environment.TickCount64;
        return 0;
    }

    /// <summary>Looks whether the service has polled.</summary>
    public void Look(long now)
    {
        ulong polls = Volatile.Read(ref _control->Polls);
        bool running = Volatile.Read(ref _runner->State) == (uint)RunnerState.Entered;
        if (_boundMs == 0 || !running || polls != _polls)
        {
            (_polls, _since) = (polls, now);
            return;
        }

        long bound = polls == 0 ? Math.Max(_boundMs, InitialiseMs) : _boundMs;
        if (now - _since > bound && !_fired)
        {
            // The runner's handler records where the service stood.
            _fired = true;
            Volatile.Write(ref _runner->ForcedVector, HungVector);
            _ = SignalCalls.SendToThread(_page->RunnerProcess, _page->RunnerProcess, SignalCalls.Sigusr1);
        }
    }
}

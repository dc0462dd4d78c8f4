using System;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Cores.Native;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Cores.InProcess;

/// <summary>
/// Signals the eventfds of programs when a service in a process sets bits of its events and notifies: what the driver's interrupt does for an
/// unplugged core.
/// </summary>
public sealed unsafe class EventPump : IDisposable
{
    private const int EventsMax = 64; // bits of sos_control.events
    private const int RoundMs = 100; // to see that it is to end

    private readonly SafeHandle _notifier;
    private readonly MappedMemory _control;
    private readonly FileDescriptor?[] _events = new FileDescriptor?[EventsMax];
    private readonly Lock _lock = new();
    private readonly Thread _thread;
    private volatile bool _ends;

    /// <summary>Passes events on from now on.</summary>
    /// <param name="notifier">The eventfd that the gate of the service writes to, read by nobody else; disposed with this.</param>
    /// <param name="control">A mapping of the control region, disposed with this.</param>
    public EventPump(SafeHandle notifier, MappedMemory control)
    {
        _notifier = notifier;
        _control = control;
        _thread = new Thread(Run) { IsBackground = true, Name = "sos-events" };
        _thread.Start();
    }

    /// <summary>Binds an eventfd to a bit; null unbinds.</summary>
    /// <param name="index">The bit.</param>
    /// <param name="eventFd">The eventfd; it stays the caller's, who may close it at any time.</param>
    public void Bind(uint index, SafeHandle? eventFd)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, (uint)EventsMax);
        FileDescriptor? own = eventFd is null
            ? null
            : FileDescriptor.Raise(
                ProcessCalls.Fcntl((int)eventFd.DangerousGetHandle(), ProcessCalls.DuplicateCloseOnExec, 0), "binding an eventfd");
        GC.KeepAlive(eventFd);
        lock (_lock)
        {
            _events[index]?.Dispose();
            _events[index] = own;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ends = true;
        _thread.Join();
        Array.ForEach(_events, bound => bound?.Dispose());
        _control.Dispose();
        _notifier.Dispose();
    }

    private void Run()
    {
        int notifier = (int)_notifier.DangerousGetHandle();
        while (!_ends)
        {
            Libc.PollDescriptor poll = new() { Descriptor = notifier, Events = Libc.PollIn };
            if (Libc.Poll(&poll, 1, RoundMs) <= 0)
            {
                continue;
            }

            // First the count, then the bits: a notification that comes in between has its bits taken now and wakes once more for nothing.
            ulong count;
            _ = ProcessCalls.Read(notifier, &count, sizeof(ulong));
            Signal(Interlocked.Exchange(ref ((ServiceControl*)_control.Address)->Events, 0));
        }
    }

    private void Signal(ulong pending)
    {
        ulong one = 1;
        lock (_lock)
        {
            for (; pending != 0; pending &= pending - 1)
            {
                if (_events[BitOperations.TrailingZeroCount(pending)] is { } bound)
                {
                    _ = ProcessCalls.Write(bound.Descriptor, &one, sizeof(ulong));
                }
            }
        }
    }
}

using System;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using Microsoft.Win32.SafeHandles;
using Sos.Sdk.Memory;
using Sos.Sdk.Time;
using Sos.Timer.Client.Native;
using Sos.Timer.Layout;

namespace Sos.Timer.Client;

/// <summary>
/// Timers kept by the timer service. Arming and waiting go through shared memory, without a system call. One thread may arm and cancel at a
/// time; any number may wait. Disposing it, and the process's end, ends its timers.
/// </summary>
public sealed unsafe class TimerClient : IDisposable
{
    /// <summary>Where <c>sosctl timer serve</c> listens.</summary>
    public const string DefaultPath = "/run/sos/timer.sock";

    /// <summary>Timers that a client has, numbered from 0.</summary>
    public const int Timers = TimerArea.Timers;

    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(5);

    private readonly Socket _socket;
    private readonly SafeFileHandle _eventFd;
    private readonly byte* _area;
    private readonly nuint _size;
    private readonly Lock _lock = new();
    private uint _producer;
    private bool _disposed;

    private TimerClient(Socket socket, SafeFileHandle eventFd, byte* area, nuint size)
    {
        _socket = socket;
        _eventFd = eventFd;
        _area = area;
        _size = size;
    }

    /// <summary>Number of this client.</summary>
    public int Number => (int)Area->Client;

    /// <summary>Frequency of the TSC in kHz.</summary>
    public ulong TscKhz => Area->TscKhz;

    /// <summary>Expirations of all timers.</summary>
    public ulong Expirations => MemoryOrdering.LoadAcquire(ref Area->Expirations);

    /// <summary>Expirations that were not served within the service's tolerance.</summary>
    public ulong Misses => MemoryOrdering.LoadAcquire(ref Area->Misses);

    /// <summary>Moves on whenever any timer expired: what to compare with in <see cref="Wait"/> and <see cref="Sleep"/>.</summary>
    public uint Signal => MemoryOrdering.LoadAcquire(ref Area->Signal);

    private TimerArea* Area => (TimerArea*)_area;

    /// <summary>Connects to the timer service.</summary>
    /// <exception cref="TimerException">There is none, or it refuses; the message says why.</exception>
    public static TimerClient Connect(string path = DefaultPath)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            BrokerHello hello = new() { Magic = BrokerHello.MagicValue, Version = BrokerHello.CurrentVersion };
            socket.Send(MemoryMarshal.AsBytes(new ReadOnlySpan<BrokerHello>(in hello)));
            BrokerWelcome welcome = default;
            int received = DescriptorPassing.Receive(
                socket, MemoryMarshal.AsBytes(new Span<BrokerWelcome>(ref welcome)), out SafeFileHandle? area, out SafeFileHandle? eventFd);
            using (area)
            {
                Check(received, welcome);
                return new TimerClient(socket, eventFd!, Map(area!, welcome.AreaSize), (nuint)welcome.AreaSize);
            }
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            socket.Dispose();
            throw new TimerException($"{path}: {e.Message}; 'sosctl timer serve CPU' starts the timer service", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Arms a timer, whatever it did before, and waits for the service's answer: some hundred nanoseconds on a core.</summary>
    /// <param name="timer">Its number.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="deadline">ns, or ticks of the TSC: from now, or with <see cref="TimerFlags.Absolute"/> by the clock.</param>
    /// <param name="period">From one expiration to the next, at least a microsecond; 0 for one alone.</param>
    /// <param name="flags">See <see cref="TimerFlags"/>.</param>
    /// <returns>What is wrong with it, or <see cref="TimerError.None"/>.</returns>
    /// <exception cref="TimerException">The service does not answer.</exception>
    public TimerError Arm(int timer, ClockId clock, ulong deadline, ulong period = 0, TimerFlags flags = TimerFlags.None)
        => Ask(timer, new TimerRequest
        {
            Operation = TimerOperation.Arm,
            Timer = (uint)timer,
            Clock = clock,
            Flags = flags,
            Deadline = deadline,
            Period = period,
        });

    /// <summary>Disarms a timer.</summary>
    /// <returns>Always <see cref="TimerError.None"/>.</returns>
    /// <exception cref="TimerException">The service does not answer.</exception>
    public TimerError Cancel(int timer) => Ask(timer, new TimerRequest { Operation = TimerOperation.Cancel, Timer = (uint)timer });

    /// <summary>Returns the slot of a timer, which says what became of it. Its fields change as it expires; <see cref="TimerSlot.Expirations"/> last.</summary>
    public TimerSlot Read(int timer)
    {
        TimerSlot* slot = Slot(timer);
        TimerSlot copy;
        ulong expirations;
        do
        {
            expirations = MemoryOrdering.LoadAcquire(ref slot->Expirations);
            copy = *slot;
            MemoryOrdering.LoadLoadFence();
        }
        while (MemoryOrdering.LoadAcquire(ref slot->Expirations) != expirations);
        return copy with { Expirations = expirations };
    }

    /// <summary>Expirations of a timer since it was armed.</summary>
    public ulong ExpirationsOf(int timer) => MemoryOrdering.LoadAcquire(ref Slot(timer)->Expirations);

    /// <summary>Waits for the next expiration of a timer by looking at memory again and again: the quickest way, and no system call.</summary>
    /// <param name="timer">Its number.</param>
    /// <param name="seen">Expirations that are known.</param>
    /// <returns>Expirations now: more than one further says how many were not waited for.</returns>
    public ulong Spin(int timer, ulong seen)
    {
        ulong* word = &Slot(timer)->Expirations;
        ulong now;
        while ((now = MemoryOrdering.LoadAcquire(ref *word)) == seen)
        {
            Thread.SpinWait(1);
        }

        return now;
    }

    /// <summary>Waits for the next expiration of any timer by looking at memory again and again.</summary>
    /// <param name="seen">The last known <see cref="Signal"/>.</param>
    /// <returns><see cref="Signal"/> now.</returns>
    public uint Wait(uint seen)
    {
        uint now;
        while ((now = Signal) == seen)
        {
            Thread.SpinWait(1);
        }

        return now;
    }

    /// <summary>Sleeps until a timer expires, on the eventfd that the core signals. One thread at a time.</summary>
    /// <param name="seen">The last known <see cref="Signal"/>.</param>
    /// <param name="timeout">How long at most.</param>
    /// <returns><see cref="Signal"/> now, the same as <paramref name="seen"/> if nothing came in time.</returns>
    public uint Sleep(uint seen, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        while (Signal == seen)
        {
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                break;
            }

            // First say so, then look again: the service does it the other way round, so that one sees the other.
            MemoryOrdering.StoreRelease(ref Area->Sleeping, 1);
            MemoryOrdering.FullFence();
            if (Signal != seen)
            {
                break;
            }

            ClientCalls.PollDescriptor poll = new() { Descriptor = (int)_eventFd.DangerousGetHandle(), Events = ClientCalls.PollIn };
            if (ClientCalls.Poll(&poll, 1, (int)Math.Min(Math.Ceiling(left.TotalMilliseconds), int.MaxValue)) > 0)
            {
                ulong count;
                _ = ClientCalls.Read(poll.Descriptor, &count, sizeof(ulong));
            }
        }

        MemoryOrdering.StoreRelease(ref Area->Sleeping, 0);
        return Signal;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = ClientCalls.Munmap(_area, _size);
            _eventFd.Dispose();
            _socket.Dispose();
        }
    }

    private static void Check(int received, in BrokerWelcome welcome)
    {
        if (received != BrokerWelcome.Size || welcome.Magic != BrokerWelcome.MagicValue)
        {
            throw new TimerException("what answers is not the timer service, or one of another version");
        }

        string? problem = welcome.Status switch
        {
            BrokerStatus.Granted when welcome.AreaSize == TimerArea.TotalSize => null,
            BrokerStatus.Full => "all areas are in use: end another client",
            BrokerStatus.NotAllowed => "this user may not use the timer service: 'sosctl timer serve --allow UID' lets it",
            BrokerStatus.NoService => "the timer service has ended: see 'sosctl service status'",
            _ => "the timer service is of another version",
        };
        if (problem is not null)
        {
            throw new TimerException(problem);
        }
    }

    private static byte* Map(SafeFileHandle area, ulong size)
    {
        void* address = ClientCalls.Mmap(
            null, (nuint)size, ClientCalls.ProtectReadWrite, ClientCalls.MapShared, (int)area.DangerousGetHandle(), 0);
        return address != ClientCalls.MapFailed
            ? (byte*)address
            : throw new TimerException($"the area cannot be mapped: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    private TimerSlot* Slot(int timer)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(timer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(timer, Timers);
        return (TimerSlot*)(_area + TimerArea.SlotsOffset) + timer;
    }

    private TimerError Ask(int timer, in TimerRequest request)
    {
        TimerSlot* slot = Slot(timer);
        lock (_lock)
        {
            long start = Stopwatch.GetTimestamp();
            while (_producer - MemoryOrdering.LoadAcquire(ref Area->Consumer) >= TimerArea.Requests)
            {
                CheckAnswers(start);
            }

            ((TimerRequest*)(_area + TimerArea.RequestsOffset))[_producer % TimerArea.Requests] = request;
            _producer++;
            MemoryOrdering.StoreRelease(ref Area->Producer, _producer);
            while (MemoryOrdering.LoadAcquire(ref slot->Answered) != _producer)
            {
                CheckAnswers(start);
            }

            return slot->Error;
        }
    }

    private void CheckAnswers(long start)
    {
        Thread.SpinWait(1);
        if (Area->Broken != 0 || Stopwatch.GetElapsedTime(start) > AnswerTimeout)
        {
            throw new TimerException("the timer service does not answer: see 'sosctl timer stat'");
        }
    }
}

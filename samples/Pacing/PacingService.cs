using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Sos.Sdk.Scheduling;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Time;

namespace Pacing;

/// <summary>
/// A wire that paces: what Linux sends leaves evenly, so many packets a second, however bursty it comes. What the card receives goes to
/// Linux at once. Parameters: "packets-per-second" (10000), "burst" (1).
/// </summary>
public struct PacingService : IService
{
    private const ulong DefaultPacketsPerSecond = 10_000;
    private const int BuffersMax = (2 * VirtioNetPort.QueueSizeMax) + (8 * Burst.Capacity);
    private const int TimersPerPass = 4;
    private const ulong InspectionsPerSecond = 10;

    private VirtioNetPort _nic;
    private HostPort _host;
    private TokenBucket _bucket;
    private Burst _waiting;
    private int _sent; // of the burst that waits
    private Counter _delayed;
    private TimerTask<LinkInspection> _timers;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        ulong rate = setup.Parameters.TryGetUInt64("packets-per-second"u8, out ulong wanted) ? wanted : DefaultPacketsPerSecond;
        ulong burst = setup.Parameters.TryGetUInt64("burst"u8, out ulong tokens) ? tokens : 1;
        ulong ticksPerSecond = setup.Clock.TscKhz * 1000;
        ulong now = Tsc.Read();
        if (rate == 0 || rate > ticksPerSecond || burst is 0 or > Burst.Capacity
            || !VirtioNetPort.TryCreate(ref setup, 0, "nic"u8, out _nic)
            || !setup.TryCreatePacketPool(BuffersMax, out PacketPool pool)
            || !HostPort.TryCreate(ref setup, 0, "host"u8, pool, out _host)
            || !TimingWheel.TryCreate(setup.Arena, 1, setup.Clock.TscKhz, now, out TimingWheel wheel))
        {
            return 1;
        }

        _bucket = new TokenBucket(ticksPerSecond / rate, (uint)burst, now);
        _delayed = setup.Statistics.Add("pacing.delayed"u8);
        LinkInspection inspection = new(_nic, _host, wheel, ticksPerSecond / InspectionsPerSecond);
        _timers = new TimerTask<LinkInspection>(wheel, inspection, TimersPerPass);
        inspection.Expired(0, now);
        return _nic.TryStart(pool) ? 0 : 100 + (long)_nic.Failure;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        _timers.Run(now);
        Burst received = default;
        _nic.Receive(ref received);
        _host.Transmit(ref received);
        if (_sent == _waiting.Count)
        {
            _waiting.Clear();
            _sent = 0;
            _host.Receive(ref _waiting);
        }

        Burst due = default;
        while (_sent < _waiting.Count && _bucket.TryTake(1, now))
        {
            due.Add(_waiting.Buffers[_sent++]);
        }

        if (_sent < _waiting.Count)
        {
            _delayed.Increment();
        }

        _nic.Transmit(ref due);
    }

    /// <summary>Looks at the card's link some times a second, driven by the wheel.</summary>
    private readonly struct LinkInspection(VirtioNetPort nic, HostPort host, TimingWheel wheel, ulong intervalTicks) : ITimerHandler
    {
        public void Expired(ulong cookie, ulong now)
        {
            nic.Inspect();
            host.SetLink(nic.LinkUp);
            _ = wheel.TryArm(now + intervalTicks, cookie, out _);
        }
    }
}

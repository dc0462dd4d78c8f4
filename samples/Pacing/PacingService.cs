using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
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

    private NicPort _nic;
    private HostPort _host;
    private TokenBucket _bucket;
    private Burst _waiting;
    private int _sent; // of the burst that waits
    private Counter _delayed;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        ulong rate = setup.Parameters.TryGetUInt64("packets-per-second"u8, out ulong wanted) ? wanted : DefaultPacketsPerSecond;
        ulong burst = setup.Parameters.TryGetUInt64("burst"u8, out ulong tokens) ? tokens : 1;
        ulong ticksPerSecond = setup.Clock.TscKhz * 1000;
        ulong now = Tsc.Read();
        if (rate == 0 || rate > ticksPerSecond || burst is 0 or > Burst.Capacity
            || !setup.TryCreatePacketPool(out PacketPool pool)
            || !NicPort.TryOpen(ref setup, "nic"u8, pool, out _nic)
            || !HostPort.TryOpen(ref setup, "nic"u8, pool, out _host))
        {
            return 1;
        }

        _bucket = new TokenBucket(ticksPerSecond / rate, (uint)burst, now);
        _delayed = setup.Statistics.Add("pacing.delayed"u8);
        return 0;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
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
}

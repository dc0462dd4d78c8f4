using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Tables;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Limiter;

/// <summary>
/// A wire between the ports "wan" and "lan" on which each host behind "lan" gets so many packets a second as the table says. Packets above that
/// are dropped; hosts without an entry, frames that are no IPv4, and everything towards "wan" pass. Parameter "burst": packets that may come
/// at once, 1 to 65,535; 32 if not given.
/// </summary>
public struct LimiterService : IService
{
    /// <summary>The parameter's name.</summary>
    public const string BurstParameter = "burst";

    /// <summary>The largest burst.</summary>
    public const uint BurstMax = 65_535;

    private const uint BurstDefault = 32;

    private NicPort _wan;
    private NicPort _lan;
    private PacketPool _pool;
    private Log _log;
    private TableSwap<LimitTable> _table;
    private MemoryBlock<TokenBucket> _buckets;
    private MemoryBlock<Counter> _passed;
    private MemoryBlock<Counter> _dropped;
    private ulong _ticksPerSecond;
    private uint _burst;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!setup.Parameters.TryGetUInt64("burst"u8, out ulong burst))
        {
            burst = BurstDefault;
        }

        if (burst is 0 or > BurstMax
            || !setup.Arena.TryAllocate(LimitTable.EntriesMax, out _buckets)
            || !setup.Arena.TryAllocate(LimitTable.EntriesMax, out _passed)
            || !setup.Arena.TryAllocate(LimitTable.EntriesMax, out _dropped)
            || !setup.TryCreatePacketPool(out _pool)
            || !NicPort.TryOpen(ref setup, "wan"u8, _pool, out _wan)
            || !NicPort.TryOpen(ref setup, "lan"u8, _pool, out _lan))
        {
            return 1; // Of ports the log says what is missing.
        }

        for (uint entry = 0; entry < LimitTable.EntriesMax; entry++)
        {
            _passed[entry] = setup.Statistics.Add("limit"u8, entry, "passed"u8);
            _dropped[entry] = setup.Statistics.Add("limit"u8, entry, "dropped"u8);
        }

        _log = setup.Log;
        _table = new TableSwap<LimitTable>(setup.Tables);
        _ticksPerSecond = setup.Clock.TscKhz * 1000;
        _burst = (uint)burst;
        return 0;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        if (_table.Poll())
        {
            Begin(now);
        }

        Burst burst = default;
        if (_lan.Receive(ref burst) > 0)
        {
            _wan.Transmit(ref burst);
        }

        if (_wan.Receive(ref burst) > 0)
        {
            Limit(ref burst, now);
        }
    }

    // Rare: out of the way of the polls that switch no table.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Begin(ulong now)
    {
        for (int entry = 0; entry < _table.Current.Count; entry++)
        {
            // A table is checked as it is built; one that was not may limit wrongly, but must not trap.
            ulong ticksPerPacket = _ticksPerSecond / Math.Max(_table.Current[entry].PacketsPerSecond, 1);
            _buckets[entry] = new TokenBucket(Math.Max(ticksPerPacket, 1), _burst, now);
        }

        _log.Write(LogSeverity.Informational, "limits are in force, entries:"u8, (ulong)_table.Current.Count);
    }

    private void Limit(ref Burst received, ulong now)
    {
        Burst passing = default;
        foreach (PacketBuffer packet in received.Buffers)
        {
            if (MayPass(packet.Frame, now))
            {
                passing.Add(packet);
            }
            else
            {
                _pool.Free(packet);
            }
        }

        received.Clear();
        _lan.Transmit(ref passing);
    }

    private bool MayPass(ReadOnlySpan<byte> frame, ulong now)
    {
        if (!_table.IsLoaded
            || EthernetHeader.Parse(frame, out EthernetHeader ethernet) != MalformedReason.None || ethernet.Type != EtherType.Ipv4
            || Ipv4Header.Parse(frame[ethernet.Length..], out Ipv4Header ip) != MalformedReason.None)
        {
            return true;
        }

        int entry = _table.Current.Find(ip.Destination);
        if (entry < 0)
        {
            return true;
        }

        bool passes = _buckets[entry].TryTake(1, now);
        (passes ? _passed[entry] : _dropped[entry]).Increment();
        return passes;
    }
}

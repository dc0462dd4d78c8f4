using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Statistics;

namespace Sos.Cores.Services;

/// <summary>A loaded service seen from Linux: its state, counters and log, and its tables.</summary>
public sealed unsafe class RunningService : IDisposable
{
    private const int SlotBits = TableHeader.RequestSlotBits;
    private const ulong SlotMask = (1UL << SlotBits) - 1;

    private readonly MappedMemory _memory;
    private readonly Func<int, MappedMemory> _mapTable;
    private readonly IReadOnlyList<SharedRegion> _tables;
    private LogReader? _log;

    private RunningService(ICoreReading core, SharedRegion control, IReadOnlyList<SharedRegion> tables)
    {
        _memory = core.Map(control.MapOffset, control.Size);
        _tables = tables;
        _mapTable = slot => core.Map(tables[slot].MapOffset, tables[slot].Size);
    }

    /// <summary>How far the service has come.</summary>
    public ServiceState State => (ServiceState)MemoryOrdering.LoadAcquire(ref *(uint*)&Control->State);

    /// <summary>Passes of its poll loop so far.</summary>
    public ulong Polls => MemoryOrdering.LoadAcquire(ref Control->Polls);

    /// <summary>Generation of the table it uses, 0 for none.</summary>
    public ulong TableGeneration => (MemoryOrdering.LoadAcquire(ref Control->TableActive) & ~ServiceControl.TableRefused) >> SlotBits;

    /// <summary>Bytes of a table slot, 0 without tables.</summary>
    public ulong TableSlotSize => _tables.Count == 2 ? _tables[0].Size : 0;

    /// <summary>Nominal frequency of the TSC in kHz.</summary>
    public ulong TscKhz => Control->Clock.TscKhz;

    /// <summary>The TSC after a while.</summary>
    /// <param name="length">The time from now.</param>
    public ulong TscAfter(TimeSpan length) => TimeStampCounter.Read() + (TscKhz * (ulong)length.TotalMilliseconds);

    /// <summary>How the TSC turns into Linux's clocks, as the service was told last.</summary>
    public ClockLayout Clock => Control->Clock;

    private ServiceControl* Control => (ServiceControl*)_memory.Address;

    /// <summary>Maps what a core's service shares.</summary>
    /// <exception cref="SosException">Nothing is loaded, or not by this program.</exception>
    public static RunningService Attach(ICoreReading core, CoreRecord? record)
    {
        if (record?.Control is not { } control)
        {
            throw new SosException(
                SosError.NotFound, $"core {core.Cpu} has no service: start one with 'sosctl service start {core.Cpu} IMAGE'");
        }

        return new RunningService(core, control, record.Tables);
    }

    /// <summary>Maps what a service shares that this program has loaded by itself, without a record.</summary>
    public static RunningService Attach(ICoreReading core, LoadedService loaded)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        return new RunningService(
            core, new SharedRegion(loaded.Control.MapOffset, loaded.Control.Size),
            [.. loaded.Tables.Select(table => new SharedRegion(table.MapOffset, table.Size))]);
    }

    /// <summary>Reads all counters.</summary>
    public IReadOnlyList<KeyValuePair<string, ulong>> ReadStatistics()
    {
        Span<byte> bytes = Find(ResourceKind.Statistics);
        fixed (byte* start = bytes)
        {
            return StatisticsReader.Read(start, (ulong)bytes.Length);
        }
    }

    /// <summary>Reads what was logged since the last call.</summary>
    public IReadOnlyList<LogEntry> ReadLog()
    {
        if (_log is null)
        {
            Span<byte> bytes = Find(ResourceKind.Log);
            fixed (byte* start = bytes)
            {
                // The mapping does not move, and lives as long as this.
                _log = new LogReader(start, (ulong)bytes.Length);
            }
        }

        return _log.Read();
    }

    /// <summary>CLOCK_REALTIME of a TSC value, by the conversion that the service was given.</summary>
    public DateTimeOffset TimeOf(ulong tsc)
    {
        ClockLayout clock = Control->Clock;
        Int128 ns = ((Int128)(long)(tsc - clock.BaseTsc) * clock.Mult) >> (int)(clock.Shift & 63);
        return DateTimeOffset.UnixEpoch.AddTicks((long)((Int128)clock.RealtimeNs + ns) / 100);
    }

    /// <summary>Writes a table into the idle slot and asks the service to switch to it.</summary>
    /// <param name="table">The table; its generation is filled in.</param>
    /// <returns>The generation.</returns>
    /// <exception cref="SosException">There are no slots, it does not fit, or a former request is not answered.</exception>
    public ulong RequestTable(ReadOnlySpan<byte> table)
    {
        if (_tables.Count != 2)
        {
            throw new SosException(SosError.Refused, "the service was started without tables: start it again with --table-size");
        }

        if ((ulong)table.Length > TableSlotSize)
        {
            ulong wanted = ((ulong)table.Length + (1 << 20) - 1) >> 20;
            throw new SosException(
                SosError.BadTable,
                $"the table has {table.Length} bytes, its slot {TableSlotSize}: start the service again with --table-size {wanted}M");
        }

        ulong request = MemoryOrdering.LoadAcquire(ref Control->TableRequest);
        ulong answer = MemoryOrdering.LoadAcquire(ref Control->TableActive);
        if ((answer & ~ServiceControl.TableRefused) != request)
        {
            throw new SosException(SosError.Refused, "the service has not answered the request before: see 'sosctl service status'");
        }

        // A refused request leaves the service with the table in the other slot.
        ulong slot = request == 0 ? 0 : (answer & ServiceControl.TableRefused) != 0 ? request & SlotMask : 1 - (request & SlotMask);
        ulong generation = (request >> SlotBits) + 1;
        using (MappedMemory memory = _mapTable((int)slot))
        {
            Span<byte> bytes = memory.Slice(0, (ulong)table.Length);
            table.CopyTo(bytes);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[24..], generation); // TableHeader.Generation
        }

        MemoryOrdering.StoreRelease(ref Control->TableRequest, (generation << SlotBits) | slot);
        return generation;
    }

    /// <summary>Renews the lease of the table that the service uses.</summary>
    /// <param name="length">From now.</param>
    /// <returns>Whether that table has a lease.</returns>
    public bool RenewLease(TimeSpan length)
    {
        ulong answer = MemoryOrdering.LoadAcquire(ref Control->TableActive);
        if (_tables.Count != 2 || answer == 0 || (answer & ServiceControl.TableRefused) != 0)
        {
            return false;
        }

        using MappedMemory memory = _mapTable((int)(answer & 1));
        ref ulong end = ref ((TableHeader*)memory.Address)->LeaseEnd;
        if (end == 0)
        {
            return false;
        }

        MemoryOrdering.StoreRelease(ref end, TscAfter(length));
        return true;
    }

    /// <summary>Waits until the service has switched to the table that was requested last.</summary>
    /// <exception cref="SosException">It refused it, or does not answer.</exception>
    public void AwaitTable(TimeSpan timeout)
    {
        ulong request = MemoryOrdering.LoadAcquire(ref Control->TableRequest);
        DateTime end = DateTime.UtcNow + timeout;
        while (true)
        {
            ulong answer = MemoryOrdering.LoadAcquire(ref Control->TableActive);
            if (answer == request)
            {
                return;
            }

            if (answer == (request | ServiceControl.TableRefused))
            {
                throw new SosException(
                    SosError.BadTable, "the service refuses the table and goes on with the one before: build image and sosctl from the same version");
            }

            if (DateTime.UtcNow > end)
            {
                throw new SosException(
                    SosError.Failed, "the service does not answer the request for a new table: see 'sosctl service status'");
            }

            Thread.Sleep(1);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private Span<byte> Find(ResourceKind kind)
    {
        for (int i = 0; i < Math.Min(Control->ResourceCount, ServiceControl.ResourcesMax); i++)
        {
            Resource resource = Control->Resources[i];
            ulong offset = resource.Address - AddressSpace.Control;

            // The service can write here: what it says is checked as any input.
            if (resource.Kind == kind && offset < _memory.Size && resource.ByteCount <= _memory.Size - offset)
            {
                return _memory.Slice(offset, resource.ByteCount);
            }
        }

        throw new SosException(SosError.Failed, $"the service's control region names no {kind}: it was overwritten");
    }
}

using System;
using Sos.Router;
using Sos.Router.Tables;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.RouterBench.Service;

/// <summary>
/// The router's code, as it is in its image, between two ports in memory, and its lookups alone. Between blocks it polls with empty ports, so that what is
/// taken out of its table comes free as in the router.
/// </summary>
public unsafe struct RouterBenchService : IService
{
    private const int BuffersMax = 1024; // what a card's two rings hold

    private RouterBenchArea* _area;
    private TraceState* _trace;
    private PacketPool _pool;
    private RouterTable _table;
    private Router<TracePort, NullPort> _router;
    private Burst _burst;
    private uint* _found;
    private uint* _spare;
    private uint _done;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!RouterParameters.TryRead(setup.Parameters, out RouterCapacity capacity)
            || !setup.TryFindResource(ResourceKind.Shared, 0, out Resource memory)
            || !RouterTable.TryFormat((void*)memory.Address, memory.ByteCount, in capacity, 2, out _table)
            || !setup.TryFindResource(ResourceKind.Shared, RouterBenchArea.SharedIndex, out Resource area)
            || area.ByteCount < RouterBenchArea.Size
            || !setup.TryCreatePacketPool(BuffersMax, out _pool)
            || !setup.Arena.TryAllocate(out _trace)
            || !setup.Arena.TryAllocate(BuffersMax, out MemoryBlock<uint> positions)
            || !setup.Arena.TryAllocate(2 * RouterBenchArea.BurstMax, out MemoryBlock<uint> scratch)
            || !_router.TryInitialize(ref setup, in _table, _pool))
        {
            return 1;
        }

        byte* start = (byte*)area.Address;
        _area = (RouterBenchArea*)start;
        _trace->Trace = start + RouterBenchArea.TraceOffset;
        _trace->Results = (uint*)(start + RouterBenchArea.ResultsOffset);
        _trace->Positions = positions.Pointer;
        _found = scratch.Pointer;
        _spare = scratch.Pointer + RouterBenchArea.BurstMax;
        _router.AddPort(ref setup, "in"u8, new TracePort(_trace, _pool, receives: true), new NullPort(_pool));
        _router.AddPort(ref setup, "out"u8, new TracePort(_trace, _pool, receives: false), new NullPort(_pool));
        return 0;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        uint command = MemoryOrdering.LoadAcquire(ref _area->Command);
        if (command == _done)
        {
            _trace->BurstSize = 0;
            _router.Poll(now);
            return;
        }

        RunBlock();
        _done = command;
        MemoryOrdering.StoreRelease(ref _area->Done, command);
    }

    private void RunBlock()
    {
        int burst = (int)Math.Clamp(_area->BurstSize, 1, RouterBenchArea.BurstMax);
        _trace->BurstSize = burst;
        _trace->Records = _area->Records != 0;
        _trace->Position = _trace->Records ? 0 : _trace->Position;
        ulong start = Tsc.Read();
        switch (_area->Mode)
        {
            case RouterBenchMode.Forward:
                RunForward(burst);
                break;
            case RouterBenchMode.Harness:
                RunHarness(burst);
                break;
            case RouterBenchMode.Lookup4:
                RunLookup4(burst);
                break;
            default:
                RunLookup6(burst);
                break;
        }

        _area->Ticks = Tsc.Read() - start;
    }

    // The host of a service reads the TSC before every poll and counts it: both belong to the way of a packet.
    private void RunForward(int burst)
    {
        for (ulong packets = 0; packets < _area->Count; packets += (uint)burst)
        {
            _router.Poll(Tsc.Read());
        }
    }

    private void RunHarness(int burst)
    {
        _pool.Allocate(ref _burst, burst);
        for (ulong packets = 0; packets < _area->Count; packets += (uint)burst)
        {
            foreach (PacketBuffer buffer in _burst.Buffers)
            {
                TracePort.Write(_trace, buffer);
            }
        }

        _pool.Free(ref _burst);
    }

    private void RunLookup4(int burst)
    {
        uint* keys = (uint*)((byte*)_area + RouterBenchArea.Keys4Offset);
        for (ulong count = 0; count < _area->Count; count += (uint)burst)
        {
            uint at = NextKeys(burst);
            Ipv4Routes.Lookup(in _table, new ReadOnlySpan<uint>(keys + at, burst), new Span<uint>(_found, burst));
            Record(at, burst);
        }
    }

    private void RunLookup6(int burst)
    {
        Ipv6Address* keys = (Ipv6Address*)((byte*)_area + RouterBenchArea.Keys6Offset);
        for (ulong count = 0; count < _area->Count; count += (uint)burst)
        {
            uint at = NextKeys(burst);
            Ipv6Routes.Lookup(
                in _table, new ReadOnlySpan<Ipv6Address>(keys + at, burst), new Span<uint>(_found, burst), new Span<uint>(_spare, burst));
            Record(at, burst);
        }
    }

    // A burst never ends at the wrap: it begins anew where too few are left.
    private readonly uint NextKeys(int burst)
    {
        uint at = _trace->Position & (RouterBenchArea.KeyCount - 1);
        at = at + (uint)burst > RouterBenchArea.KeyCount ? 0 : at;
        _trace->Position = at + (uint)burst;
        return at;
    }

    private readonly void Record(uint at, int burst)
    {
        if (_trace->Records)
        {
            new Span<uint>(_found, burst).CopyTo(new Span<uint>(_trace->Results + at, burst));
        }
    }
}

using Sos.Firewall;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Rings;
using Sos.Sdk.Services;
using Sos.Sdk.Time;

namespace Sos.Bench.Service;

/// <summary>
/// The firewall's code, as it is in its image, between two ports in memory. Between blocks it polls with empty ports, so that it
/// takes tables over as the firewall does.
/// </summary>
public unsafe struct BenchService : IService
{
    private const int BuffersMax = 1024; // what a card's two rings hold
    private const int RingCapacity = 256;

    private BenchMailbox* _mailbox;
    private ReplayState* _replay;
    private PacketPool _pool;
    private Firewall<ReplayPort, SinkPort> _firewall;
    private SpscRing<PacketBuffer> _first;
    private SpscRing<PacketBuffer> _second;
    private Burst _burst;
    private ServiceControl* _control;
    private ulong _table;
    private uint _done;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!setup.TryFindResource(ResourceKind.PacketMemory, 0, out Resource resource)
            || resource.ByteCount < BenchMailbox.MemorySize
            || !FirewallSettings.TryRead(setup.Parameters, out FirewallSettings settings)
            || !PacketMemory.TryCreate(
                setup.Arena,
                (byte*)resource.Address + BenchMailbox.BuffersOffset,
                resource.ByteCount - BenchMailbox.BuffersOffset,
                null,
                out PacketMemory memory)
            || !PacketPool.TryCreate(setup.Arena, memory, BuffersMax, out _pool)
            || !setup.Arena.TryAllocate(out _replay)
            || !setup.Arena.TryAllocate(BuffersMax, out MemoryBlock<uint> positions)
            || !SpscRing<PacketBuffer>.TryCreate(setup.Arena, RingCapacity, out _first)
            || !SpscRing<PacketBuffer>.TryCreate(setup.Arena, RingCapacity, out _second))
        {
            return 1;
        }

        byte* start = (byte*)resource.Address;
        _mailbox = (BenchMailbox*)start;
        _replay->Trace = start + BenchMailbox.TraceOffset;
        _replay->Verdicts = start + BenchMailbox.VerdictsOffset;
        _replay->Positions = positions.Pointer;
        _control = setup.Control;
        return _firewall.TryInitialize(ref setup, settings, new ReplayPort(_replay, _pool), new SinkPort(_replay, _pool), _pool) ? 0 : 1;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        uint command = MemoryOrdering.LoadAcquire(ref _mailbox->Command);
        if (command != _done)
        {
            RunBlock();
            _done = command;
            MemoryOrdering.StoreRelease(ref _mailbox->Done, command);
            return;
        }

        _replay->BurstSize = 0;
        _firewall.Poll(now);
        if (_control->TableActive != _table)
        {
            _table = _control->TableActive;
            _mailbox->SwapTicks = Tsc.Read() - now;
        }
    }

    private void RunBlock()
    {
        _replay->BurstSize = (int)_mailbox->BurstSize;
        _replay->FrameLength = (int)_mailbox->FrameLength;
        _replay->Mask = _mailbox->TraceCount - 1;
        _replay->Records = _mailbox->RecordVerdicts != 0;
        _replay->Passed = 0;
        if (_replay->Records)
        {
            _replay->Position = 0;
        }

        ulong start = Tsc.Read();
        switch (_mailbox->Mode)
        {
            case BenchMode.Firewall:
                RunFirewall();
                break;
            case BenchMode.Harness:
                RunHarness();
                break;
            case BenchMode.SwapThroughPool:
                RunPool();
                break;
            default:
                RunRings();
                break;
        }

        _mailbox->Ticks = Tsc.Read() - start;
        _mailbox->Passed = _replay->Passed;
    }

    // The host of a service reads the TSC before every poll and counts it: both belong to the way of a packet.
    private void RunFirewall()
    {
        for (ulong packets = 0; packets < _mailbox->Packets; packets += (uint)_replay->BurstSize)
        {
            _firewall.Poll(Tsc.Read());
        }
    }

    private void RunHarness()
    {
        while (_burst.Count < _replay->BurstSize && _pool.TryAllocate(out PacketBuffer buffer))
        {
            _burst.Add(buffer);
        }

        for (ulong packets = 0; packets < _mailbox->Packets; packets += (uint)_replay->BurstSize)
        {
            foreach (PacketBuffer buffer in _burst.Buffers)
            {
                ReplayPort.Replay(_replay, buffer);
            }
        }

        _pool.Free(ref _burst);
    }

    private void RunPool()
    {
        for (ulong packets = 0; packets < _mailbox->Packets; packets += (uint)_replay->BurstSize)
        {
            MacSwap.ThroughPool(_pool, ref _burst, _replay->BurstSize, _replay->FrameLength);
        }
    }

    private void RunRings()
    {
        for (int i = 0; i < RingCapacity / 2 && _pool.TryAllocate(out PacketBuffer buffer); i++)
        {
            buffer.Reset(_replay->FrameLength);
            _first.TryEnqueue(buffer);
        }

        ulong packets = 0;
        while (packets < _mailbox->Packets)
        {
            packets += (ulong)MacSwap.ThroughRings(in _first, in _second, _replay->BurstSize);
            packets += (ulong)MacSwap.ThroughRings(in _second, in _first, _replay->BurstSize);
        }

        while (_first.TryDequeue(out PacketBuffer buffer) || _second.TryDequeue(out buffer))
        {
            _pool.Free(buffer);
        }
    }
}

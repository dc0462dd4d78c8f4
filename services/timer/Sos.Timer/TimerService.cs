using System.Numerics;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Time;
using Sos.Timer.Layout;

namespace Sos.Timer;

/// <summary>
/// The timer service: serves the deadlines of up to <see cref="TimerAdmin.ClientsMax"/> Linux programs, each through memory of its own.
/// </summary>
public unsafe struct TimerService : IService
{
    /// <summary>Exit code: the shared memory is missing or too small.</summary>
    public const long NoSharedMemory = 1;

    /// <summary>Exit code: the arena is too small.</summary>
    public const long NoArena = 2;

    /// <summary>Exit code: a parameter has a value that it cannot have.</summary>
    public const long BadParameter = 3;

    /// <summary>An expiration that is served later than that is a miss, unless the parameter "tolerance-ns" says otherwise.</summary>
    public const ulong DefaultToleranceNs = 10_000;

    // Expirations and requests in one pass: a flood of either must not keep the other, or a stop, waiting.
    private const int ExpiriesPerPass = 32;
    private const int RequestsPerPass = 8;
    private const int ReclaimsPerPass = 16;
    private const int Timers = TimerAdmin.ClientsMax * TimerArea.Timers;

    private TimerAdmin* _admin;
    private TimerEngine _engine;
    private RecordList _records;
    private Events _events;
    private IdleWait _idle;
    private MemoryBlock<TimerClientPort> _clients;
    private uint _openClients; // a bit for each client that is served
    private uint _nextClient; // whose line in the admin page is looked at next
    private uint _reclaimed; // timers of the closing client that are done

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        ulong toleranceNs = DefaultToleranceNs;
        if (setup.Parameters.TryFind("tolerance-ns"u8, out _) && !setup.Parameters.TryGetUInt64("tolerance-ns"u8, out toleranceNs))
        {
            setup.Log.Write(LogSeverity.Error, "tolerance-ns is no number"u8);
            return BadParameter;
        }

        if (!IdleWait.TryCreate(ref setup, out _idle))
        {
            setup.Log.Write(LogSeverity.Error, "idle is none of spin, pause, tpause; or idle-bound-ns no number; or the CPU has no tpause"u8);
            return BadParameter;
        }

        if (!setup.TryFindResource(ResourceKind.Shared, 0, out Resource admin) || admin.ByteCount < TimerAdmin.Size)
        {
            return NoSharedMemory;
        }

        ulong toleranceTicks = setup.Clock.TicksFromNanoseconds(toleranceNs);
        if (!TimerEngine.TryCreate(setup.Arena, Timers, &setup.Control->Clock, toleranceTicks, out _engine)
            || !setup.Arena.TryAllocate(Timers, out MemoryBlock<SlotRecord> records)
            || !setup.Arena.TryAllocate(TimerAdmin.ClientsMax, out _clients))
        {
            return NoArena;
        }

        for (uint i = 0; i < TimerAdmin.ClientsMax; i++)
        {
            if (!setup.TryFindResource(ResourceKind.Shared, i + 1, out Resource area) || area.ByteCount < TimerArea.TotalSize)
            {
                return NoSharedMemory;
            }

            _clients[i] = new TimerClientPort((byte*)area.Address, i * TimerArea.Timers, setup.Clock.TscKhz);
        }

        _admin = (TimerAdmin*)admin.Address;
        _records = new RecordList(records, _admin);
        _events = setup.Events;
        _admin->ToleranceTicks = toleranceTicks;
        MemoryOrdering.StoreRelease(ref _admin->Magic, TimerAdmin.MagicValue);
        return ExitCode.Stopped;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        _engine.Follow(now);
        bool worked = ServeDeadlines();
        for (uint left = _openClients; left != 0; left &= left - 1)
        {
            uint client = (uint)BitOperations.TrailingZeroCount(left);
            if (_clients[client].HasRequest)
            {
                if (_clients[client].Answer(ref _engine, _records, RequestsPerPass))
                {
                    Wake(1u << (int)client);
                }

                _admin->Armed = (uint)_engine.ArmedCount;
                worked = true;
            }
        }

        AttendClient();
        if (!worked)
        {
            _idle.Wait(_engine.EarliestTsc);
        }
    }

    private bool ServeDeadlines()
    {
        uint served = 0;
        ulong now = Tsc.Read();
        for (int i = 0; i < ExpiriesPerPass && _engine.TryExpire(now, out Expiry expiry); i++)
        {
            uint client = expiry.Timer / TimerArea.Timers;
            ref readonly SlotRecord record = ref _records.Count(expiry);
            _clients[client].Publish(expiry, record);
            served |= 1u << (int)client;
            now = Tsc.Read();
        }

        if (served != 0)
        {
            Wake(served);
        }

        return served != 0;
    }

    private void Wake(uint served)
    {
        ulong sleepers = 0;
        for (uint left = served; left != 0; left &= left - 1)
        {
            int client = BitOperations.TrailingZeroCount(left);
            sleepers |= _clients[client].TakeSleeper() ? 1UL << client : 0;
        }

        if (sleepers != 0)
        {
            _events.Signal(sleepers);
        }
    }

    /// <summary>One client a pass: opens its area, or takes back the timers of one that is gone.</summary>
    private void AttendClient()
    {
        uint client = _nextClient;
        ref TimerAdmin.ClientLine line = ref Unsafe.Add(ref Unsafe.As<TimerAdmin.ClientList, TimerAdmin.ClientLine>(ref _admin->Clients), client);
        uint wanted = MemoryOrdering.LoadAcquire(ref line.Wanted);
        uint bit = 1u << (int)client;
        bool open = (_openClients & bit) != 0;
        if (open && wanted != line.Served && !Reclaim(client))
        {
            // A thousand timers are not taken back in one pass: the others' deadlines come first.
            return;
        }

        if (open && wanted != line.Served)
        {
            _openClients &= ~bit;
            MemoryOrdering.StoreRelease(ref line.Served, 0);
        }
        else if (!open && wanted != 0)
        {
            _clients[client].Open();
            _openClients |= bit;
            MemoryOrdering.StoreRelease(ref line.Served, wanted);
        }

        _admin->ClockSteps = _engine.Steps;
        _nextClient = (client + 1) % TimerAdmin.ClientsMax;
    }

    private bool Reclaim(uint client)
    {
        for (int i = 0; i < ReclaimsPerPass && _reclaimed < TimerArea.Timers; i++)
        {
            _ = _engine.Cancel((client * TimerArea.Timers) + _reclaimed++);
        }

        if (_reclaimed < TimerArea.Timers)
        {
            return false;
        }

        _reclaimed = 0;
        _admin->Armed = (uint)_engine.ArmedCount;
        return true;
    }
}

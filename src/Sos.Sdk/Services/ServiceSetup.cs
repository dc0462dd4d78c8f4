using System;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Statistics;
using Sos.Sdk.Tables;
using Sos.Sdk.Time;

namespace Sos.Sdk.Services;

/// <summary>The things that a service is given at its start: memory, ports, counters, settings.</summary>
public unsafe ref struct ServiceSetup
{
    private readonly ServiceControl* _control;
    private PortRegistry* _ports;
    private PacketMemory _packetMemory;
    private bool _hasPacketMemory;

    private ServiceSetup(ServiceControl* control)
    {
        _control = control;
    }

    /// <summary>The control region. A service needs it for nothing that is not offered here.</summary>
    public readonly ServiceControl* Control => _control;

    /// <summary>Memory to take now and keep.</summary>
    public Arena Arena { get; private set; }

    /// <summary>The service's counters.</summary>
    public CounterRegistry Statistics { get; private set; }

    /// <summary>The service's log; without a log resource what is written is dropped.</summary>
    public Log Log { get; private set; }

    /// <summary>The service's settings.</summary>
    public Parameters Parameters { get; private set; }

    /// <summary>Linux's clocks.</summary>
    public TscClock Clock { get; private set; }

    /// <summary>Whether the service was asked to stop: to be kept, and looked at in polls.</summary>
    public readonly StopSignal Stop => new(_control);

    /// <summary>The eventfds that the service can signal.</summary>
    public readonly Events Events => new(_control);

    /// <summary>The ports that the service was given.</summary>
    public readonly PortList Ports => new(_ports);

    /// <summary>The upkeep of the ports, for the host of the service.</summary>
    internal readonly PortUpkeep Upkeep => new(_ports);

    /// <summary>The two table slots. Without table resources no request is ever seen.</summary>
    public readonly TableSlots Tables
    {
        get
        {
            TryFindResource(ResourceKind.Table, 0, out Resource first);
            TryFindResource(ResourceKind.Table, 1, out Resource second);
            return new TableSlots(_control, first, second);
        }
    }

    /// <summary>Reads the control region and prepares what it lists.</summary>
    /// <returns><see cref="ExitCode.Stopped"/> (0), or why the service cannot start.</returns>
    public static long Create(ServiceControl* control, out ServiceSetup setup)
    {
        setup = new ServiceSetup(control);
        if (control->Magic != ServiceControl.MagicValue
            || control->HeaderSize != ServiceControl.Size
            || control->ResourceCount > ServiceControl.ResourcesMax)
        {
            return ExitCode.BadControlRegion;
        }

        if (control->Abi != ServiceControl.AbiVersion)
        {
            return ExitCode.AbiMismatch;
        }

        if (!setup.TryFindResource(ResourceKind.Arena, 0, out Resource resource)
            || !Arena.TryCreate((void*)resource.Address, resource.ByteCount, out Arena arena))
        {
            return ExitCode.ArenaTooSmall;
        }

        if (!setup.TryFindResource(ResourceKind.Statistics, 0, out resource)
            || !CounterRegistry.TryCreate((void*)resource.Address, resource.ByteCount, out CounterRegistry statistics))
        {
            return ExitCode.NoStatistics;
        }

        setup.Arena = arena;
        setup.Statistics = statistics;
        setup._ports = PortRegistry.Create(control, arena);
        if (setup._ports == null)
        {
            return ExitCode.ArenaTooSmall;
        }

        if (setup.TryFindResource(ResourceKind.Log, 0, out resource)
            && Log.TryCreate((void*)resource.Address, resource.ByteCount, out Log log))
        {
            setup.Log = log;
        }

        if (setup.TryFindResource(ResourceKind.Parameters, 0, out resource))
        {
            setup.Parameters = new Parameters((byte*)resource.Address, (int)Math.Min(resource.ByteCount, int.MaxValue));
        }

        setup.Clock = new TscClock(&control->Clock);
        return ExitCode.Stopped;
    }

    /// <summary>Finds a resource by kind and number.</summary>
    /// <returns>Whether the service was given it.</returns>
    public readonly bool TryFindResource(ResourceKind kind, uint index, out Resource resource)
    {
        for (int i = 0; i < (int)_control->ResourceCount; i++)
        {
            resource = _control->Resources[i];
            if (resource.Kind == kind && resource.Index == index)
            {
                return true;
            }
        }

        resource = default;
        return false;
    }

    /// <summary>The memory that devices reach; ports take their rings from it, pools their buffers.</summary>
    /// <returns>Whether the service was given any, and the arena had room for the books.</returns>
    public bool TryGetPacketMemory(out PacketMemory memory)
    {
        if (!_hasPacketMemory
            && TryFindResource(ResourceKind.PacketMemory, 0, out Resource resource)
            && PacketMemory.TryCreate(Arena, (byte*)resource.Address, resource.ByteCount, (ulong*)resource.Aux, out PacketMemory made))
        {
            _packetMemory = made;
            _hasPacketMemory = true;
        }

        memory = _packetMemory;
        return _hasPacketMemory;
    }

    /// <summary>
    /// Makes the pool of packet buffers: as many as fill the rings of all cards that the service was given, with some bursts on their way, or as
    /// many as the packet memory has room for.
    /// </summary>
    /// <returns>False without packet memory, or when the arena is too small.</returns>
    public bool TryCreatePacketPool(out PacketPool pool) => TryCreatePacketPool(Ports.PacketBuffersWanted, out pool);

    /// <summary>Makes a pool of packet buffers. The rings of the service's cards are taken from the packet memory before.</summary>
    /// <param name="buffersMax">Buffers wanted; fewer are made when the packet memory ends before.</param>
    /// <param name="pool">The pool.</param>
    /// <returns>False without packet memory, or when the arena is too small.</returns>
    public bool TryCreatePacketPool(int buffersMax, out PacketPool pool)
    {
        pool = default;
        for (int i = 0; i < _ports->Count; i++)
        {
            if (_ports->Entries[i].Card.Kind == ResourceKind.VirtioNet)
            {
                _ = NicPort.TryTakeRings(ref this, _ports->Entries + i); // what is missing is told as the port is opened
            }
        }

        // AF_XDP knows frames by the chunk that they lie in.
        uint alignment = TryFindResource(ResourceKind.Xsk, 0, out _) ? XskLayout.ChunkSize : Arena.DefaultAlignment;
        return TryGetPacketMemory(out PacketMemory memory) && PacketPool.TryCreate(Arena, memory, buffersMax, out pool, alignment);
    }

    /// <summary>Finds a port by name; without one the log says so.</summary>
    internal readonly bool TryFindPort(ReadOnlySpan<byte> name, PortSide side, out PortEntry* entry)
    {
        entry = _ports->Find(name);
        if (entry != null && entry->Has(side))
        {
            return true;
        }

        _ = PortName.TryCreate(name, out PortName portName);
        new PortLog(Log, in portName).Write(
            LogSeverity.Error,
            side == PortSide.Card ? "the service was given no card of that name"u8 : "the service was given no host port of that name"u8);
        return false;
    }
}

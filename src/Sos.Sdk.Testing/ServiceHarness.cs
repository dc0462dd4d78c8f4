using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Time;

namespace Sos.Sdk.Testing;

/// <summary>
/// Runs a service on ordinary .NET as a service core would: makes its control region, memory and ports, initialises it and polls
/// it pass by pass, and plays the control plane.
/// </summary>
/// <typeparam name="TService">The service.</typeparam>
public sealed unsafe class ServiceHarness<TService> : IDisposable
    where TService : unmanaged, IService
{
    private readonly HarnessMemory _memory = new();
    private readonly ServiceControl* _control;
    private readonly byte* _statistics;
    private readonly byte*[] _shared;
    private readonly byte*[] _tables = new byte*[2];
    private readonly int _tableSlotSize;
    private readonly LogReader _log;
    private readonly Dictionary<string, PortPeer> _nics;
    private readonly Dictionary<string, PortPeer> _hosts;
    private TService* _service;
    private PortUpkeep _ports;
    private int _activeSlot = 1;
    private ulong _generation;

    /// <summary>Makes what the service is given; does not start it.</summary>
    public ServiceHarness(HarnessOptions? options = null)
    {
        options ??= new HarnessOptions();
        _tableSlotSize = options.TableSlotSize;
        _control = (ServiceControl*)_memory.Allocate(ServiceControl.Size, 4096);
        _control->Magic = ServiceControl.MagicValue;
        _control->Abi = ServiceControl.AbiVersion;
        _control->HeaderSize = ServiceControl.Size;
        _control->RegionSize = ServiceControl.Size;

        // The stopwatch of ordinary .NET on Linux ticks once a nanosecond.
        _control->Clock.Mult = 1;
        _control->Clock.TscKhz = 1_000_000;
        Add(ResourceKind.Arena, (ulong)options.ArenaSize, 4096);
        _statistics = Add(ResourceKind.Statistics, StatisticsLayout.TotalSize, 4096);
        ulong logSize = LogLayout.HeaderSize + ((ulong)options.LogRecords * LogRecord.Size);
        _log = new LogReader(Add(ResourceKind.Log, logSize, 4096), logSize);
        _tables[0] = Add(ResourceKind.Table, (ulong)_tableSlotSize, 4096);
        _tables[1] = Add(ResourceKind.Table, (ulong)_tableSlotSize, 4096, index: 1);
        Add(ResourceKind.PacketMemory, (ulong)options.PacketMemorySize, PacketMemory.ChunkSize, aux: DmaAddresses(options));
        _nics = Peers(ResourceKind.MemoryPort, options.Ports, options);
        _hosts = Peers(ResourceKind.HostPort, options.HostPorts, options);
        _shared = new byte*[options.SharedMemory.Count];
        for (int i = 0; i < _shared.Length; i++)
        {
            _shared[i] = Add(ResourceKind.Shared, (ulong)options.SharedMemory[i], 4096, (uint)i);
        }

        byte[] parameters = Encoding.UTF8.GetBytes(options.Parameters);
        parameters.CopyTo(new Span<byte>(Add(ResourceKind.Parameters, (ulong)parameters.Length + 1, 64), parameters.Length));
    }

    /// <summary>The control region, for tests of what a control plane may do wrong.</summary>
    public ServiceControl* Control => _control;

    /// <summary>The service, once it is started.</summary>
    public ref TService Service => ref *_service;

    /// <summary>The network behind a port's card.</summary>
    /// <exception cref="KeyNotFoundException">The service was not given that port.</exception>
    public PortPeer Nic(string port = PortName.Default) => _nics[port];

    /// <summary>Linux's side of a port.</summary>
    /// <exception cref="KeyNotFoundException">The service was not given that port with a host port.</exception>
    public PortPeer Host(string port = PortName.Default) => _hosts[port];

    /// <summary>A piece of memory that programs share with the service.</summary>
    public byte* SharedMemory(int index) => _shared[index];

    /// <summary>Gives the service a resource of the test's own making, before it is started.</summary>
    public void Give(Resource resource) => _control->Resources[(int)_control->ResourceCount++] = resource;

    /// <summary>Initialises the service.</summary>
    /// <returns>0, or the exit code.</returns>
    public long Start() => ServiceHost<TService>.Start(_control, out _service, out _ports);

    /// <summary>Polls the service.</summary>
    /// <param name="passes">Passes of the poll loop.</param>
    public void Poll(int passes = 1)
    {
        for (int i = 0; i < passes; i++)
        {
            ServiceHost<TService>.Turn(_control, _service, _ports);
        }
    }

    /// <summary>Looks after the service's ports now, as the host of a service does some ten times a second: it sees changes of a link.</summary>
    public void Maintain() => _ports.RunAll(Tsc.Read());

    /// <summary>Polls the service once at a time of the test's choosing.</summary>
    /// <param name="now">The TSC that the service is told.</param>
    public void PollAt(ulong now) => _service->Poll(now);

    /// <summary>Runs the service on this thread until <see cref="RequestStop"/> is called on another.</summary>
    /// <returns>The exit code.</returns>
    public long Run() => ServiceHost<TService>.Run(_control);

    /// <summary>Asks the service to stop.</summary>
    public void RequestStop() => MemoryOrdering.StoreRelease(ref _control->StopRequest, 1);

    /// <summary>Reads a counter.</summary>
    /// <exception cref="KeyNotFoundException">The service has no such counter.</exception>
    public ulong Counter(string name)
        => Counters().TryGetValue(name, out ulong value) ? value : throw new KeyNotFoundException($"The service has no counter '{name}'.");

    /// <summary>Reads all counters.</summary>
    public IReadOnlyDictionary<string, ulong> Counters()
        => StatisticsReader.Read(_statistics, StatisticsLayout.TotalSize).ToDictionary(pair => pair.Key, pair => pair.Value);

    /// <summary>Takes the log records since the last call.</summary>
    public IReadOnlyList<LogEntry> TakeLog() => _log.Read();

    /// <summary>Writes a table to the idle slot and asks for it; the service obeys in its next pass.</summary>
    /// <param name="table">The table with its header; the header's generation is set here.</param>
    /// <returns>The request, to compare with <see cref="ServiceControl.TableActive"/>.</returns>
    public ulong RequestTable(ReadOnlySpan<byte> table)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(table.Length, _tableSlotSize);
        int slot = 1 - _activeSlot;
        table.CopyTo(new Span<byte>(_tables[slot], _tableSlotSize));
        _generation++;
        ((TableHeader*)_tables[slot])->Generation = _generation;
        ulong request = (_generation << TableHeader.RequestSlotBits) | (uint)slot;
        MemoryOrdering.StoreRelease(ref _control->TableRequest, request);
        return request;
    }

    /// <summary>Writes a table, asks for it, polls once and tells whether the service took it.</summary>
    public bool LoadTable(ReadOnlySpan<byte> table)
    {
        ulong request = RequestTable(table);
        Poll();
        bool taken = MemoryOrdering.LoadAcquire(ref _control->TableActive) == request;
        _activeSlot = taken ? 1 - _activeSlot : _activeSlot;
        return taken;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private byte* Add(ResourceKind kind, ulong size, ulong alignment, uint index = 0, ulong aux = 0, PortName name = default)
    {
        byte* memory = _memory.Allocate(size, alignment);
        _control->Resources[(int)_control->ResourceCount++] = new Resource
        {
            Kind = kind,
            Index = index,
            Address = (ulong)memory,
            ByteCount = size,
            Aux = aux,
            Name = name,
        };
        return memory;
    }

    private Dictionary<string, PortPeer> Peers(ResourceKind kind, IReadOnlyList<string> names, HarnessOptions options)
    {
        Dictionary<string, PortPeer> peers = [];
        foreach (string name in names)
        {
            if (!PortName.TryCreate(Encoding.UTF8.GetBytes(name), out PortName portName))
            {
                throw new ArgumentException($"A port cannot be called \"{name}\".", nameof(options));
            }

            byte* memory = Add(kind, PortPeer.SizeOf(options.PortSlots), 4096, (uint)peers.Count, name: portName);
            peers.Add(name, new PortPeer(memory, options.PortSlots, options.PortMtu, peers.Count));
        }

        return peers;
    }

    private ulong DmaAddresses(HarnessOptions options)
    {
        if (options.DmaBase == 0)
        {
            return 0;
        }

        ulong chunks = ((ulong)options.PacketMemorySize + PacketMemory.ChunkSize - 1) / PacketMemory.ChunkSize;
        ulong* addresses = (ulong*)_memory.Allocate(chunks * sizeof(ulong), 64);
        for (ulong i = 0; i < chunks; i++)
        {
            // A gap after each chunk: what wrongly counts on contiguous memory goes wrong.
            addresses[i] = options.DmaBase + (i * 2 * PacketMemory.ChunkSize);
        }

        return (ulong)addresses;
    }
}

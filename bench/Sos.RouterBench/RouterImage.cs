using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using Sos.Bench;
using Sos.Bench.Contenders;
using Sos.Bench.Measuring;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.RouterBench.Service;
using Sos.Sdk.Memory;

namespace Sos.RouterBench;

/// <summary>Memory and time that a table of the router's costs.</summary>
/// <param name="Family">IPv4 or IPv6.</param>
/// <param name="Routes">Routes.</param>
/// <param name="BuildMs">Time to write all of them into an empty table.</param>
/// <param name="Bytes">Memory of the family's parts that are in use, those of all lengths of prefixes whole.</param>
/// <param name="ChangeUs">A change of one route in the live table.</param>
internal sealed record RouteTableCost(string Family, int Routes, double BuildMs, ulong Bytes, Spread ChangeUs);

/// <summary>The router's image with routes in its table.</summary>
internal sealed unsafe class RouterImage : IDisposable
{
    private const ulong DoneOffset = 4; // of RouterBenchArea.Done
    private const int Changes = 2000;
    private const int CountedPackets = 256;

    private readonly ImageProcess _process;
    private readonly MappedMemory _memory;
    private readonly MappedMemory _area;
    private readonly Placement _placement;
    private readonly RouteWorkload _workload;
    private readonly RouterTableWriter _writer;
    private readonly RouterTable _table;

    /// <summary>Loads the image, and writes routes, keys and packets.</summary>
    public RouterImage(RouteWorkload workload, Placement placement)
    {
        _workload = workload;
        _placement = placement;

        // Room for two million routes.
        RouterCapacity capacity = RouterCapacity.Default with { Ipv6Lines = 1 << 21 };
        string image = typeof(RouterImage).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(item => item.Key == "Image").Value!;
        _process = new ImageProcess(image, placement, new ServiceConfiguration
        {
            SharedMemory = [RouterTable.SizeFor(in capacity), RouterBenchArea.Size],
            TableSlotSize = 0,
            Parameters = new Dictionary<string, string> { ["ipv6-lines"] = $"{capacity.Ipv6Lines}" },
        });
        _memory = _process.Map(AddressSpace.SharedMemory);
        _area = _process.Map(AddressSpace.SharedMemory + (RouterBenchArea.SharedIndex * AddressSpace.PortStride));
        _process.Start();
        if (!RouterTable.TryOpen(_memory.Address, _memory.Size, out _table))
        {
            throw new BenchException("the router's image has laid out no table");
        }

        CopyKeys();
        _writer = new RouterTableWriter(in _table);
        _process.Resume();
        BuildTime = Build();
        _process.Pause();
    }

    /// <summary>Time that writing the routes took.</summary>
    public TimeSpan BuildTime { get; }

    private RouterBenchArea* Area => (RouterBenchArea*)_area.Address;

    /// <summary>The lookups, as a contender.</summary>
    public IContender Lookups => new Side(this, _workload.Set.IsIpv6 ? RouterBenchMode.Lookup6 : RouterBenchMode.Lookup4);

    /// <summary>The whole way of packets, as a contender.</summary>
    public IContender Packets => new Side(this, RouterBenchMode.Forward);

    /// <summary>Measures what the table costs.</summary>
    public RouteTableCost MeasureCost() => new(
        _workload.Set.IsIpv6 ? "IPv6" : "IPv4", _workload.Set.Routes.Count, BuildTime.TotalMilliseconds, UsedBytes(), MeasureChanges());

    /// <summary>Instructions of a packet or lookup, the harness subtracted; null if they cannot be counted here.</summary>
    public double? CountInstructions(bool wholePackets, int burst)
    {
        RouterBenchMode mode = wholePackets ? RouterBenchMode.Forward : _workload.Set.IsIpv6 ? RouterBenchMode.Lookup6 : RouterBenchMode.Lookup4;

        // The difference of two blocks is free of what comes before and behind them.
        double? Counted(RouterBenchMode counted, int count) => StepCounter.Count(
            _placement, _process.Id, AddressSpace.SharedMemory + (RouterBenchArea.SharedIndex * AddressSpace.PortStride) + DoneOffset,
            Order(counted, burst, count));
        double? whole = Counted(mode, 2 * CountedPackets) - Counted(mode, CountedPackets);
        double? harness = wholePackets ? Counted(RouterBenchMode.Harness, 2 * CountedPackets) - Counted(RouterBenchMode.Harness, CountedPackets) : 0;
        return (whole - harness) / CountedPackets;
    }

    /// <summary>Begins a block of packets that another image is to run beside.</summary>
    public uint Begin(int burst, int packets)
    {
        uint command = Order(RouterBenchMode.Forward, burst, packets);
        _process.Resume();
        return command;
    }

    /// <summary>Awaits the end of a block.</summary>
    /// <returns>Nanoseconds for each packet.</returns>
    public double Finish(uint command, int packets)
    {
        _process.Await(() => MemoryOrdering.LoadAcquire(ref Area->Done) == command);
        _process.Pause();
        return _process.NanosecondsOf(Area->Ticks) / packets;
    }

    /// <summary>Nanoseconds that its thread has run so far: what the machine gave to others is not in it.</summary>
    public double RunTime => double.Parse(File.ReadAllText($"/proc/{_process.Id}/schedstat").Split(' ')[0], CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public void Dispose()
    {
        _writer.Dispose();
        _area.Dispose();
        _memory.Dispose();
        _process.Dispose();
    }

    private static HopSpecification HopOf(bool isIpv6, byte hop) => new(NextHopKind.Forward)
    {
        Interface = 1,
        Gateway = new RouteAddress(RouteWorkload.Gateway(isIpv6, hop), isIpv6),
        Mtu = 1500,
    };

    private TimeSpan Build()
    {
        bool isIpv6 = _workload.Set.IsIpv6;
        HopSpecification[] hops = [.. Enumerable.Range(0, RouteSet.Hops + 1).Select(hop => HopOf(isIpv6, (byte)hop))];
        InterfaceFlags flags = InterfaceFlags.Up | InterfaceFlags.Forwards4 | InterfaceFlags.Forwards6;
        Stopwatch watch = Stopwatch.StartNew();
        for (int hop = 1; hop <= RouteSet.Hops; hop++)
        {
            _writer.SetNeighbour(1, hops[hop].Gateway, RouteWorkload.GatewayMac((byte)hop));
        }

        foreach (BenchRoute route in _workload.Set.Routes)
        {
            _writer.SetRoute(route.Prefix, route.Length, hops[route.Hop]);
        }

        _writer.Publish();
        watch.Stop();
        _writer.SetInterface(0, new InterfaceSettings { Mac = RouteWorkload.RouterMac, Mtu = 1500, Flags = flags });
        _writer.SetInterface(1, new InterfaceSettings { Mac = RouteWorkload.RouterMac + 1, Mtu = 1500, Flags = flags });
        _writer.SetState(RouterState.Ipv4 | RouterState.Ipv6);
        return watch.Elapsed;
    }

    private Spread MeasureChanges()
    {
        Random random = new(1);
        List<double> times = [];
        _process.Resume();
        foreach (BenchRoute route in Enumerable.Range(0, Changes).Select(_ => _workload.Set.Routes[random.Next(_workload.Set.Routes.Count)]))
        {
            long start = Stopwatch.GetTimestamp();
            _writer.SetRoute(route.Prefix, route.Length, HopOf(_workload.Set.IsIpv6, (byte)((route.Hop % RouteSet.Hops) + 1)));
            _writer.Commit();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            _writer.SetRoute(route.Prefix, route.Length, HopOf(_workload.Set.IsIpv6, route.Hop));
            _writer.Commit();
        }

        _process.Pause();
        return Spread.Of(times);
    }

    private ulong UsedBytes()
    {
        if (_workload.Set.IsIpv6)
        {
            ulong lines = 0;
            for (uint line = 0; line < _table.LineCount;)
            {
                uint taken = _table.LineOrders[line] == 0 ? 0 : 1u << (_table.LineOrders[line] - 1);
                lines += taken;
                line += Math.Max(taken, 1);
            }

            return (6UL << RouterTable.Ipv6RootBits) + (lines * RouterCapacity.LineSize);
        }

        ulong groups = (ulong)new ReadOnlySpan<byte>(_table.GroupsTaken, (int)_table.GroupCount).Count((byte)1);
        return (2UL << RouterTable.Ipv4RootBits) + (groups * 512);
    }

    private void CopyKeys()
    {
        Span<uint> keys4 = MemoryMarshal.Cast<byte, uint>(_area.Slice(RouterBenchArea.Keys4Offset, RouterBenchArea.KeyCount * sizeof(uint)));
        Span<ulong> keys6 = MemoryMarshal.Cast<byte, ulong>(_area.Slice(RouterBenchArea.Keys6Offset, RouterBenchArea.KeyCount * 16UL));
        for (int i = 0; i < RouterBenchArea.KeyCount; i++)
        {
            keys4[i] = (uint)_workload.Keys[i];
            keys6[2 * i] = (ulong)(_workload.Keys[i] >> 64);
            keys6[(2 * i) + 1] = (ulong)_workload.Keys[i];
        }

        byte[] trace = _workload.MakeTrace();
        trace.CopyTo(_area.Slice(RouterBenchArea.TraceOffset, (ulong)trace.Length));
    }

    private uint Order(RouterBenchMode mode, int burst, int count)
    {
        RouterBenchArea* area = Area;
        area->Mode = mode;
        area->BurstSize = (uint)burst;
        area->Count = (ulong)count;
        uint command = area->Command + 1;
        MemoryOrdering.StoreRelease(ref area->Command, command);
        return command;
    }

    private double Block(RouterBenchMode mode, int burst, int count)
    {
        uint command = Order(mode, burst, count);
        _process.Resume();
        return Finish(command, count);
    }

    private byte[] Judge(RouterBenchMode mode)
    {
        int count = mode == RouterBenchMode.Forward ? RouterBenchArea.TraceCount : RouterBenchArea.KeyCount;
        Span<uint> results = MemoryMarshal.Cast<byte, uint>(_area.Slice(RouterBenchArea.ResultsOffset, (ulong)count * sizeof(uint)));
        results.Clear();
        Area->Records = 1;
        Block(mode, RouterBenchArea.BurstMax, count);
        Area->Records = 0;
        byte[] hops = new byte[count];
        for (int i = 0; i < count; i++)
        {
            // Of a packet, where it goes on the link; of a lookup, the number of a next hop.
            hops[i] = (byte)(mode == RouterBenchMode.Forward ? results[i] : NextHop.MacOf(_table.NextHops[results[i]].Action));
        }

        return hops;
    }

    private sealed class Side(RouterImage image, RouterBenchMode mode) : IContender
    {
        public string Name => "SOS";

        public byte[] Judge() => image.Judge(mode);

        public double Run(int burst, int packets) => image.Block(mode, burst, packets);

        public double RunHarness(int burst, int packets)
            => mode == RouterBenchMode.Forward ? image.Block(RouterBenchMode.Harness, burst, packets) : 0;

        public void Dispose()
        {
        }
    }
}

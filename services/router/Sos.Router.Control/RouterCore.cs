using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Router.Filter;
using Sos.Router.Routes;
using Sos.Router.Tables;

namespace Sos.Router.Control;

/// <summary>A router that runs on a core, its memory mapped, seen from its own network namespace.</summary>
internal sealed unsafe class RouterCore : IDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    private readonly IServiceCore _core;
    private readonly CoreRecord _record;
    private readonly MappedMemory _memory;
    private readonly MappedMemory? _filter;
    private readonly NetworkNamespace _place;

    /// <summary>Attaches to a router. This thread is in its network namespace until it is disposed of.</summary>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">No router runs there.</exception>
    public RouterCore(int cpu)
    {
        (_core, _record) = new ServiceReadings(new CoreBackEnds()).Find(RouterCompanion.ServiceName, cpu) ?? throw new SosException(
            SosError.NotFound, $"core {cpu} runs no router: 'sosctl service start {cpu} router.sosimg --port A=DEVICE --port B=DEVICE' starts one");
        try
        {
            if (_record.SharedMemory.Count == 0)
            {
                throw new SosException(SosError.Refused, $"the router on core {cpu} has no memory for routes: start it with this sosctl");
            }

            _memory = _core.Map(_record.SharedMemory[0].MapOffset, _record.SharedMemory[0].Size);
            Table = AwaitTable(cpu);
            _filter = _record.SharedMemory.Count > (int)RouterService.FilterIndex
                ? _core.Map(_record.SharedMemory[(int)RouterService.FilterIndex].MapOffset, _record.SharedMemory[(int)RouterService.FilterIndex].Size)
                : null;
            string? name = _record.Cards.Select(card => card.Netdev?.Namespace).FirstOrDefault(place => place is not null);
            _place = NetworkNamespace.TryEnter(name) ?? throw new SosException(
                SosError.Failed, $"the network namespace of the router on core {cpu} is gone: 'sosctl service stop {cpu}' ends it");
        }
        catch
        {
            _filter?.Dispose();
            _memory?.Dispose();
            _core.Dispose();
            throw;
        }
    }

    /// <summary>Its memory.</summary>
    public RouterTable Table { get; }

    /// <summary>The memory in which it takes Linux's rules; null for a router that takes none.</summary>
    public FilterMemory Filter => _filter is { } memory && FilterMemory.TryOpen(memory.Address, memory.Size, out FilterMemory filter) ? filter : default;

    /// <summary>Names of its ports.</summary>
    public IReadOnlyList<string> PortNames => [.. _record.KnownPorts.Select(port => port.Port)];

    /// <summary>Names of its interfaces, by number: ports by their names, VLANs by their network devices.</summary>
    public IReadOnlyList<string> InterfaceNames => new TableReader(Table).NamesOf(PortNames);

    /// <summary>For each port the names that its network device may have.</summary>
    public IReadOnlyList<IReadOnlyList<string>> DeviceNames => [.. _record.KnownPorts.Select(port => port.Interfaces)];

    private bool IsRunning
        => _core.GetStatus().State == CoreState.Running && CoreRecord.Read(_core.Cpu)?.Started == _record.Started;

    /// <summary>Keeps a router's table in step with Linux until the router ends, or until it is told to end.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="log">Takes what a person should know.</param>
    /// <param name="end">Ends it; the core goes on with what it has.</param>
    /// <exception cref="SosException">No router runs there, or somebody follows for it already.</exception>
    public static void Follow(int cpu, Action<string> log, CancellationToken end)
    {
        // Entering a namespace is a thread's matter: it has one of its own.
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                FollowHere(cpu, log, end);
            }
            catch (Exception e) when (e is SosException or TableFullException or IOException or UnauthorizedAccessException)
            {
                failure = e;
            }
        })
        { Name = "sos-routes", IsBackground = true };
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            throw new SosException((failure as SosException)?.Error ?? SosError.Failed, failure.Message, failure);
        }
    }

    /// <summary>Does something with a router, on a thread of its own.</summary>
    public static T Look<T>(int cpu, Func<RouterCore, T> look)
    {
        T? result = default;
        SosException? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                using RouterCore router = new(cpu);
                result = look(router);
            }
            catch (SosException e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw new SosException(failure.Error, failure.Message, failure);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _place.Dispose();
        _filter?.Dispose();
        _memory.Dispose();
        _core.Dispose();
    }

    private static void FollowHere(int cpu, Action<string> log, CancellationToken end)
    {
        using RouterCore router = new(cpu);
        using FileStream only = TakeLock(cpu);
        RouterTable table = router.Table;
        string? netfilter = router._record.Plan.Options.GetValueOrDefault(RouterCompanion.NetfilterOption);
        FollowerOptions options = new(
            netfilter == RouterCompanion.Bypass,
            router._record.Plan.Options.GetValueOrDefault(RouterCompanion.FlowHashOption) == RouterCompanion.Symmetric,
            netfilter == RouterCompanion.ToLinux);
        using RouteFollower follower = new(in table, router.DeviceNames, options, log, router.Filter);
        log($"core {cpu} has {follower.RouteCount} routes of Linux's");
        DateTime look = DateTime.UtcNow;
        while (!end.IsCancellationRequested)
        {
            follower.Turn(LookEvery);
            if (DateTime.UtcNow >= look)
            {
                if (!router.IsRunning)
                {
                    return;
                }

                look = DateTime.UtcNow + LookEvery;
            }
        }
    }

    private static FileStream TakeLock(int cpu)
    {
        Directory.CreateDirectory(CoreRecord.DefaultFolder);
        string path = Path.Combine(CoreRecord.DefaultFolder, $"router-{cpu}.lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new SosException(SosError.Refused, $"somebody writes core {cpu}'s routes already (sosd, or another 'sosctl router follow'): {path}", e);
        }
    }

    private RouterTable AwaitTable(int cpu)
    {
        RouterTable table = default;
        bool opened = SpinWait.SpinUntil(() => RouterTable.TryOpen(_memory.Address, _memory.Size, out table), TimeSpan.FromSeconds(5));
        return opened ? table : throw new SosException(
            SosError.Refused, $"the router on core {cpu} has laid out no table: build image and sosctl from the same version");
    }
}

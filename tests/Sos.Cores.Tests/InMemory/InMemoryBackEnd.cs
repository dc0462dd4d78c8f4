using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Running;

namespace Sos.Cores.Tests.InMemory;

/// <summary>A back end whose cores, devices and services are objects: operations can be tested with it in one process.</summary>
internal sealed class InMemoryBackEnd(BackEndKind kind) : ICoreBackEnd, IDisposable
{
    private readonly SortedDictionary<int, InMemoryState> _cores = [];

    public BackEndKind Kind => kind;

    public SosException? Obstacle { get; set; }

    /// <summary>The network devices of the machine, by name.</summary>
    public Dictionary<string, InMemoryDevice> Devices { get; } = [];

    /// <summary>The behaviour of the services that are started from now on.</summary>
    public InMemoryBehaviour Behaviour { get; set; }

    /// <summary>Why cores cannot be listed, as while a driver is being replaced; null when they can.</summary>
    public SosException? ListFailure { get; set; }

    /// <summary>Why no core can be released; null when it can.</summary>
    public SosException? ReleaseFailure { get; set; }

    /// <summary>The options and lease of the last reservation.</summary>
    public (CoreOptions Options, TimeSpan? Lease) LastReservation { get; private set; }

    public InMemoryState State(int cpu) => _cores[cpu];

    public IReadOnlyList<int> ListCores() => ListFailure is null ? [.. _cores.Keys] : throw ListFailure;

    public Reservation Reserve(int cpu, CoreOptions options, TimeSpan? lease)
    {
        LastReservation = (options, lease);
        _cores.Add(cpu, new InMemoryState { Lease = lease, Performance = kind.LeavesLinux() ? options.Performance : null });
        return new Reservation(1, "in memory", ["reserved in memory"]);
    }

    public IServiceCore Open(int cpu)
        => _cores.TryGetValue(cpu, out InMemoryState? state) ? new InMemoryCore(this, cpu, state) : throw CoreRefusals.NotReserved(cpu);

    public bool IsOverdue(int cpu) => _cores[cpu].Lease <= TimeSpan.Zero;

    public bool TryEndLease(int cpu) => IsOverdue(cpu);

    public bool HadDevice(CardRecord card) => Devices.ContainsKey(card.Device);

    public bool GiveBack(int cpu, CardRecord card, List<string> notes) => Devices[card.Device].TryGiveBack(notes);

    /// <summary>Lets a core go back by itself, as at the end of a lease: nobody gives back what its service had.</summary>
    public void Lose(int cpu)
    {
        if (_cores.Remove(cpu, out InMemoryState? state))
        {
            state.Dispose();
        }
    }

    /// <summary>Who has each device, by name.</summary>
    public IReadOnlyDictionary<string, bool> Taken() => Devices.ToDictionary(pair => pair.Key, pair => pair.Value.IsTaken);

    public void Dispose() => _cores.Keys.ToList().ForEach(Lose);
}

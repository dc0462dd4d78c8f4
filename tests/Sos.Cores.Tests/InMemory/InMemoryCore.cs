using System;
using System.Collections.Generic;
using Sos.Cores.BackEnds;
using Sos.Cores.Devices;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Sdk.Control;

namespace Sos.Cores.Tests.InMemory;

/// <summary>A core of <see cref="InMemoryBackEnd"/>: images are loaded into a file, services are threads that poll.</summary>
internal sealed class InMemoryCore(InMemoryBackEnd backEnd, int cpu, InMemoryState state) : IServiceCore, IServiceTarget
{
    private uint _regions;

    public int Cpu => cpu;

    public BackEndKind BackEnd => backEnd.Kind;

    public int ChangeDescriptor => -1;

    public CoreStatus GetStatus() => new(state.State, cpu, true, 0, state.ExitCode, state.Starts, 0, 0, 0, null)
    {
        LeaseLength = state.Lease,
        LeaseLeft = state.Lease,
        Watchdog = state.Watchdog,
        Performance = state.Performance,
    };

    public LinuxCounts GetLinuxCounts() => throw new NotSupportedException("a core in memory counts nothing");

    public INetworkDevice FindDevice(string name, DeviceOptions options)
        => backEnd.Devices.TryGetValue(name, out InMemoryDevice? device) ? device : throw new SosException(SosError.NotFound, $"there is no {name}");

    public INetworkDevice FindAgain(CardRecord card, DeviceOptions options) => FindDevice(card.Device, options);

    public IDisposable? Enter(IReadOnlyList<CardRecord> cards) => null;

    public bool GiveBack(CardRecord card, List<string> notes) => backEnd.GiveBack(cpu, card, notes);

    public IServiceTarget BeginLoad(ServiceConfiguration configuration)
    {
        state.State = CoreState.Loaded;
        return this;
    }

    public MappedMemory Map(ulong offset, ulong size) => state.Map(offset, size);

    public void Start(ulong entry, ulong stackTop, ulong argument, TimeSpan? watchdog) => state.Start(backEnd.Behaviour, watchdog);

    public IProgramAccess OpenPrograms(CoreRecord record) => throw new NotSupportedException("a service in memory shares nothing with programs");

    public bool Stop(TimeSpan timeout) => state.Stop();

    public bool Wait(TimeSpan timeout) => false;

    public void Unload() => state.Unload();

    public void SetLease(TimeSpan? length) => state.Lease = length;

    public ulong Release()
    {
        if (backEnd.ReleaseFailure is { } failure)
        {
            throw failure;
        }

        backEnd.Lose(cpu);
        return 1;
    }

    public ClaimedDevice Claim(PciAddress address) => throw new NotSupportedException("devices in memory are no PCI devices");

    public TargetRegion AddRegion(RegionRequest request)
        => new(_regions++, request.Size, state.Add(request.Size, request.Kind == RegionKind.Control));

    public HostPortResult AddHostPort(PortRequest request, ulong address) => throw new NotSupportedException("devices in memory have no host port");

    public XskLayout AddXskPort(XskRequest request, ulong address) => throw new NotSupportedException("devices in memory have no sockets");

    public MappedMemory Map(TargetRegion region) => state.Map(region.MapOffset, region.Size);

    public ulong[] GetDmaAddresses(TargetRegion region, uint device) => [];

    public void Dispose()
    {
        // The core outlives those who have it open.
    }
}

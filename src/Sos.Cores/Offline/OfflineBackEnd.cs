using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Running;

namespace Sos.Cores.Offline;

/// <summary>Cores that are unplugged from Linux, by the driver.</summary>
public sealed class OfflineBackEnd : ICoreBackEnd
{
    private readonly string _path;

    /// <summary>Uses the driver at <paramref name="path"/>.</summary>
    public OfflineBackEnd(string path = SosDriver.DefaultPath) => _path = path;

    /// <inheritdoc/>
    public BackEndKind Kind => BackEndKind.Offline;

    /// <inheritdoc/>
    public SosException? Obstacle
    {
        get
        {
            try
            {
                using SosDriver device = SosDriver.Open(_path);
                return null;
            }
            catch (SosException e)
            {
                return e;
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<int> ListCores()
    {
        using SosDriver device = SosDriver.Open(_path);
        return [.. device.GetInfo().Cpus.Order()];
    }

    /// <inheritdoc/>
    public Reservation Reserve(int cpu, CoreOptions options, TimeSpan? lease)
    {
        using SosDriver device = SosDriver.Open(_path);
        using OfflineCore core = device.Reserve(cpu, persist: true, lease, options, out CoreArrival arrival);
        string method = arrival.Siblings == 0 ? "unplugged from Linux" : "unplugged from Linux with the other threads of its physical core";
        return new Reservation(arrival.DurationNs, method, []);
    }

    /// <inheritdoc/>
    public IServiceCore Open(int cpu)
    {
        using SosDriver device = SosDriver.Open(_path);
        return device.OpenCore(cpu);
    }

    /// <inheritdoc/>
    /// <remarks>The driver gives cores back.</remarks>
    public bool IsOverdue(int cpu) => false;

    /// <inheritdoc/>
    public bool TryEndLease(int cpu) => false;

    /// <inheritdoc/>
    public bool HadDevice(CardRecord card) => card.Netdev is null;

    /// <inheritdoc/>
    public bool GiveBack(int cpu, CardRecord card, List<string> notes) => CardDevice.GiveBack(cpu, card, notes);
}

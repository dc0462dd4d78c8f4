using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Cores.BackEnds;

/// <summary>Cores that are unplugged from Linux, by the driver.</summary>
public sealed class OfflineBackEnd : ICoreBackEnd
{
    private readonly string _path;

    /// <summary>Uses the driver at <paramref name="path"/>.</summary>
    public OfflineBackEnd(string path = SosDevice.DefaultPath) => _path = path;

    /// <summary>How the cores that it reserves are to run.</summary>
    public CoreOptions Options { get; set; } = new();

    /// <inheritdoc/>
    public BackEndKind Kind => BackEndKind.Offline;

    /// <inheritdoc/>
    public SosException? Obstacle
    {
        get
        {
            try
            {
                using SosDevice device = SosDevice.Open(_path);
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
        using SosDevice device = SosDevice.Open(_path);
        return [.. device.GetInfo().Cpus.Order()];
    }

    /// <inheritdoc/>
    public Reservation Reserve(int cpu, TimeSpan? lease)
    {
        using SosDevice device = SosDevice.Open(_path);
        using ServiceCore core = device.Reserve(cpu, persist: true, lease, Options, out CoreArrival arrival);
        string method = arrival.Siblings == 0 ? "unplugged from Linux" : "unplugged from Linux with the other threads of its physical core";
        return new Reservation(arrival.DurationNs, method, []);
    }

    /// <inheritdoc/>
    public IServiceCore Open(int cpu)
    {
        using SosDevice device = SosDevice.Open(_path);
        return device.OpenCore(cpu);
    }
}

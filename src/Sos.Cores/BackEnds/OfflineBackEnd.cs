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
        using ServiceCore core = device.Reserve(cpu, persist: true, lease, out ulong durationNs);
        return new Reservation(durationNs, "unplugged from Linux", []);
    }

    /// <inheritdoc/>
    public IServiceCore Open(int cpu)
    {
        using SosDevice device = SosDevice.Open(_path);
        return device.OpenCore(cpu);
    }
}

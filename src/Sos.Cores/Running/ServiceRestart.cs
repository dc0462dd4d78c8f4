using System;
using System.Collections.Generic;
using Sos.Cores.BackEnds;
using Sos.Cores.Devices;
using Sos.Cores.Isolation.Network;

namespace Sos.Cores.Running;

/// <summary>
/// Starts services again. Their cards do not go back to Linux meanwhile, nor when it fails, so that nothing passes unfiltered; a restart that failed
/// can be repeated.
/// </summary>
public static class ServiceRestart
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Stops a service, if it runs, and starts it again.</summary>
    /// <param name="core">The core, in any state.</param>
    /// <param name="former">Its record, with settings.</param>
    /// <param name="prepare">Says what to start with a network device, or without one; the former service runs until then, and goes on if this throws.</param>
    /// <param name="notes">What a person should know.</param>
    /// <param name="exclusive">The core's lock.</param>
    /// <returns>The new record, written.</returns>
    /// <exception cref="SosException">It was refused, and nothing is changed; or it failed, and the record is kept for the next try.</exception>
    public static CoreRecord Restart(
        IServiceCore core, CoreRecord former, Func<INetworkDevice?, StartRequest> prepare, List<string> notes, CoreLock exclusive)
    {
        // sosd is in another namespace than who started it with a network device of a container.
        using NetworkNamespace? place = NetworkNamespace.TryEnter(former.Card?.Netdev?.Namespace);
        if (place is null)
        {
            throw new SosException(
                SosError.NotFound,
                $"the network namespace of {former.Card?.Address} is gone: 'sosctl service stop {core.Cpu}' ends its service");
        }

        INetworkDevice? device = FindDevice(core, former);
        StartRequest request = prepare(device) with { IsRestart = true, FormerCard = former.Card is null ? null : device?.Describe() };
        ServiceStart.CheckTable(request);
        ServiceStop.Unload(core, StopTimeout);
        (former with { RestartPending = true, Control = null, Tables = [], SharedMemory = [], Card = request.FormerCard }).Write();
        return ServiceStart.Start(core, request, notes, exclusive);
    }

    private static INetworkDevice? FindDevice(IServiceCore core, CoreRecord former)
    {
        StartSettings settings = former.Settings ?? throw new ArgumentException("a record without settings", nameof(former));
        DeviceOptions options = new(Force: true, settings.HostPort, settings.BusyPoll, settings.Open);
        return former.Card switch
        {
            null => settings.Device is null ? null : core.FindDevice(settings.Device, options),
            { Netdev: null } card => CardDevice.FindAgain(card, settings.HostPort),
            { Netdev: { } netdev } => NetdevDevice.FindAgain(core.Cpu, netdev, options),
        };
    }
}

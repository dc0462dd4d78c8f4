using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Plan;
using Sos.Cores.Running;

namespace Sos.Cores.Services;

/// <summary>
/// Starts services again. Their cards do not go back to Linux meanwhile, nor when it fails, so that nothing passes unfiltered; a restart that failed
/// can be repeated.
/// </summary>
public static class ServiceRestart
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Stops a service, if it runs, and starts it again.</summary>
    /// <param name="core">The core, in any state.</param>
    /// <param name="former">Its record.</param>
    /// <param name="request">What to start, without its network devices: they are found here, as they are now.</param>
    /// <param name="notes">Takes what a person should know.</param>
    /// <param name="exclusive">The core's lock.</param>
    /// <returns>The new record, written.</returns>
    /// <exception cref="SosException">It was refused, and nothing is changed; or it failed, and the record is kept for the next try.</exception>
    public static CoreRecord Restart(IServiceCore core, CoreRecord former, StartRequest request, List<string> notes, CoreLock exclusive)
    {
        // sosd is in another namespace than the one in which a network device of a container was given to a service.
        using IDisposable? place = core.Enter(former.Cards);
        List<PortDevice> devices = [.. request.Plan.Ports.Where(port => port.Device is not null).Select(port => FindDevice(core, former, port))];
        request = request with
        {
            IsRestart = true,
            Devices = devices,
            FormerCards = [.. devices.Where(device => former.Cards.Any(card => card.Port == device.Port.Name))
                .Select(device => device.Device.Describe() with { Port = device.Port.Name })],
        };
        ServiceStart.CheckTable(request);
        ServiceStop.Unload(core, StopTimeout);
        (former with { RestartPending = true, Control = null, Tables = [], SharedMemory = [], Cards = request.FormerCards }).Write(exclusive.Folder);
        return ServiceStart.Start(core, request, notes, exclusive);
    }

    private static PortDevice FindDevice(ICoreDevices core, CoreRecord former, PortPlan port)
    {
        DeviceOptions options = new(Force: true, port.HostPort, port.BusyPoll, port.Open);
        CardRecord? card = former.Cards.FirstOrDefault(candidate => candidate.Port == port.Name);
        return new PortDevice(port, card is null ? core.FindDevice(port.Device!, options) : core.FindAgain(card, options));
    }
}

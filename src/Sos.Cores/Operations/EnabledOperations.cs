using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Devices;
using Sos.Cores.Enabled;
using Sos.Cores.Running;

namespace Sos.Cores.Operations;

/// <summary>The operations on services that start after each boot.</summary>
/// <param name="backEnds">The back ends.</param>
/// <param name="companions">What the control plane knows of services.</param>
public sealed class EnabledOperations(CoreBackEnds backEnds, CompanionCatalogue companions)
{
    /// <summary>Makes an enabled service of the one that a core has now.</summary>
    /// <param name="name">Its name from now on.</param>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">The core has none.</exception>
    public EnabledService Of(string name, int cpu)
    {
        using ICoreReading core = backEnds.Open(cpu);
        CoreRecord record = CoreRecord.Read(cpu, backEnds.Folder) ?? throw new SosException(
            SosError.NotFound, $"core {cpu} has no service to keep: name an image, as in 'sosctl service enable {name} IMAGE --core {cpu}'");
        return new EnabledService
        {
            Name = name,
            Core = cpu,
            BackEnd = core.BackEnd,
            CoreOptions = new CoreOptions(Performance: core.GetStatus().Performance ?? CorePerformance.Max),
            Plan = record.Plan,
        };
    }

    /// <summary>Checks all of an enabled service that can be checked while its core is Linux's and its devices may be missing.</summary>
    /// <param name="service">The service.</param>
    /// <returns>What a person should know though it works.</returns>
    /// <exception cref="SosException">It could not be started.</exception>
    public IReadOnlyList<string> Check(EnabledService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        if (service.Plan.Ports.Any(port => port.Captures is not null))
        {
            throw new SosException(SosError.Usage, "a service that replays a capture ends with that: it cannot be enabled");
        }

        List<string> notes = [.. new ServiceOperations(backEnds, companions).Check(service.Plan, service.BackEnd)];
        if (backEnds.Topology.List().All(cpu => cpu.Id != service.Core))
        {
            throw new SosException(SosError.NotFound, $"this machine has no cpu {service.Core}: 'sosctl core list' shows those that it has");
        }

        if (service.BackEnd is { } kind)
        {
            _ = backEnds.Choose(kind, service.CoreOptions); // Refuses options that this back end has not.
            if (backEnds[kind].Obstacle is { } obstacle)
            {
                notes.Add($"at this moment it could not be started: {obstacle.Message}");
            }
        }

        notes.AddRange(MissingDevices(service).Select(device => $"{device} is not there now: sosd waits for it"));
        return notes;
    }

    /// <summary>Has sosd start a service after each boot, from the next one on.</summary>
    /// <param name="service">The service.</param>
    /// <param name="services">The files of the enabled services.</param>
    /// <returns>Its file, and what a person should know though it works.</returns>
    /// <exception cref="SosException">It could not be started, or cannot be written; nothing was.</exception>
    public (string File, IReadOnlyList<string> Notes) Enable(EnabledService service, EnabledServices services)
    {
        ArgumentNullException.ThrowIfNull(services);
        List<string> notes = [.. Check(service)];
        string file = services.Write(service);
        if (!DaemonPresence.IsThere(backEnds.Folder))
        {
            notes.Add("sosd does not run, and nothing else starts the service: have it started at boot with 'systemctl enable sosd'");
        }

        return (file, notes);
    }

    /// <summary>Has sosd start a service no more after a boot.</summary>
    /// <param name="name">The service's name.</param>
    /// <param name="services">The files of the enabled services.</param>
    /// <returns>The file that it had.</returns>
    /// <exception cref="SosException">No service of that name is enabled.</exception>
    public string Disable(string name, EnabledServices services)
    {
        ArgumentNullException.ThrowIfNull(services);
        string file = services.Delete(name);
        EnabledState.Delete(name, EnabledState.FolderIn(backEnds.Folder));
        return file;
    }

    /// <summary>Lists the devices of a service that the machine does not have, or not yet.</summary>
    public static IReadOnlyList<string> MissingDevices(EnabledService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        return [.. service.Plan.Ports.Select(port => port.Device).OfType<string>().Where(device => !IsThere(device))];
    }

    /// <summary>Reserves an enabled service's core and starts the service. A core that was reserved for it goes back when it does not start.</summary>
    /// <param name="service">The service.</param>
    /// <exception cref="SosException">It could not be started; everything is as before.</exception>
    public StartResult Start(EnabledService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        CoreOperations cores = new(backEnds);
        List<string> notes = [];
        bool isOurs = !backEnds.ListCores().ContainsKey(service.Core);
        if (isOurs)
        {
            notes.AddRange(cores.Reserve(service.Core, backEnds.Choose(service.BackEnd, service.CoreOptions), service.ForceCore, null).Notes);
        }

        return SosException.Noting(notes, () =>
        {
            try
            {
                StartResult started = new ServiceOperations(backEnds, companions).Start(service.Core, service.Plan);
                return started with { Notes = [.. notes, .. started.Notes] };
            }
            catch (Exception) when (isOurs)
            {
                notes.AddRange(GiveBack(cores, service.Core));
                throw;
            }
        });
    }

    // Why the service could not be started is what the user must see: what else failed is noted beside it.
    private static IReadOnlyList<string> GiveBack(CoreOperations cores, int cpu)
    {
        try
        {
            ReleaseResult released = cores.Release(cpu);
            return released.IsComplete ? [] : released.Notes;
        }
        catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
        {
            return [$"core {cpu} could not be given back to Linux ({e.Message}): 'sosctl core release {cpu}' tries again"];
        }
    }

    private static bool IsThere(string device) => PciAddress.TryParse(device, out PciAddress address)
        ? Directory.Exists($"/sys/bus/pci/devices/{address}")
        : Directory.Exists($"/sys/class/net/{device}");
}

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Cores.Services;
using Sos.Image;
using Sos.Image.Ports;
using Sos.Sdk.Control;

namespace Sos.Cores.Operations;

/// <summary>Works a plan out. All that can be refused is refused here, before anything is changed and while nothing is locked.</summary>
internal static class ServicePreparation
{
    // Nobody but the service sees what is behind a capture.
    private const int CaptureMtu = 1500;
    private static readonly byte[] CaptureMac = [2, 0, 0, 0, 0, 1];

    /// <summary>Refuses what a core's back end does not have.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="backEnd">What keeps the core.</param>
    /// <exception cref="SosException">The plan asks for such.</exception>
    public static void CheckBackEnd(ServicePlan plan, BackEndKind backEnd)
    {
        if (plan.ForceUnconfined && !backEnd.LeavesLinux())
        {
            throw new SosException(SosError.Usage, "--force-unconfined is for unplugged cores: Linux drives the card of an isolated one; leave it away");
        }

        string? option = plan.Ports.Any(port => port.BusyPoll) ? "--busy-poll"
            : plan.Ports.Any(port => port.Open) ? "--on-failure open"
            : plan.Ports.Any(port => port.Captures is not null) ? "--pcap-in"
            : plan.Scheduling != SchedulingWish.Auto ? "--scheduling" : null;
        if (option is not null && backEnd.LeavesLinux())
        {
            throw new SosException(
                SosError.Usage, $"{option} is for isolated cores, and this one is unplugged: leave it away, "
                    + "or reserve one with 'sosctl core reserve CPU --isolated'");
        }
    }

    /// <summary>Fits a plan's ports to what its image says of them, and refuses those that fit neither that nor one another.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="image">Its image.</param>
    /// <returns>The plan, with each port's name, and without the host ports that the service does not take.</returns>
    /// <exception cref="SosException">The ports do not fit; the message says what the service takes.</exception>
    public static ServicePlan FitPorts(ServicePlan plan, ServiceImage image)
    {
        ImmutableArray<PortWish> wishes = [.. image.Ports.Wishes.Where(wish => wish.Most > 0)];
        plan = plan with { Ports = [.. plan.Ports.Select(port => Fit(port, wishes))] };
        RefuseTwice(plan.Ports.Select(port => port.Device), device => $"two ports have the device {device}: give each its own");
        RefuseTwice(plan.Ports.Select(port => port.HostPort), host => $"two ports have the host port {host}: give each its own");
        if (plan.Ports.Count(port => port.Captures is not null) > 1)
        {
            throw new SosException(SosError.Usage, "captures stand in the place of one port only: give --pcap-in and --pcap-out once");
        }

        List<GivenPort> given = [.. plan.Ports.Where(port => port.Device is not null || port.Captures is not null)
            .Select(port => new GivenPort(port.Name, port.HasHostPort))];
        return image.Ports.Check(image.Descriptor.Name, given) is { } refusal ? throw new SosException(SosError.Usage, refusal) : plan;
    }

    /// <summary>Gives the only port of a service its name, where nobody named it, and takes host ports away that a service has no use for.</summary>
    private static PortPlan Fit(PortPlan port, ImmutableArray<PortWish> wishes)
    {
        if (port.Name == PortName.Default && wishes is [{ Name: not PortWishes.AnyName } only])
        {
            port = port with { Name = only.Name };
        }

        PortWish? wish = wishes.FirstOrDefault(candidate => candidate.Name == port.Name)
            ?? wishes.FirstOrDefault(candidate => candidate.Name == PortWishes.AnyName);
        return wish is { HostPort: HostPortWish.None } && port.HostPort is null ? port with { HasHostPort = false } : port;
    }

    /// <summary>Works a plan out: parameters, sizes, table.</summary>
    /// <param name="companions">What the control plane knows of services.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="image">Its image, verified.</param>
    /// <param name="ports">The ports with the names by which Linux knows them.</param>
    /// <param name="backEnd">What keeps the core.</param>
    /// <param name="notes">Takes what a person should know though it works.</param>
    /// <exception cref="SosException">Something of it is refused.</exception>
    public static StartRequest Prepare(
        CompanionCatalogue companions, ServicePlan plan, ServiceImage image, IReadOnlyList<KnownPort> ports, BackEndKind backEnd, List<string> notes)
    {
        string service = image.Descriptor.Name;
        companions.Check(service, plan);
        ICompanion? companion = companions.Find(service);
        ServiceConfiguration configuration = AddCaptures(
            new ServiceConfiguration
            {
                BackEnd = backEnd,
                ArenaSize = plan.ArenaSize,
                PacketMemorySize = plan.PacketMemorySize ?? ServiceConfiguration.DefaultPacketMemorySize * (ulong)Math.Max(plan.Ports.Count, 1),
                TableSlotSize = plan.TableSlotSize ?? ServiceConfiguration.DefaultTableSlotSize,
                ForceUnconfined = plan.ForceUnconfined,
                Scheduling = plan.Scheduling,
                Parameters = plan.Parameters.ToDictionary(),
            },
            plan);
        StartRequest request = new()
        {
            Plan = plan,
            Image = image,
            Configuration = companion?.Configure(configuration, plan) ?? configuration,
            Watchdog = plan.Watchdog is { } bound ? (bound == TimeSpan.Zero ? null : bound) : Watchdog.ForImage(image),
            Table = companion?.BuildTable(new TableRequest(plan, ports, notes.Add) { BackEnd = backEnd }),
        };
        CheckGrants(request.Configuration, image);
        notes.AddRange(companion?.Notes(plan) ?? []);
        ServiceStart.CheckTable(request);
        return request;
    }

    /// <summary>Refuses what was granted to a service that does not ask for it, or could not outlive Linux.</summary>
    internal static void CheckGrants(ServiceConfiguration configuration, ServiceImage image)
    {
        ServiceGrants granted = configuration.Actions | (configuration.LinuxMemory is null ? ServiceGrants.None : ServiceGrants.LinuxMemory);
        if (granted == ServiceGrants.None)
        {
            return;
        }

        LinuxMemoryRequest.CheckBackEnd(configuration.BackEnd, granted);
        string unasked = string.Join(", ", GrantNames.Of(granted & ~image.Descriptor.AsksFor));
        string? problem = unasked.Length > 0
            ? $"the image of {image.Descriptor.Name} does not ask for {unasked}: leave that away, or set SosAsksFor in its project"
            : configuration.LinuxMemory is { WindowSize: > AddressSpace.LinuxMemoryMax }
                ? "the machine has memory beyond 63 TiB, more than the service can be shown"
                : null;
        if (problem is not null)
        {
            throw new SosException(SosError.Usage, problem);
        }
    }

    private static void RefuseTwice(IEnumerable<string?> names, Func<string, string> message)
    {
        if (names.OfType<string>().GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new SosException(SosError.Usage, message(twice.Key));
        }
    }

    /// <summary>Adds a port of memory rings on both sides, between captures.</summary>
    private static ServiceConfiguration AddCaptures(ServiceConfiguration configuration, ServicePlan plan)
        => plan.Ports.FirstOrDefault(port => port.Captures is not null) is not { } port
            ? configuration
            : configuration with
            {
                Captures = port.Captures,
                MemoryPorts = [new PortRequest("card", CaptureMac, CaptureMtu, Port: port.Name)],
                MemoryHostPorts = [new PortRequest("host", CaptureMac, CaptureMtu, Port: port.Name)],
            };
}

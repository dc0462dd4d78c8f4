using System;
using Sos.Cores.Devices;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Plan;
using Sos.Sdk.Control;

namespace Sos.Cores.InProcess;

/// <summary>The address space of a service in a process, while it is loaded: memory that this program shares with a runner.</summary>
internal sealed class ProcessTarget : IServiceTarget, IDisposable
{
    /// <summary>Loads with what a service is given.</summary>
    /// <exception cref="SosException">The system gives no memory, or the service is given what a process does not have.</exception>
    public ProcessTarget(ServiceConfiguration configuration)
    {
        if (configuration.Captures is not null)
        {
            throw new SosException(
                SosError.Refused, "nobody moves a capture's frames for a service in a process: reserve a core with 'sosctl core reserve CPU --isolated'");
        }

        Scheduling = configuration.Scheduling;
        Memory = new RunnerMemory();
    }

    /// <summary>The service's memory.</summary>
    public RunnerMemory Memory { get; }

    /// <summary>How the service's thread is to be scheduled.</summary>
    public SchedulingWish Scheduling { get; }

    /// <summary>Whether the service was started: it gets nothing more then.</summary>
    public bool IsComplete { get; set; }

    /// <inheritdoc/>
    public ClaimedDevice Claim(PciAddress address)
        => throw new SosException(SosError.Refused, $"a service in a process cannot drive {address}: it takes memory ports");

    /// <inheritdoc/>
    public HostPortResult AddHostPort(PortRequest request, ulong address)
        => throw new SosException(SosError.Refused, "a service in a process has no host port: it takes memory ports");

    /// <inheritdoc/>
    public XskLayout AddXskPort(XskRequest request, ulong address)
        => throw new SosException(SosError.Refused, "a service in a process has no AF_XDP port: it takes memory ports");

    /// <inheritdoc/>
    public TargetRegion AddRegion(RegionRequest request) => IsComplete
        ? throw new SosException(SosError.Refused, $"region at 0x{request.Address:x}: a service that was started gets none")
        : Memory.Add(request);

    /// <inheritdoc/>
    public MappedMemory Map(TargetRegion region) => Memory.Map(region);

    /// <inheritdoc/>
    public ulong[] GetDmaAddresses(TargetRegion region, uint device)
        => throw new SosException(SosError.Refused, "a service in a process has no device, and so no bus addresses");

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();
}

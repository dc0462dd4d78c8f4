using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Ports;
using Sos.Sdk.Time;

namespace Sos.Sdk.Services;

/// <summary>Runs a service: what the image's entry point calls.</summary>
/// <typeparam name="TService">The service.</typeparam>
public static unsafe class ServiceHost<TService>
    where TService : unmanaged, IService
{
    /// <summary>Initialises the service and polls it until it is asked to stop, and once more.</summary>
    /// <returns>The exit code: 0 after a stop, negative see <see cref="ExitCode"/>, positive the service's own.</returns>
    public static long Run(ServiceControl* control)
    {
        long exitCode = Start(control, out TService* service, out PortUpkeep ports);
        if (exitCode == ExitCode.Stopped)
        {
            // One more pass after the request: who is to be told of the end is told in it.
            bool isLast;
            do
            {
                isLast = MemoryOrdering.LoadAcquire(ref control->StopRequest) != 0;
                Turn(control, service, ports);
            }
            while (!isLast);
        }

        control->ExitCode = exitCode;
        SetState(control, ServiceState.Ended);
        return exitCode;
    }

    /// <summary>Initialises the service without polling it.</summary>
    /// <param name="control">The control region.</param>
    /// <param name="service">The service, in the arena.</param>
    /// <param name="ports">The upkeep of the ports that it has opened.</param>
    /// <returns>0, or why it cannot start.</returns>
    public static long Start(ServiceControl* control, out TService* service, out PortUpkeep ports)
    {
        service = null;
        ports = default;
        long exitCode = ServiceSetup.Create(control, out ServiceSetup setup);
        if (exitCode != ExitCode.Stopped)
        {
            return exitCode;
        }

        if (!setup.Arena.TryAllocate(out service))
        {
            return ExitCode.ArenaTooSmall;
        }

        exitCode = service->Initialize(ref setup);
        if (exitCode == ExitCode.Stopped)
        {
            ports = setup.Upkeep;
            ports.Begin(in control->Clock, Tsc.Read());
            SetState(control, ServiceState.Initialised);
        }

        return exitCode;
    }

    /// <summary>Polls the service once, looks after a port if it is time for it, and counts the pass.</summary>
    public static void Turn(ServiceControl* control, TService* service, PortUpkeep ports)
    {
        ulong now = Tsc.Read();
        service->Poll(now);
        ports.RunIfDue(now);
        MemoryOrdering.StoreRelease(ref control->Polls, control->Polls + 1);
    }

    private static void SetState(ServiceControl* control, ServiceState state)
        => MemoryOrdering.StoreRelease(ref *(uint*)&control->State, (uint)state);
}

using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Time;

namespace Sos.Sdk.Services;

/// <summary>Runs a service: what the image's entry point calls.</summary>
/// <typeparam name="TService">The service.</typeparam>
public static unsafe class ServiceHost<TService>
    where TService : unmanaged, IService
{
    /// <summary>Initialises the service and polls it until it is asked to stop.</summary>
    /// <returns>The exit code: 0 after a stop, negative see <see cref="ExitCode"/>, positive the service's own.</returns>
    public static long Run(ServiceControl* control)
    {
        long exitCode = Start(control, out TService* service);
        if (exitCode == ExitCode.Stopped)
        {
            while (MemoryOrdering.LoadAcquire(ref control->StopRequest) == 0)
            {
                Turn(control, service);
            }
        }

        control->ExitCode = exitCode;
        SetState(control, ServiceState.Ended);
        return exitCode;
    }

    /// <summary>Initialises the service without polling it.</summary>
    /// <param name="control">The control region.</param>
    /// <param name="service">The service, in the arena.</param>
    /// <returns>0, or why it cannot start.</returns>
    public static long Start(ServiceControl* control, out TService* service)
    {
        service = null;
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
            SetState(control, ServiceState.Initialised);
        }

        return exitCode;
    }

    /// <summary>Polls the service once and counts the pass.</summary>
    public static void Turn(ServiceControl* control, TService* service)
    {
        service->Poll(Tsc.Read());
        MemoryOrdering.StoreRelease(ref control->Polls, control->Polls + 1);
    }

    private static void SetState(ServiceControl* control, ServiceState state)
        => MemoryOrdering.StoreRelease(ref *(uint*)&control->State, (uint)state);
}

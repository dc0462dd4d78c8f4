using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Services;

/// <summary>Says whether the service was asked to stop. A service that has to take leave of others looks at it in each poll.</summary>
public readonly unsafe struct StopSignal
{
    private readonly ServiceControl* _control;

    internal StopSignal(ServiceControl* control) => _control = control;

    /// <summary>Whether the service was asked to stop. It is polled once at least after that.</summary>
    public bool IsRaised => MemoryOrdering.LoadAcquire(ref _control->StopRequest) != 0;
}

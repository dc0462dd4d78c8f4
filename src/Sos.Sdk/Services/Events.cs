using System.Threading;
using Sos.Sdk.Control;

namespace Sos.Sdk.Services;

/// <summary>
/// Signals eventfds in Linux: each has a bit of <see cref="ServiceControl.Events"/>, and one interrupt wakes all whose bits are set.
/// </summary>
public readonly unsafe struct Events
{
    private readonly ServiceControl* _control;

    internal Events(ServiceControl* control) => _control = control;

    /// <summary>Signals the eventfds of <paramref name="bits"/>. Costs a ring change: call it once per pass at most.</summary>
    public void Signal(ulong bits)
    {
        // The driver takes the bits by an exchange, on another CPU.
        Interlocked.Or(ref _control->Events, bits);
        Gate.Notify();
    }
}

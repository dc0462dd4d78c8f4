using System.Runtime.CompilerServices;
using Sos.Sdk.Services;

namespace Sos.Sdk.Ports;

/// <summary>Tells the other side of a port to look. Implemented by structs, so that the call is direct.</summary>
public interface INotifier
{
    /// <summary>Wakes the other side.</summary>
    void Notify();
}

/// <summary>Wakes Linux through the gate.</summary>
public readonly struct GateNotifier : INotifier
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Notify() => Gate.Notify();
}

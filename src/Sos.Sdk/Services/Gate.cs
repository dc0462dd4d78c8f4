using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Services;

/// <summary>The one thing a running service may ask of what runs it: to tell Linux that there is something to see.</summary>
/// <remarks>On ordinary .NET there is no gate, and the calls are counted per thread instead, for tests.</remarks>
public static class Gate
{
    [System.ThreadStatic]
    private static ulong _hostedNotifications;

    /// <summary>Calls of <see cref="Notify"/> by this thread. Ordinary .NET only.</summary>
    public static ulong HostedNotifications => _hostedNotifications;

    /// <summary>Raises the core's interrupt in Linux (SOS_GATE_NOTIFY). Costs a ring change: call it once per burst at most.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Notify()
    {
        if (RuntimeFeature.IsDynamicCodeSupported)
        {
            _hostedNotifications++;
        }
        else
        {
            NotifyOnCore();
        }
    }

    /// <summary>Kept apart, since ordinary .NET looks for the function below as soon as it compiles a method that calls it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NotifyOnCore() => NotifyMonitor();

    /// <summary>Bound by the image builder to "mov eax, 1; int 0x20; ret".</summary>
    [DllImport("*", EntryPoint = "sos_gate_notify")]
    [SuppressGCTransition]
    private static extern void NotifyMonitor();
}

using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Sdk.Control;

namespace Sos.Sdk.Services;

/// <summary>The things that a running service may ask of what runs it: to tell Linux that there is something to see, and what its operator granted.</summary>
/// <remarks>On ordinary .NET there is no gate: notifications are counted per thread instead, and a test answers actions.</remarks>
public static class Gate
{
    [ThreadStatic]
    private static ulong _hostedNotifications;

    [ThreadStatic]
    private static Func<ServiceAction, ulong, long>? _hostedActions;

    /// <summary>Answers <see cref="Act"/> on this thread; without it nothing is granted. Ordinary .NET only.</summary>
    public static Func<ServiceAction, ulong, long>? HostedActions
    {
        get => _hostedActions;
        set => _hostedActions = value;
    }

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

    /// <summary>Acts on the machine (SOS_GATE_ACT).</summary>
    /// <param name="action">The action.</param>
    /// <param name="argument">Its argument.</param>
    /// <returns>0, or what <see cref="ActionAnswer"/> lists.</returns>
    public static long Act(ServiceAction action, ulong argument)
        => RuntimeFeature.IsDynamicCodeSupported ? ActInTest(action, argument) : ActOnCore((ulong)action, argument);

    private static long ActInTest(ServiceAction action, ulong argument) => _hostedActions?.Invoke(action, argument) ?? ActionAnswer.NotGranted;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long ActOnCore(ulong action, ulong argument) => ActMonitor(action, argument);

    /// <summary>Bound by the image builder to "mov eax, 2; int 0x20; ret".</summary>
    [DllImport("*", EntryPoint = "sos_gate_act")]
    [SuppressGCTransition]
    private static extern long ActMonitor(ulong action, ulong argument);

    /// <summary>Bound by the image builder to "mov eax, 1; int 0x20; ret".</summary>
    [DllImport("*", EntryPoint = "sos_gate_notify")]
    [SuppressGCTransition]
    private static extern void NotifyMonitor();
}

using System;
using Sos.Sdk.Control;

namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>
/// Starts a port anew after its device failed, one small step for each call of <see cref="IPort.Maintain"/>: a reset that takes long must not
/// keep the service from polling. Attempts that fail follow each other at growing distances, so that a device that fails at once, again and
/// again, costs little.
/// </summary>
internal static unsafe class VirtioNetRecovery
{
    /// <summary>Calls to which a reset may take: a second, as for the first start.</summary>
    private const int ResetCallsMax = 10;

    /// <summary>Calls between two attempts at most: about 6 seconds.</summary>
    private const int DelayMax = 64;

    /// <summary>Calls in a row without a failure after which all is forgotten: a minute.</summary>
    private const int WellCalls = 600;

    /// <summary>Takes the next step.</summary>
    public static void Run<TMmio>(VirtioNetPort port, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        VirtioNetState* state = port.Pointer;
        ref State recovery = ref state->Recovery;
        VirtioPciTransport<TMmio> transport = state->Transport(mmio);
        if (!IsDue(state, transport))
        {
            return;
        }

        if (recovery.ResetCalls == 0)
        {
            transport.BeginReset();
        }

        if (transport.Status != VirtioStatus.None)
        {
            Wait(port, transport);
            return;
        }

        recovery.ResetCalls = 0;
        recovery.Delay = Math.Clamp(recovery.Delay * 2, 1, DelayMax);
        recovery.Wait = recovery.Delay;
        if (port.TryStartAfterReset(transport))
        {
            state->Counters.Restarts.Increment();
            if (!recovery.ToldWell)
            {
                recovery.ToldWell = true;
                state->Log.Write(LogSeverity.Notice, "the card was reset and works again"u8);
            }
        }
    }

    /// <summary>Whether a failure is to be logged: one like that before, so shortly after it, is not.</summary>
    public static bool IsNews(VirtioNetState* state, VirtioNetFailure failure)
    {
        ref State recovery = ref state->Recovery;
        recovery.Well = 0;
        bool news = recovery.Told != failure;
        recovery.Told = failure;
        recovery.ToldWell &= !news;
        return news;
    }

    /// <summary>Counts a call that found nothing wrong.</summary>
    public static void NoteWell(VirtioNetState* state)
    {
        if (state->Recovery.Told != VirtioNetFailure.None && ++state->Recovery.Well >= WellCalls)
        {
            state->Recovery = default;
        }
    }

    private static bool IsDue<TMmio>(VirtioNetState* state, VirtioPciTransport<TMmio> transport)
        where TMmio : unmanaged, IMmio
    {
        ref State recovery = ref state->Recovery;
        switch (state->Failure)
        {
            case VirtioNetFailure.NotStarted or VirtioNetFailure.Closed:
                return false;
            case VirtioNetFailure.DeviceGone:
                return transport.Status != VirtioStatus.Gone;
            default:
                if (recovery.Wait > 0)
                {
                    recovery.Wait--;
                    return false;
                }

                return true;
        }
    }

    /// <summary>The device has not done its reset yet; it has some calls for it.</summary>
    private static void Wait<TMmio>(VirtioNetPort port, VirtioPciTransport<TMmio> transport)
        where TMmio : unmanaged, IMmio
    {
        ref State recovery = ref port.Pointer->Recovery;
        if (transport.Status == VirtioStatus.Gone)
        {
            recovery.ResetCalls = 0;
            if (port.Failure != VirtioNetFailure.DeviceGone)
            {
                port.Fail(transport.Mmio, VirtioNetFailure.DeviceGone);
            }
        }
        else if (++recovery.ResetCalls > ResetCallsMax)
        {
            recovery.ResetCalls = 0;
            recovery.Delay = Math.Clamp(recovery.Delay * 2, 1, DelayMax);
            recovery.Wait = recovery.Delay;
            port.Fail(transport.Mmio, VirtioNetFailure.ResetTimeout);
        }
    }

    /// <summary>How far the recovery of a port has come; zeroed when nothing is wrong.</summary>
    public struct State
    {
        /// <summary>Calls that the present reset has taken.</summary>
        public int ResetCalls;

        /// <summary>Calls to wait for before the next attempt.</summary>
        public int Wait;

        /// <summary>Calls to wait for after the next attempt that fails, or after the present one.</summary>
        public int Delay;

        /// <summary>Calls in a row that found nothing wrong.</summary>
        public int Well;

        /// <summary>The failure that was logged last.</summary>
        public VirtioNetFailure Told;

        /// <summary>Whether it was logged that the port works again after that failure.</summary>
        public bool ToldWell;
    }
}

using System;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Sos.Timer.Client.Native;

namespace Sos.Timer.Broker;

/// <summary>eventfd(2): a count that can be waited for.</summary>
internal static class EventFd
{
    /// <summary>Makes one; reading it blocks.</summary>
    /// <exception cref="InvalidOperationException">The system gives none.</exception>
    public static SafeFileHandle Create()
    {
        int descriptor = ClientCalls.EventFd(0, ClientCalls.EventCloseOnExec);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new InvalidOperationException($"no eventfd: {Marshal.GetLastPInvokeErrorMessage()}");
    }
}

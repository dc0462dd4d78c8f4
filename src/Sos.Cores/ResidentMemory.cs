using System.Runtime.InteropServices;
using Sos.Linux;

namespace Sos.Cores;

/// <summary>Keeps a program's memory in memory, so that it goes on where Linux has too little of it for others.</summary>
public static class ResidentMemory
{
    /// <summary>Locks all that this program uses, as soon as it uses it.</summary>
    /// <returns>Why that cannot be, for a person; null if it is done.</returns>
    public static string? Lock()
        => ProcessCalls.LockMemory(ProcessCalls.AllAsTouched) == 0 ? null
            : $"memory cannot be locked ({Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}), so that rules may be followed late "
                + "where memory is short: run sosd as root, or with LimitMEMLOCK=infinity";
}

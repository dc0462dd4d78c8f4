using System;

namespace Sos.Cores.Native;

/// <summary>
/// Where tests make a system call of giving back fail: for each that changes something, <see cref="Before"/> is asked first. Nobody else sets it, and a thread
/// without it pays for a look at a variable.
/// </summary>
internal static class FaultPoint
{
    /// <summary>Says, of a call, the errno with which it fails; 0 lets it through. An exception is the death of the process at this point.</summary>
    [field: ThreadStatic]
    public static Func<string, int>? Before { get; set; }

    /// <summary>Asks for the fate of a call.</summary>
    /// <param name="call">What it does, in a word or two.</param>
    /// <returns>0, or the errno with which it fails.</returns>
    public static int Check(string call) => Before?.Invoke(call) ?? 0;
}

using System;
using System.Collections.Generic;

namespace Sos.Image.Verification;

/// <summary>A call, or a jump that ends a function by going on in another.</summary>
/// <param name="Site">Address of the instruction.</param>
/// <param name="Target">The function that it enters.</param>
/// <param name="Depth">Bytes of stack in use at the target's entry, counted from this function's.</param>
internal readonly record struct CallSite(ulong Site, ulong Target, long Depth);

/// <summary>Holds the findings of one function: something that is called, and all that it reaches without a call.</summary>
internal sealed class VerifiedFunction(ulong start)
{
    public ulong Start { get; } = start;

    public List<CallSite> Calls { get; } = [];

    /// <summary>Why it is refused.</summary>
    public List<Finding> Findings { get; } = [];

    /// <summary>Bytes of stack that it uses itself, at most.</summary>
    public long OwnDepth { get; private set; }

    /// <summary>Bytes above its return address that it writes, at most: its arguments on the stack.</summary>
    public long ArgumentBytes { get; private set; }

    /// <summary>Gives the state at each of its instructions.</summary>
    public IReadOnlyDictionary<ulong, MachineState> States { get; init; } = new Dictionary<ulong, MachineState>();

    /// <summary>Takes note of an access so many bytes below the return address.</summary>
    public void UseStack(long depth) => OwnDepth = Math.Max(OwnDepth, depth);

    /// <summary>Takes note of a write so many bytes above the return address.</summary>
    public void WriteArguments(long bytes) => ArgumentBytes = Math.Max(ArgumentBytes, bytes);
}

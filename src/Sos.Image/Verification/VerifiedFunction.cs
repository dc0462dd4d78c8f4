using System.Collections.Generic;

namespace Sos.Image.Verification;

/// <summary>A call, or a jump that ends a function by going on in another.</summary>
/// <param name="Site">Address of the instruction.</param>
/// <param name="Target">The function that it enters.</param>
/// <param name="Depth">Bytes of stack in use at the target's entry, counted from this function's.</param>
internal readonly record struct CallSite(ulong Site, ulong Target, long Depth);

/// <summary>What was found of one function: something that is called, and all that it reaches without a call.</summary>
internal sealed class VerifiedFunction(ulong start)
{
    public ulong Start { get; } = start;

    public List<CallSite> Calls { get; } = [];

    /// <summary>Bytes of stack that it uses itself, at most.</summary>
    public long OwnDepth { get; set; }
}

using System.Collections.Generic;
using System.Collections.Immutable;
using Iced.Intel;

namespace Sos.Image.Verification;

/// <summary>Holds the verifier's findings of an image.</summary>
/// <param name="Diagnostics">Why it is refused; empty if it may run.</param>
/// <param name="StackDepthMax">The most bytes of stack that any way through the code uses; null if that is not bounded.</param>
public sealed record Verdict(ImmutableArray<ImageDiagnostic> Diagnostics, long? StackDepthMax)
{
    /// <summary>Every instruction that the entry reaches, in ascending order of address: listed anew each time.</summary>
    internal ImmutableArray<Instruction> Instructions => Code is null ? [] : [.. Code.Instructions];

    /// <summary>Holds the code as it was decoded.</summary>
    internal CodeMap? Code { get; init; }

    /// <summary>Tells what the verification cost.</summary>
    internal WalkBudget Budget { get; init; } = new();

    /// <summary>Holds the findings of each function, by its address.</summary>
    internal IReadOnlyDictionary<ulong, VerifiedFunction> Functions { get; init; } = new Dictionary<ulong, VerifiedFunction>();
}

using System;
using System.Collections.Generic;

namespace Sos.Firewall.Rules;

/// <summary>A ruleset as nft understood it.</summary>
/// <param name="Json">What <c>nft -j -n list ruleset</c> printed.</param>
/// <param name="RuleTexts">nft's text of each rule, for <see cref="CompileOptions.RuleTexts"/>.</param>
/// <param name="Diagnostics">What is wrong with the listing itself; an error means that it must not be compiled.</param>
public sealed record LoadedRuleset(
    ReadOnlyMemory<byte> Json, IReadOnlyDictionary<string, string> RuleTexts, IReadOnlyList<RuleDiagnostic> Diagnostics);

/// <summary>nft refused a file, or could not be run. The message is nft's own, with file and line.</summary>
public sealed class RulesetLoadException : Exception
{
    /// <summary>Makes the exception.</summary>
    public RulesetLoadException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    public RulesetLoadException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

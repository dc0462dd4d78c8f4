using System;

namespace Sos.Firewall.Rules;

/// <summary>Why a rule cannot be honoured. Never leaves the compiler: it becomes a <see cref="RuleDiagnostic"/>.</summary>
internal sealed class RuleException : Exception
{
    public RuleException(string id, string message)
        : base(message)
    {
        Id = id;
    }

    public string Id { get; }
}

using System;
using System.CommandLine;
using Sos.Cores.Companions;

namespace Sos.Verbs;

/// <summary>A service of the catalogue, with what it brings to the control plane: its companion, and its verbs of <c>sosctl</c>.</summary>
/// <param name="Companion">The companion.</param>
/// <param name="Verbs">Makes its command; null for a service without verbs of its own.</param>
public sealed record KnownService(ICompanion Companion, Func<Terminal, CompanionCatalogue, Command>? Verbs);

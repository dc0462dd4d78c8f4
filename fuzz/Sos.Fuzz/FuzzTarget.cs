using System;

namespace Sos.Fuzz;

/// <summary>One parser under test.</summary>
/// <param name="Name">Its name on the command line, and of its folder in the corpus.</param>
/// <param name="Description">What is tried.</param>
/// <param name="Run">
/// Tries an input and tells whether the parser accepted it. What the parser documents for bad input is caught within; any other
/// exception, and a broken promise, is a finding.
/// </param>
/// <param name="LengthMax">Inputs are at most that many bytes.</param>
public sealed record FuzzTarget(string Name, string Description, Func<byte[], bool> Run, int LengthMax = 4096);

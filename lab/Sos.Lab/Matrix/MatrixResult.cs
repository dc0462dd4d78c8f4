using System.Collections.Generic;

namespace Sos.Lab.Matrix;

/// <summary>How the driver fared on one kernel.</summary>
/// <param name="Kernel">As it was asked for.</param>
/// <param name="Release">As <c>uname -r</c> prints it; empty if it did not boot.</param>
/// <param name="Arguments">Added to the kernel's command line.</param>
/// <param name="Processor">Which of LA57, IBT and PTI the kernel uses.</param>
/// <param name="Steps">What was tried, in order, with its outcome; after a failure nothing more is tried.</param>
/// <param name="ReserveMs">From the call to a parked core, by the driver's own clock.</param>
/// <param name="ReleaseMs">Until Linux had the CPU back.</param>
public sealed record MatrixResult(
    string Kernel, string Release, string Arguments, string Processor, IReadOnlyList<MatrixStep> Steps, double ReserveMs, double ReleaseMs)
{
    /// <summary>Whether every step went well.</summary>
    public bool Passed { get; init; }
}

/// <summary>One thing that was tried.</summary>
/// <param name="Name">What.</param>
/// <param name="Problem">Null if it went well, else what went wrong.</param>
public sealed record MatrixStep(string Name, string? Problem);

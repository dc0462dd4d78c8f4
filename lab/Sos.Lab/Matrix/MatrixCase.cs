using System.Collections.Generic;

namespace Sos.Lab.Matrix;

/// <summary>A kernel, and how it is booted, that the driver must work on.</summary>
/// <param name="Kernel">As for <c>eng/kernel.sh</c>.</param>
/// <param name="Arguments">Added to the kernel's command line.</param>
public sealed record MatrixCase(string Kernel, string Arguments = "")
{
    /// <summary>Everything that <c>make lab-matrix</c> tries: each kernel with what guards it against its processor, and without.</summary>
    public static IReadOnlyList<MatrixCase> All { get; } =
    [
        new("6.1"), new("6.1", Bare), new("6.12"), new("6.12", Bare), new("newest"), new("newest", Guarded), new("newest", Bare),
    ];

    /// <summary>Page tables of four levels (the emulator's processor has five), and no mitigations.</summary>
    public const string Bare = "no5lvl mitigations=off";

    /// <summary>Mitigations that Linux leaves out on an emulated processor: they change entries, page tables and returns.</summary>
    public const string Guarded = "pti=on spectre_v2=on spec_store_bypass_disable=on";
}

namespace Sos.Image.Verification;

/// <summary>Sets the verifier's limits.</summary>
public sealed record VerifierOptions
{
    /// <summary>The largest image, in bytes of file and of memory; 0 for no limit.</summary>
    public ulong MaxImageSize { get; init; }

    /// <summary>Whether what is known at each instruction is kept, for tests that compare it with the processor's registers.</summary>
    internal bool KeepStates { get; init; }
}

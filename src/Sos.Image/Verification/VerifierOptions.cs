namespace Sos.Image.Verification;

/// <summary>What the verifier is told.</summary>
public sealed record VerifierOptions
{
    /// <summary>The largest image, in bytes of file and of memory; 0 for no limit.</summary>
    public ulong MaxImageSize { get; init; }
}

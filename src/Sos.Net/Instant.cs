namespace Sos.Net;

/// <summary>A moment, in the two units that an endpoint counts in.</summary>
/// <param name="Tsc">The TSC: for rates.</param>
/// <param name="Ms">Milliseconds of the TSC's nominal frequency since it began: for timers.</param>
public readonly record struct Instant(ulong Tsc, ulong Ms)
{
    /// <summary>Makes a moment of the TSC.</summary>
    /// <param name="tsc">The TSC.</param>
    /// <param name="tscKhz">Its nominal frequency, which is not 0.</param>
    public static Instant At(ulong tsc, ulong tscKhz) => new(tsc, tsc / tscKhz);
}

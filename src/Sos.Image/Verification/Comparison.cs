using Iced.Intel;

namespace Sos.Image.Verification;

/// <summary>Describes the flags, as far as they are of use: how a value stands to a constant, as numbers without a sign.</summary>
/// <param name="Register">The register that was compared and has not changed since; -1 if there is none.</param>
/// <param name="Copies">The name of the value; 0 if it has none.</param>
/// <param name="Limit">The constant.</param>
/// <param name="IsWide">All 64 bits were compared; else the lower 32.</param>
internal readonly record struct Comparison(int Register, ulong Copies, ulong Limit, bool IsWide)
{
    /// <summary>Nothing of use.</summary>
    public static Comparison None => new(-1, 0, 0, false);

    /// <summary>Whether it says anything.</summary>
    public bool IsUseful => Register >= 0 || Copies != 0;

    /// <summary>Computes the bound that the value is below if a condition holds, or if it does not; 0 if that says nothing.</summary>
    public ulong Below(ConditionCode condition, bool holds) => (condition, holds) switch
    {
        (ConditionCode.b, true) or (ConditionCode.ae, false) => Limit,
        (ConditionCode.be, true) or (ConditionCode.a, false) or (ConditionCode.e, true) or (ConditionCode.ne, false) => unchecked(Limit + 1),
        _ => 0,
    };
}

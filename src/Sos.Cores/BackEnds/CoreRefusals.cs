namespace Sos.Cores.BackEnds;

/// <summary>The refusals that every back end words alike.</summary>
internal static class CoreRefusals
{
    /// <summary>Says that SOS does not hold a cpu, and what to do.</summary>
    public static SosException NotReserved(int cpu)
        => new(SosError.NotFound, $"cpu {cpu} is not a service core: reserve it first with 'sosctl core reserve {cpu}', or see 'sosctl core list'");

    /// <summary>Says why a cpu that SOS holds cannot be reserved, and what to do.</summary>
    public static SosException AlreadyReserved(int cpu) => new(
        SosError.Refused, $"cpu {cpu} is a service core already: 'sosctl core list' shows its state, 'sosctl core release {cpu}' gives it back to Linux");
}

namespace Sos.Traffic.Wire;

/// <summary>The wire's counts since it was connected. A frame of the flood is in one of the first three.</summary>
public sealed record WireStatistics
{
    /// <summary>Seconds since the wire was connected.</summary>
    public double TimeS { get; init; }

    /// <summary>Flood frames that were due and that the wire itself was too late for: lost by the lab.</summary>
    public long FloodLate { get; init; }

    /// <summary>Flood frames that found no free buffer in the card's receive ring: lost by the system under test.</summary>
    public long FloodRingFull { get; init; }

    /// <summary>Flood frames that lie in the card's receive ring.</summary>
    public long FloodDelivered { get; init; }

    /// <summary>Frames of the good clients that found no free buffer in the ring: lost by the system under test.</summary>
    public long GoodRingFull { get; init; }

    /// <summary>Frames of the good clients that lie in the ring.</summary>
    public long GoodDelivered { get; init; }

    /// <summary>Frames of the good clients that the wire did not fetch in time: lost by the lab.</summary>
    public long GoodLate { get; init; }

    /// <summary>Frames that the machine sent.</summary>
    public long FromMachine { get; init; }

    /// <summary>Frames that the machine sent and that the clients' namespace refused: lost by the lab.</summary>
    public long FromMachineRefused { get; init; }

    /// <summary>Interrupts that the card asked for, on receipt and on sending.</summary>
    public long Interrupts { get; init; }

    /// <summary>Flood frames that were due.</summary>
    public long FloodOffered => FloodLate + FloodRingFull + FloodDelivered;

    /// <summary>Returns the counts between an earlier moment and this one.</summary>
    public WireStatistics Since(WireStatistics earlier) => new()
    {
        TimeS = TimeS - earlier.TimeS,
        FloodLate = FloodLate - earlier.FloodLate,
        FloodRingFull = FloodRingFull - earlier.FloodRingFull,
        FloodDelivered = FloodDelivered - earlier.FloodDelivered,
        GoodRingFull = GoodRingFull - earlier.GoodRingFull,
        GoodDelivered = GoodDelivered - earlier.GoodDelivered,
        GoodLate = GoodLate - earlier.GoodLate,
        FromMachine = FromMachine - earlier.FromMachine,
        FromMachineRefused = FromMachineRefused - earlier.FromMachineRefused,
        Interrupts = Interrupts - earlier.Interrupts,
    };
}

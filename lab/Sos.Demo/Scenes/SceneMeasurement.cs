using System.Collections.Generic;
using Sos.Traffic.Clients;
using Sos.Traffic.Wire;

namespace Sos.Demo.Scenes;

/// <summary>The wire's counts at one moment.</summary>
/// <param name="TimeS">Seconds since the clients began.</param>
/// <param name="OfferedPerSecond">Flood packets that were due.</param>
/// <param name="DeliveredPerSecond">Flood packets that the machine's card had room for.</param>
internal sealed record WireSample(double TimeS, double OfferedPerSecond, double DeliveredPerSecond);

/// <summary>All that was measured in one scene.</summary>
internal sealed record SceneMeasurement
{
    /// <summary>Every request of the good clients.</summary>
    public required IReadOnlyList<Request> Requests { get; init; }

    /// <summary>When the flood began, in seconds since the clients began.</summary>
    public required double FloodStartS { get; init; }

    /// <summary>When it ended.</summary>
    public required double FloodEndS { get; init; }

    /// <summary>The wire's counters over the flood.</summary>
    public required WireStatistics Wire { get; init; }

    /// <summary>The wire over time, from the clients' beginning to their end.</summary>
    public required IReadOnlyList<WireSample> Samples { get; init; }

    /// <summary>Packets that the rules dropped, in Linux or in the service.</summary>
    public required long DroppedByRules { get; init; }

    /// <summary>Share of the time of all CPUs that Linux had which went into softirqs during the flood.</summary>
    public required double SoftirqShare { get; init; }

    /// <summary>Interrupts of the network device during the flood: the card's, or the service core's doorbell.</summary>
    public required long NetworkInterrupts { get; init; }

    /// <summary>NET_RX softirqs that Linux ran during the flood.</summary>
    public required long NetworkSoftirqs { get; init; }
}

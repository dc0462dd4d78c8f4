using Sos.Sdk.Statistics;

namespace Sos.Firewall.Sets;

/// <summary>The counters of sets that packets fill.</summary>
/// <param name="statistics">The service's counters.</param>
public readonly struct SetCounters(CounterRegistry statistics)
{
    /// <summary>Elements in all sets, those that expired and were not met since included.</summary>
    public Counter Count { get; } = statistics.Add("sets.count"u8);

    /// <summary>Elements that were not added since their set was full.</summary>
    public Counter Full { get; } = statistics.Add("sets.full"u8);

    /// <summary>Elements whose time was over.</summary>
    public Counter Expired { get; } = statistics.Add("sets.expired"u8);

    /// <summary>Sets of the table for which there is no memory: they hold nothing.</summary>
    public Counter WithoutMemory { get; } = statistics.Add("sets.without_memory"u8);
}

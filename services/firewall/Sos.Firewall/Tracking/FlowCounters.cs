using Sos.Sdk.Statistics;

namespace Sos.Firewall.Tracking;

/// <summary>The counters of connection tracking.</summary>
/// <param name="statistics">The service's counters.</param>
public readonly struct FlowCounters(CounterRegistry statistics)
{
    private readonly Counter _count = statistics.Add("flows.count"u8);
    private readonly Counter _capacity = statistics.Add("flows.capacity"u8);
    private readonly Counter _expired = statistics.Add("flows.expired"u8);
    private readonly Counter _evicted = statistics.Add("flows.evicted"u8);
    private readonly Counter _refused = statistics.Add("flows.refused"u8);

    /// <summary>Shows a table of flows.</summary>
    public void Show(in FlowTable flows)
    {
        _count.Set(flows.Count);
        _capacity.Set((ulong)flows.Capacity);
        _expired.Set(flows.Expired);
        _evicted.Set(flows.Evicted);
        _refused.Set(flows.Refused);
    }
}

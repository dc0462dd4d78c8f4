using System.Runtime.CompilerServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Statistics;

namespace Sos.Firewall;

/// <summary>
/// The counters of rules, as statistics "rule_counter0.packets", "rule_counter0.bytes" and so on. Which rule a number belongs to
/// is known to the compiler of the table. They start from 0 with each table.
/// </summary>
public struct RuleCounters
{
    private Numbers _packets;
    private Numbers _bytes;

    /// <summary>Names the counters.</summary>
    public RuleCounters(CounterRegistry statistics)
    {
        for (int i = 0; i < FirewallHeader.CountersMax; i++)
        {
            _packets[i] = statistics.Add("rule_counter"u8, (uint)i, "packets"u8);
            _bytes[i] = statistics.Add("rule_counter"u8, (uint)i, "bytes"u8);
        }
    }

    /// <summary>Adds a packet of <paramref name="length"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Count(uint number, uint length)
    {
        _packets[(int)number].Increment();
        _bytes[(int)number].Add((ulong)length);
    }

    /// <summary>Sets all counters to 0.</summary>
    public readonly void Reset()
    {
        for (int i = 0; i < FirewallHeader.CountersMax; i++)
        {
            _packets[i].Set(0);
            _bytes[i].Set(0);
        }
    }

    [InlineArray(FirewallHeader.CountersMax)]
    private struct Numbers
    {
        private Counter _first;
    }
}

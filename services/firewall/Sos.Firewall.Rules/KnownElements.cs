using System;
using System.Collections.Generic;

namespace Sos.Firewall.Rules;

/// <summary>
/// The elements of a named set as they were read from the kernel, beside a listing that leaves them out. They do not change: others are another object.
/// </summary>
public sealed class KnownElements
{
    private readonly ValueType _type;
    private readonly List<Interval> _merged;
    private Ipv4SetBuilder? _trie;

    private KnownElements(ValueType type, List<Interval> merged)
    {
        _type = type;
        _merged = merged;
    }

    /// <summary>The elements, after neighbours were merged.</summary>
    public int Count => _merged.Count;

    /// <summary>Returns the bytes of a key; 0 for types that are left to nft.</summary>
    /// <param name="type">nft's name of the type.</param>
    public static int KeySize(string type) => TypeOf(type) switch
    {
        ValueType.Ipv4Address => 4,
        ValueType.Ipv6Address => 16,
        ValueType.Service => 2,
        _ => 0,
    };

    /// <summary>Makes the elements of a set of single values.</summary>
    /// <param name="type">nft's name of its type, one that has a <see cref="KeySize"/>.</param>
    /// <param name="values">The values, in ascending order.</param>
    public static KnownElements OfValues(string type, IReadOnlyList<UInt128> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        List<Interval> merged = new(values.Count);
        foreach (UInt128 value in values)
        {
            Add(merged, new Interval(value, value));
        }

        return new KnownElements(TypeOf(type)!.Value, merged);
    }

    /// <summary>Makes the elements of a set of intervals: each reaches from a start to before the first end behind it, or to the last value.</summary>
    /// <param name="type">nft's name of its type, one that has a <see cref="KeySize"/>.</param>
    /// <param name="starts">The first values of the intervals, in ascending order.</param>
    /// <param name="ends">The values behind the intervals (NFT_SET_ELEM_INTERVAL_END), in ascending order.</param>
    public static KnownElements OfIntervals(string type, IReadOnlyList<UInt128> starts, IReadOnlyList<UInt128> ends)
    {
        ArgumentNullException.ThrowIfNull(starts);
        ArgumentNullException.ThrowIfNull(ends);
        List<Interval> merged = new(starts.Count);
        UInt128 maximum = ValueReader.Maximum(TypeOf(type)!.Value);
        int end = 0;
        foreach (UInt128 start in starts)
        {
            while (end < ends.Count && ends[end] <= start)
            {
                end++;
            }

            Add(merged, new Interval(start, end < ends.Count ? ends[end] - 1 : maximum));
        }

        return new KnownElements(TypeOf(type)!.Value, merged);
    }

    /// <summary>The set as the table has it, once it was made: of elements that did not change it is made but once.</summary>
    internal Ipv4SetBuilder Trie => _trie ??= new Ipv4SetBuilder(_merged);

    /// <summary>Returns the elements for a field, sorted and merged; they are not to be changed.</summary>
    /// <exception cref="RuleException">The field is of another type.</exception>
    internal List<Interval> For(ValueType type) => type == _type
        ? _merged
        : throw new RuleException(RuleDiagnosticIds.Set, $"a set of {_type} is asked for a {type}");

    private static void Add(List<Interval> merged, Interval interval)
    {
        if (merged.Count > 0 && merged[^1] is var last && (last.Last == UInt128.MaxValue || interval.First <= last.Last + 1))
        {
            merged[^1] = new Interval(last.First, UInt128.Max(last.Last, interval.Last));
        }
        else
        {
            merged.Add(interval);
        }
    }

    private static ValueType? TypeOf(string type) => type switch
    {
        "ipv4_addr" => ValueType.Ipv4Address,
        "ipv6_addr" => ValueType.Ipv6Address,
        "inet_service" => ValueType.Service,
        _ => null,
    };
}

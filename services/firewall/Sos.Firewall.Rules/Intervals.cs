using System;
using System.Collections.Generic;

namespace Sos.Firewall.Rules;

/// <summary>Numbers from <paramref name="First"/> to <paramref name="Last"/>, both included.</summary>
internal readonly record struct Interval(UInt128 First, UInt128 Last);

/// <summary>A set as its intervals.</summary>
internal static class Intervals
{
    /// <summary>Sorts intervals and joins those that touch or overlap.</summary>
    public static List<Interval> Merge(List<Interval> intervals)
    {
        intervals.Sort(static (a, b) => a.First.CompareTo(b.First));
        List<Interval> merged = new(intervals.Count);
        foreach (Interval interval in intervals)
        {
            if (merged.Count > 0)
            {
                Interval last = merged[^1];
                if (last.Last == UInt128.MaxValue || interval.First <= last.Last + 1)
                {
                    merged[^1] = new Interval(last.First, UInt128.Max(last.Last, interval.Last));
                    continue;
                }
            }

            merged.Add(interval);
        }

        return merged;
    }

    /// <summary>Returns the numbers that fulfil a condition.</summary>
    /// <param name="last">The last number to ask about, from 0.</param>
    /// <param name="condition">The condition.</param>
    public static List<Interval> Where(uint last, Predicate<uint> condition)
    {
        List<Interval> found = [];
        for (uint number = 0; number <= last; number++)
        {
            if (condition(number))
            {
                found.Add(new Interval(number, number));
            }
        }

        return Merge(found);
    }
}

using System;
using System.Collections.Generic;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Builds the parts of an <see cref="IntervalSet"/> from merged intervals.</summary>
internal sealed class IntervalSetBuilder
{
    public IntervalSetBuilder(IReadOnlyList<Interval> merged)
    {
        List<Address128> boundaries = new(merged.Count * 2);
        foreach (Interval interval in merged)
        {
            boundaries.Add(ToAddress(interval.First));
            if (interval.Last != UInt128.MaxValue)
            {
                boundaries.Add(ToAddress(interval.Last + 1));
            }
        }

        Count = boundaries.Count;
        Boundaries = Pad(boundaries);
        Index = MakeIndex(Boundaries);
    }

    public int Count { get; }

    public Address128[] Boundaries { get; }

    public Address128[] Index { get; }

    public static Address128 ToAddress(UInt128 number) => new((ulong)(number >> 64), (ulong)number);

    private static Address128[] MakeIndex(Address128[] boundaries)
    {
        List<Address128[]> levels = [];
        Address128[] below = boundaries;
        int total = 0;
        while (below.Length > IntervalSet.BlockLength)
        {
            List<Address128> firsts = new(below.Length / IntervalSet.BlockLength);
            for (int i = 0; i < below.Length; i += IntervalSet.BlockLength)
            {
                firsts.Add(below[i]);
            }

            below = Pad(firsts);
            total += below.Length;
            levels.Add(below);
        }

        Address128[] index = new Address128[total];
        int end = total;
        foreach (Address128[] level in levels)
        {
            end -= level.Length;
            level.CopyTo(index, end);
        }

        return index;
    }

    private static Address128[] Pad(List<Address128> keys)
    {
        while (keys.Count % IntervalSet.BlockLength != 0)
        {
            keys.Add(new Address128(ulong.MaxValue, ulong.MaxValue));
        }

        return [.. keys];
    }
}

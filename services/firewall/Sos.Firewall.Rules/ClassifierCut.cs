using System;
using System.Collections.Generic;

namespace Sos.Firewall.Rules;

/// <summary>A way to cut the keys of a node: by some bits of one dimension.</summary>
/// <param name="Dimension">Which.</param>
/// <param name="Shift">The lowest bit.</param>
/// <param name="Width">Bits.</param>
internal readonly record struct ClassifierCut(int Dimension, int Shift, int Width)
{
    private static readonly int[] Bits = [32, 32, 16, 16, 8];
    private static readonly int[] Widths = [1, 2, 3, 4, 5, 6, 8, 10];

    /// <summary>Children.</summary>
    public int Children => 1 << Width;

    /// <summary>All cuts that may be worth a try for a number of rules.</summary>
    public static IEnumerable<ClassifierCut> Candidates(int rules)
    {
        for (int dimension = 0; dimension < FlowRule.Dimensions; dimension++)
        {
            foreach (int width in Widths)
            {
                // More children than a few for each rule would be empty.
                for (int shift = Bits[dimension] - width; shift >= 0 && 1 << width <= Math.Max(4, 2 * rules); shift--)
                {
                    yield return new ClassifierCut(dimension, shift, width);
                }
            }
        }
    }

    /// <summary>The children that can hold keys which a rule matches: <c>Count</c> from <c>First</c> on, wrapping around.</summary>
    public (uint First, uint Count) Project(FlowRule rule)
    {
        uint all = (uint)Children;
        uint mask = all - 1;
        uint first = rule.First(Dimension) >> Shift;
        uint last = rule.Last(Dimension) >> Shift;
        return last - first >= mask ? (0, all) : (first & mask, last - first + 1);
    }

    /// <summary>Whether a child can hold keys which a rule with a mask matches in this dimension.</summary>
    public bool Admits(FlowRule rule, uint child)
    {
        uint mask = (rule.MetaMask >> Shift) & ((uint)Children - 1);
        return (child & mask) == ((rule.MetaValue >> Shift) & mask);
    }
}

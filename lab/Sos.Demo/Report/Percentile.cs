using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Demo.Report;

/// <summary>Percentiles of a set of measurements.</summary>
internal static class Percentile
{
    /// <summary>The smallest value that at least a share of all values does not exceed (nearest rank).</summary>
    /// <param name="values">Values, in any order.</param>
    /// <param name="share">0 to 1.</param>
    /// <returns>NaN for an empty set.</returns>
    public static double Of(IEnumerable<double> values, double share)
    {
        double[] sorted = values.Order().ToArray();
        if (sorted.Length == 0)
        {
            return double.NaN;
        }

        int rank = (int)Math.Ceiling(share * sorted.Length);
        return sorted[Math.Clamp(rank - 1, 0, sorted.Length - 1)];
    }
}

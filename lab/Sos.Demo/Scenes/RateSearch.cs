using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Sos.Demo.Scenes;

/// <summary>One step of the search.</summary>
/// <param name="PacketsPerSecond">The rate that was offered.</param>
/// <param name="LostShare">Share of the packets that did not reach the rules: the wire was late, or the ring full.</param>
internal sealed record RateStep(long PacketsPerSecond, double LostShare);

/// <summary>Finds the flood's rate: the highest at which wire and service core lose nothing to speak of, less a margin.</summary>
internal static class RateSearch
{
    /// <summary>The first rate that is tried.</summary>
    public const long First = 20_000;

    /// <summary>The last one, beyond which the demo needs not go.</summary>
    public const long Last = 2_000_000;

    /// <summary>Each step is this much above the one before.</summary>
    public const double Growth = 1.35;

    /// <summary>More than this is not "nothing to speak of".</summary>
    public const double LostShareMax = 0.001;

    /// <summary>The flood's share of what was carried in the search: the clients' work comes on top.</summary>
    public const double Margin = 0.7;

    /// <summary>Searches.</summary>
    /// <param name="probe">Offers a rate for a while, and tells the share that was lost.</param>
    /// <returns>The flood's rate (0 if even the first was not carried), and the steps.</returns>
    public static async Task<(long PacketsPerSecond, IReadOnlyList<RateStep> Steps)> RunAsync(Func<long, Task<double>> probe)
    {
        List<RateStep> steps = [];
        long carried = 0;
        for (double rate = First; rate <= Last; rate *= Growth)
        {
            long offered = (long)rate;
            double lost = await probe(offered);
            steps.Add(new RateStep(offered, lost));
            if (lost > LostShareMax)
            {
                // One bad second may be the host's; two are the limit.
                lost = await probe(offered);
                steps.Add(new RateStep(offered, lost));
                if (lost > LostShareMax)
                {
                    break;
                }
            }

            carried = offered;
        }

        return ((long)(carried * Margin), steps);
    }
}

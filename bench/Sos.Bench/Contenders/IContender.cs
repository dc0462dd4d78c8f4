using System;

namespace Sos.Bench.Contenders;

/// <summary>One side of a comparison, ready to run blocks of packets.</summary>
internal interface IContender : IDisposable
{
    /// <summary>Its name in tables.</summary>
    string Name { get; }

    /// <summary>Whether <see cref="Judge"/> tells only how many packets pass, and not which.</summary>
    bool JudgesByCount => false;

    /// <summary>For each packet of the trace, 1 if it passes.</summary>
    byte[] Judge();

    /// <summary>Runs a block.</summary>
    /// <param name="burst">Packets that are handed over together, if the contender has such a thing.</param>
    /// <param name="packets">Packets.</param>
    /// <returns>Nanoseconds per packet, with nothing subtracted.</returns>
    double Run(int burst, int packets);

    /// <summary>The share of the card alone, in nanoseconds per packet; 0 if there is nothing to subtract.</summary>
    double RunHarness(int burst, int packets);
}

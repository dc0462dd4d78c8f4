using System;
using System.Collections.Generic;
using Sos.Bench.Measuring;

namespace Sos.Bench.Report;

/// <summary>The cost of a table of the firewall.</summary>
/// <param name="Workload">Kind of the workload.</param>
/// <param name="Size">Prefixes or rules.</param>
/// <param name="Bytes">Bytes of the table.</param>
/// <param name="BytesPerRule">The same for each prefix or rule.</param>
/// <param name="CompileMs">Time to compile the rules' JSON.</param>
/// <param name="SwapUs">Time that the service took to check the table and switch to it.</param>
/// <param name="InstructionsPerPacket">Instructions of the whole way at bursts of 32, harness subtracted; null if they cannot be counted.</param>
internal sealed record TableCost(
    string Workload, int Size, int Bytes, double BytesPerRule, double CompileMs, double SwapUs, double? InstructionsPerPacket);

/// <summary>Whether a bar of the project is met.</summary>
/// <param name="What">What is compared.</param>
/// <param name="Sos">Nanoseconds per packet.</param>
/// <param name="Limit">What it may be at most.</param>
internal sealed record Bar(string What, double Sos, double Limit)
{
    /// <summary>Whether it is met.</summary>
    public bool IsMet => Sos <= Limit;
}

/// <summary>A run.</summary>
/// <param name="Date">When, UTC.</param>
/// <param name="Machine">Kind of CPU, and the kernel.</param>
/// <param name="RealTime">Whether the contenders ran under SCHED_FIFO.</param>
/// <param name="Rounds">Rounds of each comparison.</param>
/// <param name="Missing">Peers that could not run, and why.</param>
/// <param name="Measurements">All times.</param>
/// <param name="Tables">All tables.</param>
/// <param name="Bars">The bars.</param>
internal sealed record BenchResult(
    DateTime Date, string Machine, bool RealTime, int Rounds, IReadOnlyList<string> Missing, IReadOnlyList<Measurement> Measurements,
    IReadOnlyList<TableCost> Tables, IReadOnlyList<Bar> Bars);

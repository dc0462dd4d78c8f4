using System.Diagnostics;
using System.IO;

namespace Sos.Bench;

/// <summary>Says how far a run is: which section of how many, and each step in it with the time since the start.</summary>
/// <param name="output">Where to.</param>
internal sealed class BenchProgress(TextWriter output)
{
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>Begins a section.</summary>
    public void Section(string name, int number, int count) => output.WriteLine($"== {number} of {count}: {name}");

    /// <summary>Begins a step.</summary>
    public void Step(string what) => output.WriteLine($"   {Stopwatch.GetElapsedTime(_start).TotalSeconds,6:F1} s  {what}");
}

using System;
using System.Threading.Tasks;

namespace Sos.TimerBench;

/// <summary>A machine to measure on.</summary>
public interface IPlace
{
    /// <summary>"vm" or "host".</summary>
    string Name { get; }

    /// <summary>The cpu that timers and noise are measured on.</summary>
    int Cpu { get; }

    /// <summary>Runs a command line and returns its standard output.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message has its errors.</exception>
    Task<string> RunAsync(string line);
}

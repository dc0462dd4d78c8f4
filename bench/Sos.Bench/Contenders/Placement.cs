using System;
using System.Collections.Generic;
using System.Diagnostics;

namespace Sos.Bench.Contenders;

/// <summary>Where all contenders run, one at a time, and with what right over other programs.</summary>
internal sealed class Placement
{
    private const int Priority = 50;

    /// <summary>Takes a CPU, the last by default.</summary>
    public Placement(int cpu = -1)
    {
        Cpu = cpu >= 0 ? cpu : Environment.ProcessorCount - 1;
        RealTime = Invoke("chrt", ["-f", $"{Priority}", "true"]) == 0;
    }

    /// <summary>Logical id.</summary>
    public int Cpu { get; }

    /// <summary>Whether contenders run under SCHED_FIFO.</summary>
    public bool RealTime { get; }

    /// <summary>Gives a running process its priority.</summary>
    public void Raise(int process)
    {
        if (RealTime)
        {
            _ = Invoke("chrt", ["-f", "-a", "-p", $"{Priority}", $"{process}"]);
        }
    }

    /// <summary>The command line that starts a program in its place.</summary>
    public IEnumerable<string> Wrap(IEnumerable<string> command)
    {
        List<string> line = ["taskset", "-c", $"{Cpu}"];
        if (RealTime)
        {
            line.AddRange(["chrt", "-f", $"{Priority}"]);
        }

        line.AddRange(command);
        return line;
    }

    private static int Invoke(string program, IReadOnlyList<string> arguments)
    {
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}

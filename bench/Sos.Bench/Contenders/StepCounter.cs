using System.Diagnostics;
using System.Globalization;
using System.Linq;

namespace Sos.Bench.Contenders;

/// <summary>Counts a process's instructions by single steps.</summary>
internal static class StepCounter
{
    private const int DeadlineMs = 20_000;

    /// <summary>Counts until a word has a value; beside the process and with its priority, since each step is a switch between both.</summary>
    /// <returns>Instructions, or null if this machine does not allow it, or not in time.</returns>
    public static double? Count(Placement placement, int process, ulong address, uint value)
    {
        string[] line = placement.Wrap([BenchPaths.Peer("step_counter"), $"{process}", $"0x{address:x}", $"{value}"]).ToArray();
        ProcessStartInfo start = new(line[0], line[1..]) { RedirectStandardOutput = true };
        using Process counter = Process.Start(start)!;
        if (!counter.WaitForExit(DeadlineMs))
        {
            counter.Kill();
            return null;
        }

        string output = counter.StandardOutput.ReadToEnd();
        return counter.ExitCode == 0 ? double.Parse(output, CultureInfo.InvariantCulture) : null;
    }
}

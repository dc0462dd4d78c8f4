using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Torture.Report;

namespace Sos.Torture;

/// <summary><c>make torture</c>. Exit codes: 0, all went well; 1, something did not; 2, wrong usage; 3, a machine could not be run.</summary>
internal static class Program
{
    private const string Usage = "usage: Sos.Torture [--kernel 6.1|6.12]... [--tries N] [--panics N] [--cycles N] [--seed N]; 0 leaves a part out";

    private static async Task<int> Main(string[] arguments)
    {
        List<string> kernels = [];
        TortureExtent extent = new(Tries: 20, Panics: 2, Cycles: 200, Seed: Environment.TickCount & 0xffff);
        for (int i = 0; i < arguments.Length; i += 2)
        {
            string value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
            switch (arguments[i])
            {
                case "--kernel" when value.Length > 0:
                    kernels.Add(value);
                    break;
                case "--tries" when isNumber:
                    extent = extent with { Tries = number };
                    break;
                case "--panics" when isNumber:
                    extent = extent with { Panics = number };
                    break;
                case "--cycles" when isNumber:
                    extent = extent with { Cycles = number };
                    break;
                case "--seed" when isNumber:
                    extent = extent with { Seed = number };
                    break;
                default:
                    Console.Error.WriteLine(Usage);
                    return 2;
            }
        }

        using IDisposable guard = RunId.RemoveOnSignal();
        TortureReport report = new();
        int exitCode = 3;
        try
        {
            foreach (string kernel in kernels.Count == 0 ? ["6.1", "6.12"] : kernels)
            {
                await new TortureRun(kernel, extent, report, line => Console.WriteLine($"{DateTime.UtcNow:HH:mm:ss} {line}")).RunAsync();
            }

            exitCode = report.Passed ? 0 : 1;
        }
        catch (Exception e) when (e is LabException or TimeoutException or IOException)
        {
            Console.Error.WriteLine($"torture: {e.Message}");
        }

        string path = Path.Combine(LabPaths.Artifacts, "torture.json");
        report.Save(path, extent.Seed);
        report.WriteTable(Console.Out);
        Console.WriteLine($"Figures: {path} (seed {extent.Seed})\nWhat they mean: docs/reliability.md");
        return exitCode;
    }
}

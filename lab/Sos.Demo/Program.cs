using System;
using System.IO;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Demo.Report;
using Sos.Lab;

namespace Sos.Demo;

/// <summary>
/// <c>make demo</c>. Exit codes: 0, the result is as promised; 1, both scenes ran and it is not; 3, a scene could not be run.
/// </summary>
internal static class Program
{
    private const int ExitAsPromised = 0;
    private const int ExitShortfall = 1;
    private const int ExitNotRun = 3;

    private static async Task<int> Main()
    {
        using IDisposable guard = RunId.RemoveOnSignal();
        Progress progress = new();
        Demo demo = new(progress);
        DemoResult result;
        try
        {
            result = await demo.RunAsync();
        }
        catch (Exception problem) when (problem is LabException or TimeoutException or IOException)
        {
            progress.End();
            Console.Error.WriteLine($"demo: {problem.Message}");
            return ExitNotRun;
        }

        progress.End();
        Directory.CreateDirectory(LabPaths.Artifacts);
        string json = Path.Combine(LabPaths.Artifacts, "demo.json");
        string plot = Path.Combine(LabPaths.Artifacts, "demo.png");
        await File.WriteAllTextAsync(
            json, result.ToJson().ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        ResultPlot.Save(plot, result, demo.Measurements.Linux, demo.Measurements.Sos);
        ResultTable.Write(Console.Out, result);
        Console.WriteLine($"Figures: {json}\nPlot:    {plot}\nWhat was measured and how: docs/demo.md");
        return result.Shortfalls.Count == 0 ? ExitAsPromised : ExitShortfall;
    }
}

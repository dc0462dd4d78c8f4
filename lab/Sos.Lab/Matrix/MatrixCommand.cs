using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;

namespace Sos.Lab.Matrix;

/// <summary>"lab.sh matrix": every kernel in turn, a table, and artifacts/matrix.json.</summary>
internal static class MatrixCommand
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Runs all cases, or those of one kernel.</summary>
    /// <param name="kernel">The kernel, or null for all.</param>
    /// <returns>0 if everything went well on every kernel, else 1.</returns>
    public static async Task<int> RunAsync(string? kernel)
    {
        List<MatrixResult> results = [];
        Console.WriteLine($"{"kernel",-24}{"arguments",-54}{"uses",-12}{"reserve",10}{"release",10}  result");
        foreach (MatrixCase matrixCase in MatrixCase.All.Where(one => kernel is null || one.Kernel == kernel))
        {
            Console.Error.WriteLine($"lab: {matrixCase.Kernel} {matrixCase.Arguments}");
            MatrixResult result = await KernelTrial.RunAsync(matrixCase);
            results.Add(result);
            Print(result);
        }

        Directory.CreateDirectory(LabPaths.Artifacts);
        string path = Path.Combine(LabPaths.Artifacts, "matrix.json");
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(results, Json) + "\n");
        return results.Count > 0 && results.All(result => result.Passed) ? 0 : 1;
    }

    private static void Print(MatrixResult result)
    {
        string outcome = result.Passed ? string.Join(", ", result.Steps.Select(step => step.Name)) : "failed: " + result.Steps[^1].Name;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{(result.Release.Length > 0 ? result.Release : result.Kernel),-24}{result.Arguments,-54}{result.Processor,-12}"
            + $"{result.ReserveMs,7:F1} ms{result.ReleaseMs,7:F1} ms  {outcome}"));
        if (!result.Passed)
        {
            Console.WriteLine("  " + result.Steps[^1].Problem!.ReplaceLineEndings("\n  "));
        }
    }
}

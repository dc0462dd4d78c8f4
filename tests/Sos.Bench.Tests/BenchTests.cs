using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Threading.Tasks;
using Xunit;

namespace Sos.Bench.Tests;

/// <summary>The bench as a program, with the smallest of its sections and whatever peers are there: what it measures and writes, not how fast.</summary>
public sealed class BenchTests : IDisposable
{
    /// <summary>Instructions a packet among 100 five-tuple rules in bursts of 32, as docs/performance.md has them: more is a loss of speed.</summary>
    private const double TupleInstructionsMax = 318;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sos-bench");

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Verdicts are compared before anything is timed: a section that ends well had the same from all.</summary>
    [Theory]
    [InlineData("prefixes-10", "Prefixes")]
    [InlineData("tuples-100", "FiveTuples")]
    [InlineData("macswap", "MacSwap")]
    public async Task ASectionIsMeasuredAndReported(string section, string workload)
    {
        (int exitCode, string output) = await RunAsync($"--only={section}", "--rounds=1", "--block-ms=1", $"--output={_folder.FullName}");
        Assert.True(exitCode == 0, output);
        using JsonDocument result = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "bench.json")));
        JsonElement[] ours = [.. result.RootElement.GetProperty("measurements").EnumerateArray()
            .Where(item => item.GetProperty("contender").GetString()!.StartsWith("SOS", StringComparison.Ordinal))];
        Assert.NotEmpty(ours);
        Assert.All(ours, item => Assert.Equal(workload, item.GetProperty("workload").GetString()));
        Assert.All(ours, item => Assert.True(item.GetProperty("total").GetProperty("median").GetDouble() > 0, item.ToString()));
        string page = await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "bench.html"));
        Assert.All(ours, item => Assert.Contains(item.GetProperty("contender").GetString()!, page, StringComparison.Ordinal));
        Assert.Contains($"== 1 of 1: {section}\n", output, StringComparison.Ordinal);
        Assert.DoesNotMatch("</th></tr>\\s*</table>", page);
        if (section == "tuples-100")
        {
            // Single steps, so the same on every machine; counted where it lets a process be stepped through.
            JsonElement counted = result.RootElement.GetProperty("tables")[0].GetProperty("instructionsPerPacket");
            Assert.True(counted.ValueKind == JsonValueKind.Null || counted.GetDouble() <= TupleInstructionsMax, $"{counted} instructions a packet");
        }

        if (section != "macswap")
        {
            Assert.Contains("SOS: comparing verdicts", output, StringComparison.Ordinal);
            Assert.Contains("round 1 of 1", output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--fast", "is no option")]
    [InlineData("--rounds=many", "needs a number")]
    [InlineData("--only=moon", "there is no section 'moon': prefixes-10,")]
    public async Task BadCommandIsRefusedWithAdvice(string argument, string advice)
    {
        (int exitCode, string output) = await RunAsync(argument, $"--output={_folder.FullName}");
        Assert.Equal(1, exitCode);
        Assert.Contains(advice, output, StringComparison.Ordinal);
        Assert.Empty(_folder.GetFiles());
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        string bench = typeof(BenchTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(item => item.Key == "Bench").Value!;
        ProcessStartInfo start = new("dotnet", [bench, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await errors);
    }
}

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using Xunit;

namespace Sos.Samples.Tests;

/// <summary>The template "sos-service-full" is the sample Limiter by another name: packed, installed, made, built and tested as a user would.</summary>
public sealed class FullTemplateTests : IDisposable
{
    private static readonly string Root = Metadata("RepoRoot").TrimEnd('/');

    // As deep below the root as services/NAME is, so that what the projects refer to is where they say.
    private readonly string _service = Path.Combine(Root, "artifacts", "template-meter");
    private readonly string _home = Directory.CreateTempSubdirectory("sos-template-").FullName;

    [Fact]
    public void A_service_made_of_it_builds_and_passes_its_tests()
    {
        Remove(_service);
        string feed = Path.Combine(_home, "feed");
        Dotnet("pack", "templates", "-c", Metadata("Configuration"), "-o", feed);
        Dotnet("new", "install", Assert.Single(Directory.GetFiles(feed, "*.nupkg")));
        Dotnet("new", "sos-service-full", "-n", "Meter", "-o", _service);
        List<string> files = [.. Directory.EnumerateFiles(_service, "*", SearchOption.AllDirectories)];
        Assert.Contains(files, path => path.EndsWith("/Meter.Control/MeterVerbs.cs", StringComparison.Ordinal));
        Assert.All(files, path => Assert.DoesNotContain("limiter", path[Root.Length..] + File.ReadAllText(path), StringComparison.OrdinalIgnoreCase));

        string tested = Dotnet("test", Path.Combine(_service, "Meter.Tests"), "-c", Metadata("Configuration"));
        Assert.Contains("Passed!", tested, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_service, "Meter", "bin", Metadata("Configuration"), "net10.0", "meter.sosimg")));
    }

    public void Dispose()
    {
        Remove(_service);
        Remove(_home);
    }

    private static string Metadata(string key)
        => typeof(FullTemplateTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == key).Value!;

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string Dotnet(params IReadOnlyList<string> arguments)
    {
        ProcessStartInfo start = new("dotnet", arguments) { WorkingDirectory = Root, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string name in (string[])["MSBuildExtensionsPath", "MSBuildSDKsPath", "MSBUILD_EXE_PATH"])
        {
            start.Environment.Remove(name); // of the test's own host
        }

        // Templates are kept in a folder of this test's; packages come from where everybody's are.
        start.Environment["NUGET_PACKAGES"] = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget/packages");
        start.Environment["DOTNET_CLI_HOME"] = _home;
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process process = Process.Start(start)!;
        StringBuilder output = new();
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(output, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output}");
        return output.ToString();
    }

    private static void Append(StringBuilder output, string? line)
    {
        lock (output)
        {
            output.AppendLine(line);
        }
    }
}

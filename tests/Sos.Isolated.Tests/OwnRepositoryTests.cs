using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Sos.Image;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>
/// Runs docs/own-repository.md as it stands: its commands one after the other in one shell, in a folder outside of this repository; what it
/// says the commands print must be printed, and the files that it shows must be there.
/// </summary>
public sealed class OwnRepositoryTests : IsolatedScenario
{
    private const string Page = "docs/own-repository.md";

    private readonly string _folder = Directory.CreateTempSubdirectory("sos-own-").FullName;
    private readonly string _root = Command.Metadata("RepoRoot").TrimEnd('/');

    [Fact]
    public void EveryLineOfThePageDoesWhatItSays()
    {
        List<Block> blocks = ReadPage();
        Assert.All(["sh", "text", "xml", "csharp"], kind => Assert.Contains(blocks, block => block.Kind == kind));

        using Process shell = StartShell();
        string printed = "";
        foreach (Block block in blocks)
        {
            switch (block.Kind)
            {
                case "sh":
                    printed = Run(shell, block);
                    break;
                case "text":
                    AssertPrinted(block, printed);
                    break;
                case "xml" or "csharp":
                    ShowOrWrite(block);
                    break;
                default:
                    Assert.Fail($"{Page}:{block.Line}: a block of no known kind: {block.Kind}");
                    break;
            }
        }

        shell.StandardInput.Close();
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
    }

    [Fact]
    public void ThePageListsEveryPropertyAndSeverity()
    {
        string page = File.ReadAllText(Path.Combine(_root, Page));
        string targets = File.ReadAllText(Path.Combine(_root, "src/Sos.Sdk/build/Sos.Sdk.targets"));
        string comment = targets[..targets.IndexOf("-->", StringComparison.Ordinal)];
        string[] properties =
            [.. Regex.Matches(comment, @"(?m)^\s+(Sos\w+)\s{2,}").Select(match => match.Groups[1].Value).Where(name => name != "SosNativeOnly")];
        Assert.Contains("SosArenaSize", properties);
        Assert.All(properties, name => Assert.Contains($"| `{name}` |", page, StringComparison.Ordinal));
        Assert.All(Enum.GetValues<Sdk.Control.LogSeverity>(),
            severity => Assert.Contains($"| `{severity}` | {(uint)severity} |", page, StringComparison.Ordinal));
        Assert.Contains($"`SosStackSize` | bytes of stack; the verifier refuses an image whose deepest calls need more ({DiagnosticIds.StackTooDeep})", page,
            StringComparison.Ordinal);
    }

    protected override void Clean() => Directory.Delete(_folder, recursive: true);

    private List<Block> ReadPage()
    {
        List<Block> blocks = [];
        string[] lines = File.ReadAllLines(Path.Combine(_root, Page));
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith("```", StringComparison.Ordinal))
            {
                string[] words = lines[i][3..].Split(' ');
                int end = Array.IndexOf(lines, "```", i + 1);
                blocks.Add(new Block(i + 1, words[0], words.Length > 1 ? words[1] : "", string.Join('\n', lines[(i + 1)..end]) + "\n"));
                i = end;
            }
        }

        return blocks;
    }

    private Process StartShell()
    {
        ProcessStartInfo start = new("bash", ["-eu"]) { WorkingDirectory = _folder, RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string name in (string[])["MSBuildExtensionsPath", "MSBuildSDKsPath", "MSBUILD_EXE_PATH", "SOS_RUNNER"])
        {
            start.Environment.Remove(name);
        }

        // Templates are kept in a folder of this test's; packages go where everybody's do.
        start.Environment["DOTNET_CLI_HOME"] = Path.Combine(_folder, "home");
        start.Environment["NUGET_PACKAGES"] = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget/packages");
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        Process shell = Process.Start(start)!;
        shell.StandardInput.WriteLine($"exec 2>&1; SOS='{_root}'; CPU={Cpu}; trap 'echo \"== $?\"' EXIT");
        return shell;
    }

    // Everything up to a mark behind the block; the shell's end, with its code, is such a mark too.
    private static string Run(Process shell, Block block)
    {
        shell.StandardInput.WriteLine(block.Text + "echo '== done'");
        StringBuilder printed = new();
        while (shell.StandardOutput.ReadLine() is { } line && line != "== done")
        {
            Assert.False(line.StartsWith("== ", StringComparison.Ordinal), $"{Page}:{block.Line}: the commands fail ({line}):\n{printed}");
            printed.AppendLine(line);
        }

        return printed.ToString();
    }

    private static void AssertPrinted(Block block, string printed)
    {
        int at = 0;
        foreach (string expected in block.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int found = printed.IndexOf(expected, at, StringComparison.Ordinal);
            Assert.True(found >= 0, $"{Page}:{block.Line}: \"{expected}\" is not printed, or not there:\n{printed}");
            at = found + expected.Length;
        }
    }

    /// <summary>A file that is there must be as the page shows it; another is the reader's to write.</summary>
    private void ShowOrWrite(Block block)
    {
        string path = Path.Combine(_folder, "Pulse", block.Path);
        if (File.Exists(path))
        {
            Assert.Equal(block.Text, File.ReadAllText(path));
        }
        else
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, block.Text);
        }
    }

    /// <summary>A block of the page: its line, what it is of, the file that it shows, its text.</summary>
    private sealed record Block(int Line, string Kind, string Path, string Text);
}

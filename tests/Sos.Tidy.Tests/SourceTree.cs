using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;

namespace Sos.Tidy.Tests;

/// <summary>The files of the repository, as git knows them: those in it, and new ones that it would not ignore.</summary>
internal static class SourceTree
{
    /// <summary>The repository's folder.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Paths of all files, relative to <see cref="Root"/>, with "/".</summary>
    public static IReadOnlyList<string> Files { get; } = List();

    /// <summary>Files that people read and write as text, by their ends.</summary>
    public static IEnumerable<string> Text { get; } = Files.Where(
        path => Path.GetExtension(path) is ".cs" or ".c" or ".h" or ".S" or ".md" or ".sh" or ".csproj" or ".props" or ".targets"
            or ".slnx" or ".json" or ".yml" or ".txt" or "" or ".lds" or ".nft").ToList();

    /// <summary>The lines of a file.</summary>
    public static string[] Lines(string path) => File.ReadAllLines(Path.Combine(Root, path));

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Sos.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("the tests run from outside the repository");
    }

    private static List<string> List()
    {
        ProcessStartInfo start = new("git", ["ls-files", "--cached", "--others", "--exclude-standard"])
        {
            WorkingDirectory = Root,
            RedirectStandardOutput = true,
        };
        using Process git = Process.Start(start)!;
        string output = git.StandardOutput.ReadToEnd();
        git.WaitForExit();
        List<string> files = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Distinct().Where(path => File.Exists(Path.Combine(Root, path))).ToList();
        return files.Count > 0 ? files : throw new InvalidOperationException("git lists no files: is this a clone?");
    }
}

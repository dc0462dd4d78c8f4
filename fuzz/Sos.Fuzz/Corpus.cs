using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Sos.Fuzz;

/// <summary>The seeds of a target: the files of its folder.</summary>
public static class Corpus
{
    /// <summary>The folder that the build copies beside the program.</summary>
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "corpus");

    /// <summary>Reads all seeds of a target, in the order of their names.</summary>
    /// <exception cref="DirectoryNotFoundException">The target has none.</exception>
    public static IReadOnlyList<byte[]> Load(string target)
    {
        string[] files = Directory.GetFiles(Path.Combine(Folder, target));
        return files.Length == 0
            ? throw new DirectoryNotFoundException($"there is no seed in {Path.Combine(Folder, target)}")
            : [.. files.Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
    }
}

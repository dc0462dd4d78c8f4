using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Image.Debugging;

namespace Sos.Image.Tests;

/// <summary>The images that this repository builds: of every project that names a service.</summary>
internal static class RepositoryImages
{
    private static readonly string Root = BadServicesFixture.Metadata("RepoRoot");

    /// <summary>Paths of the projects, relative to the repository.</summary>
    public static IReadOnlyList<string> Projects { get; } =
    [
        .. ((string[])["bench", "samples", "services", "tests"]).SelectMany(folder =>
                Directory.EnumerateFiles(Path.Combine(Root, folder), "*.csproj", SearchOption.AllDirectories))
            .Where(project => File.ReadAllText(project).Contains("<SosService>", StringComparison.Ordinal))
            .Select(project => Path.GetRelativePath(Root, project)).Order(StringComparer.Ordinal),
    ];

    /// <summary>The image that a project made.</summary>
    public static string PathOf(string project)
    {
        string folder = Path.Combine(Root, Path.GetDirectoryName(project)!, "bin", BadServicesFixture.Metadata("Configuration"));
        return Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.sosimg", SearchOption.AllDirectories).ToList() is [string image]
            ? image
            : throw new FileNotFoundException($"{project} is not built: refer to it in Sos.Image.Tests.csproj");
    }

    /// <summary>The debug file of an image, made to fit a changed image of the same layout.</summary>
    public static DebugFile DebugOf(string path, ServiceImage changed)
    {
        byte[] debug = File.ReadAllBytes(path + ".debug");
        ReadOnlySpan<byte> original = ServiceImage.Read(path).BuildId.Span;
        int at = debug.AsSpan().IndexOf(original);
        while (at >= 0)
        {
            changed.BuildId.Span.CopyTo(debug.AsSpan(at));
            at = debug.AsSpan().IndexOf(original);
        }

        return DebugFile.Read(debug);
    }
}

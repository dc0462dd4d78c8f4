using System;
using System.IO;

namespace Sos.Lab;

/// <summary>Where the lab finds what was built and keeps what it downloads.</summary>
public static class LabPaths
{
    private static readonly Lazy<string> Root = new(FindRoot);

    /// <summary>The repository's folder.</summary>
    /// <exception cref="DirectoryNotFoundException">The program runs from outside the repository.</exception>
    public static string Repository => Root.Value;

    /// <summary>Build results.</summary>
    public static string Artifacts => Path.Combine(Repository, "artifacts");

    /// <summary>The files that <c>make guest</c> builds for the guest: agent, <c>sosctl</c>, service images.</summary>
    public static string Guest => Path.Combine(Artifacts, "guest");

    /// <summary>Console logs of the machines that were booted.</summary>
    public static string Logs => Path.Combine(Artifacts, "lab");

    /// <summary>Downloads and answers that outlive <c>make clean</c>; <c>SOS_CACHE</c> moves it.</summary>
    public static string Cache =>
        Environment.GetEnvironmentVariable("SOS_CACHE") is { Length: > 0 } cache
            ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "sos");

    /// <summary>The driver built for a kernel series such as "6.1".</summary>
    public static string Driver(string series) => Path.Combine(Artifacts, "driver", series, "sos.ko");

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Sos.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no Sos.slnx above {AppContext.BaseDirectory}: run the lab from the repository");
    }
}

using System.IO;
using System.Linq;
using System.Reflection;

namespace Sos.Bench;

/// <summary>Where the bench finds what was built, and puts what it makes.</summary>
internal static class BenchPaths
{
    /// <summary>The runner of images.</summary>
    public static string Runner => Metadata("Runner");

    /// <summary>The firewall's code between ports in memory.</summary>
    public static string Image => Metadata("Image");

    /// <summary>Where results go.</summary>
    public static string Artifacts => Path.Combine(Metadata("Root"), "artifacts");

    /// <summary>The peers' programs.</summary>
    public static string Peer(string name) => Path.Combine(Artifacts, "bench", "peers", name);

    private static string Metadata(string key)
        => typeof(BenchPaths).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(item => item.Key == key).Value!;
}

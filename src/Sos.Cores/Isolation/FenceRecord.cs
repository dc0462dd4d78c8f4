using System.Collections.Generic;
using System.IO;
using System.Text.Json.Serialization;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation;

/// <summary>The means by which tasks are kept off a fenced cpu.</summary>
public enum FenceMethod
{
    /// <summary>Affinities of every thread.</summary>
    Affinity = 0,

    /// <summary>Affinities, and a cpuset of cgroup v1 for the service.</summary>
    Cpuset = 1,

    /// <summary>An isolated partition of cgroup v2.</summary>
    Partition = 2,
}

/// <summary>A thread as it was, and as the fence left it.</summary>
/// <param name="Thread">Its id.</param>
/// <param name="StartTime">Which of that id it is.</param>
/// <param name="Before">Where it might run.</param>
/// <param name="After">Where it might run once the fence stood; null until then.</param>
public sealed record FencedThread(int Thread, ulong StartTime, string Before, string? After);

/// <summary>A setting of Linux that is a set of cpus, as it was and as the fence left it.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Before">Its text.</param>
/// <param name="After">Its text once the fence stood; null until then.</param>
public sealed record FencedSetting(string Path, string Before, string? After);

/// <summary>A fence: what it changed, so that any later sosctl can put it back. Written before the first change.</summary>
public sealed record FenceRecord
{
    private static readonly JsonFile<FenceRecord> Files = new(FenceRecordJson.Default.FenceRecord);

    /// <summary>Logical id of the cpu.</summary>
    public required int Cpu { get; init; }

    /// <summary>The means by which tasks are kept off.</summary>
    public required FenceMethod Method { get; init; }

    /// <summary>Whether all of it stands.</summary>
    public bool Complete { get; init; }

    /// <summary>The cgroup made for it, or null.</summary>
    public string? Cgroup { get; init; }

    /// <summary>The file in which the controller was switched on for it, or null when it was on.</summary>
    public string? ControllerFile { get; init; }

    /// <summary>The threads.</summary>
    public IReadOnlyList<FencedThread> Threads { get; init; } = [];

    /// <summary>Interrupts and workqueues.</summary>
    public IReadOnlyList<FencedSetting> Settings { get; init; } = [];

    /// <summary>The folder of memory that services on this core share with sosctl.</summary>
    public required string Folder { get; init; }

    /// <summary>Reads a cpu's fence.</summary>
    /// <returns>Null when there is none.</returns>
    public static FenceRecord? Read(int cpu, string folder = CoreRecord.DefaultFolder)
        => Files.Read(PathOf(cpu, folder), "remove it; a reboot puts all settings back");

    /// <summary>Cpus that have a fence, ascending.</summary>
    public static IReadOnlyList<int> List(string folder = CoreRecord.DefaultFolder)
    {
        SortedSet<int> cpus = [];
        if (Directory.Exists(folder))
        {
            foreach (string path in Directory.EnumerateFiles(folder, "fence-*.json"))
            {
                if (int.TryParse(Path.GetFileNameWithoutExtension(path)["fence-".Length..], out int cpu))
                {
                    cpus.Add(cpu);
                }
            }
        }

        return [.. cpus];
    }

    /// <summary>Writes the record, at once or not at all.</summary>
    public void Write(string folder = CoreRecord.DefaultFolder)
    {
        Directory.CreateDirectory(folder);
        Files.Write(PathOf(Cpu, folder), this);
    }

    /// <summary>Forgets a fence.</summary>
    public static void Delete(int cpu, string folder = CoreRecord.DefaultFolder) => File.Delete(PathOf(cpu, folder));

    private static string PathOf(int cpu, string folder) => Path.Combine(folder, $"fence-{cpu}.json");
}

/// <summary>How records are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(FenceRecord))]
internal sealed partial class FenceRecordJson : JsonSerializerContext;

using System;
using System.IO;
using System.Text.Json.Serialization;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation.Network;

/// <summary>How often others changed what a service's network devices need, and it was put back.</summary>
/// <param name="Started">When the service was started: another one's counts are none of its own.</param>
/// <param name="Programs">Programs that were taken away.</param>
/// <param name="Settings">Settings that were changed.</param>
/// <param name="Last">The changes that were found last.</param>
/// <param name="LastAt">The time at which they were.</param>
/// <param name="Problem">The change that cannot be put back; null when there is none.</param>
internal sealed record DeviceDrift(DateTimeOffset Started, ulong Programs, ulong Settings, string Last, DateTimeOffset LastAt, string? Problem)
{
    private static readonly JsonFile<DeviceDrift> Files = new(DeviceDriftJson.Default.DeviceDrift);

    /// <summary>Reads those of a core's service.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="started">When its service was started.</param>
    /// <param name="folder">The folder of records.</param>
    /// <returns>Counts of nothing when nothing was changed since.</returns>
    public static DeviceDrift Read(int cpu, DateTimeOffset started, string folder = CoreRecord.DefaultFolder)
        => Files.TryRead(PathOf(cpu, folder)) is { } found && found.Started == started ? found : new DeviceDrift(started, 0, 0, "", default, null);

    /// <summary>Writes it, at once or not at all.</summary>
    public void Write(int cpu, string folder = CoreRecord.DefaultFolder)
        => Files.Write(PathOf(cpu, folder), this);

    /// <summary>Forgets it.</summary>
    public static void Delete(int cpu, string folder = CoreRecord.DefaultFolder) => File.Delete(PathOf(cpu, folder));

    /// <summary>Says it in a line.</summary>
    public override string ToString() => FormattableString.Invariant(
        $"others changed its network devices: {Programs} program(s) put back, {Settings} setting(s) set again, last {LastAt:u}: {Last}");

    private static string PathOf(int cpu, string folder) => Path.Combine(folder, FormattableString.Invariant($"devices-{cpu}.json"));
}

/// <summary>How records are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DeviceDrift))]
internal sealed partial class DeviceDriftJson : JsonSerializerContext;

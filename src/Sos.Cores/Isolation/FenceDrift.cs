using System;
using System.IO;
using System.Text.Json.Serialization;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation;

/// <summary>How often others broke a fence, and it was mended.</summary>
/// <param name="Interrupts">Interrupts and workqueues that were put onto the cpu.</param>
/// <param name="Threads">Threads that might run there.</param>
/// <param name="Service">Times that the service's own place was changed: its cpuset, or where it may run.</param>
/// <param name="Last">What was found last.</param>
/// <param name="LastAt">When.</param>
/// <param name="Problem">What cannot be mended now; null when the fence stands.</param>
public sealed record FenceDrift(ulong Interrupts, ulong Threads, ulong Service, string Last, DateTimeOffset LastAt, string? Problem)
{
    private static readonly JsonFile<FenceDrift> Files = new(FenceDriftJson.Default.FenceDrift);

    /// <summary>Nothing was ever broken.</summary>
    public static readonly FenceDrift None = new(0, 0, 0, "", default, null);

    /// <summary>How often something was mended.</summary>
    [JsonIgnore]
    public ulong Mended => Interrupts + Threads + Service;

    /// <summary>Reads a cpu's.</summary>
    public static FenceDrift Read(int cpu, string folder = CoreRecord.DefaultFolder) => Files.TryRead(PathOf(cpu, folder)) ?? None;

    /// <summary>Writes it, at once or not at all.</summary>
    public void Write(int cpu, string folder = CoreRecord.DefaultFolder)
        => Files.Write(PathOf(cpu, folder), this);

    /// <summary>Forgets it.</summary>
    public static void Delete(int cpu, string folder = CoreRecord.DefaultFolder) => File.Delete(PathOf(cpu, folder));

    /// <summary>Says it in a line.</summary>
    public override string ToString() => FormattableString.Invariant(
        $"others broke its fence: {Interrupts} interrupt(s), {Threads} thread(s), {Service} time(s) its cpuset or affinity; mended, last {LastAt:u}: {Last}");

    private static string PathOf(int cpu, string folder) => Path.Combine(folder, FormattableString.Invariant($"drift-{cpu}.json"));
}

/// <summary>How records are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(FenceDrift))]
internal sealed partial class FenceDriftJson : JsonSerializerContext;

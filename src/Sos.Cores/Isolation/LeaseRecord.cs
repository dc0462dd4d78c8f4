using System;
using System.Globalization;
using System.IO;
using System.Text.Json.Serialization;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation;

/// <summary>The lease of an isolated core. Read and changed under the fences' lock.</summary>
/// <param name="LengthMs">For how long it was given or renewed.</param>
/// <param name="EndsAtMs">When it is over, by the clock of <see cref="Environment.TickCount64"/>, which all programs share and nobody sets.</param>
/// <param name="IsOver">Whether its keeper gives the core back already: then it can no longer be renewed.</param>
public sealed record LeaseRecord(long LengthMs, long EndsAtMs, bool IsOver)
{
    private static readonly JsonFile<LeaseRecord> Files = new(LeaseRecordJson.Default.LeaseRecord);

    /// <summary>The rest of it; not negative.</summary>
    [JsonIgnore]
    public TimeSpan Left => TimeSpan.FromMilliseconds(Math.Max(0, EndsAtMs - Environment.TickCount64));

    /// <summary>A lease from now on.</summary>
    public static LeaseRecord FromNow(TimeSpan length)
    {
        long lengthMs = (long)Math.Ceiling(length.TotalMilliseconds);
        return new LeaseRecord(lengthMs, Environment.TickCount64 + lengthMs, false);
    }

    /// <summary>Reads a cpu's lease.</summary>
    /// <returns>Null when it has none.</returns>
    public static LeaseRecord? Read(int cpu, string folder = CoreRecord.DefaultFolder)
        => Files.Read(PathOf(cpu, folder), $"remove it, and give the core back with 'sosctl core release {cpu}'");

    /// <summary>Writes it, at once or not at all.</summary>
    public void Write(int cpu, string folder = CoreRecord.DefaultFolder)
    {
        Directory.CreateDirectory(folder);
        Files.Write(PathOf(cpu, folder), this);
    }

    /// <summary>Ends it without giving the core back.</summary>
    public static void Delete(int cpu, string folder = CoreRecord.DefaultFolder)
    {
        if (Directory.Exists(folder))
        {
            File.Delete(PathOf(cpu, folder));
        }
    }

    private static string PathOf(int cpu, string folder) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"lease-{cpu}.json"));
}

/// <summary>How records are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LeaseRecord))]
internal sealed partial class LeaseRecordJson : JsonSerializerContext;

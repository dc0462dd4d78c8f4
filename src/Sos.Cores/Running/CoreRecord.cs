using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sos.Cores.Carrying;
using Sos.Cores.Native;
using Sos.Cores.Plan;
using Sos.Sdk.Control;

namespace Sos.Cores.Running;

/// <summary>A part of a core's memory that stays mappable while its service runs.</summary>
/// <param name="MapOffset">Where to map it from.</param>
/// <param name="Size">Bytes.</param>
public sealed record SharedRegion(ulong MapOffset, ulong Size);

/// <summary>Memory that programs share with a service.</summary>
/// <param name="Region">Index of the region.</param>
/// <param name="MapOffset">Where to map it from.</param>
/// <param name="Size">Bytes.</param>
public sealed record SharedMemoryRecord(uint Region, ulong MapOffset, ulong Size);

/// <summary>A card that a service has, and what Linux had of it before.</summary>
/// <param name="Device">PCI address as sysfs writes it, or the network device's name.</param>
/// <param name="HostPort">Name of the host port that took its place.</param>
/// <param name="Network">Name, addresses and routes of its network device, to move back; null when Linux had none of it.</param>
/// <param name="Confined">Whether an IOMMU confines its DMA; null before the claim.</param>
public sealed record CardRecord(
    [property: JsonPropertyName("address")] string Device, string? HostPort, InterfaceConfiguration? Network, bool? Confined)
{
    /// <summary>Name of the service's port that it stands behind.</summary>
    public string Port { get; init; } = PortName.Default;

    /// <summary>The rest that a network device of Linux must get back, on an isolated core; null for a card that a service drives.</summary>
    public NetdevRecord? Netdev { get; init; }

    /// <summary>Whether the host port has its addresses and routes: from then on Linux may change them there.</summary>
    public bool Moved { get; init; }

    /// <summary>The host port's settings just after it took the card's place, where Linux refused some of them; null where none was refused.</summary>
    public InterfaceConfiguration? AfterMove { get; init; }
}

/// <summary>The control plane's memory of a core between two commands. The driver keeps the rest.</summary>
public sealed record CoreRecord
{
    /// <summary>Where the records are; gone after a reboot, as the cores are.</summary>
    public const string DefaultFolder = "/run/sos";

    /// <summary>Logical id of the core.</summary>
    public required int Cpu { get; init; }

    /// <summary>The plan by which the service was started, and is started again.</summary>
    public required ServicePlan Plan { get; init; }

    /// <summary>The service's name.</summary>
    public required string Service { get; init; }

    /// <summary>The service's version.</summary>
    public required string Version { get; init; }

    /// <summary>The image's build id in hexadecimal digits.</summary>
    public required string BuildId { get; init; }

    /// <summary>SHA-256 of the image file in hexadecimal digits: the same file runs in every back end.</summary>
    public string? ImageHash { get; init; }

    /// <summary>When it was started.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>The control region; null until it is loaded.</summary>
    public SharedRegion? Control { get; init; }

    /// <summary>The table slots.</summary>
    public IReadOnlyList<SharedRegion> Tables { get; init; } = [];

    /// <summary>The memory that programs share with it.</summary>
    public IReadOnlyList<SharedMemoryRecord> SharedMemory { get; init; } = [];

    /// <summary>The network devices that it has, a port each.</summary>
    public IReadOnlyList<CardRecord> Cards { get; init; } = [];

    /// <summary>Whether it was stopped to be started again, which has not worked so far: what it had waits for it.</summary>
    public bool RestartPending { get; init; }

    /// <summary>Labels by which the companion explains the active table's counters.</summary>
    public IReadOnlyList<string> TableLabels { get; init; } = [];

    /// <summary>Reads a core's record.</summary>
    /// <returns>Null when there is none.</returns>
    /// <exception cref="SosException">It is damaged.</exception>
    public static CoreRecord? Read(int cpu, string folder = DefaultFolder)
    {
        string path = PathOf(cpu, folder);
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), CoreRecordJson.Default.CoreRecord);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null; // Not asked for before: another program may delete it in between.
        }
        catch (JsonException e)
        {
            throw new SosException(
                SosError.Failed, $"{path} is damaged ({e.Message}): remove it and give the core back with 'sosctl core release {cpu}'", e);
        }
    }

    /// <summary>Writes the record, at once or not at all.</summary>
    public void Write(string folder = DefaultFolder)
    {
        Directory.CreateDirectory(folder);
        string path = PathOf(Cpu, folder);
        WholeFile.Write(path, JsonSerializer.Serialize(this, CoreRecordJson.Default.CoreRecord));
    }

    /// <summary>The cores that have a record.</summary>
    public static IReadOnlyList<int> List(string folder = DefaultFolder)
    {
        List<int> cpus = [];
        foreach (string path in Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "core-*.json") : [])
        {
            if (int.TryParse(Path.GetFileNameWithoutExtension(path)["core-".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int cpu))
            {
                cpus.Add(cpu);
            }
        }

        cpus.Sort();
        return cpus;
    }

    /// <summary>Forgets a core.</summary>
    public static void Delete(int cpu, string folder = DefaultFolder)
    {
        if (Directory.Exists(folder))
        {
            File.Delete(PathOf(cpu, folder));
        }
    }

    private static string PathOf(int cpu, string folder) => Path.Combine(folder, $"core-{cpu}.json");
}

/// <summary>How records are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(CoreRecord))]
internal sealed partial class CoreRecordJson : JsonSerializerContext;

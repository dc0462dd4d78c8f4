using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Cores.Enabled;

/// <summary>How far the start of an enabled service has come since the machine booted.</summary>
public enum EnabledProgress
{
    /// <summary>To be started: its devices are not all there, or others come first.</summary>
    Waiting,

    /// <summary>Started, and from then on like any other service.</summary>
    Started,

    /// <summary>Its last start failed, and the next is due.</summary>
    Failed,

    /// <summary>Failed, with a restart policy that allows no more tries.</summary>
    GivenUp,
}

/// <summary>The state of an enabled service since boot. sosd writes it, sosctl shows it.</summary>
/// <param name="Progress">How far it has come.</param>
/// <param name="Since">Since when.</param>
/// <param name="Text">Why, for a person; empty when there is nothing to say.</param>
public sealed record EnabledState(EnabledProgress Progress, DateTimeOffset Since, string Text)
{
    private const string Suffix = ".json";

    /// <summary>Where the states are; gone after a reboot.</summary>
    public static string DefaultFolder { get; } = FolderIn(CoreRecord.DefaultFolder);

    /// <summary>Returns the folder of the states beside the records of cores.</summary>
    /// <param name="records">Where the records are.</param>
    public static string FolderIn(string records) => Path.Combine(records, "enabled");

    /// <summary>Reads the state of each service that was enabled when the machine booted; null before sosd looked.</summary>
    public static IReadOnlyDictionary<string, EnabledState>? ReadAll(string? folder = null)
    {
        folder ??= DefaultFolder;
        if (!Directory.Exists(folder))
        {
            return null;
        }

        Dictionary<string, EnabledState> states = [];
        foreach (string path in Directory.EnumerateFiles(folder, "*" + Suffix).Order())
        {
            try
            {
                if (JsonSerializer.Deserialize(File.ReadAllText(path), EnabledStateJson.Default.EnabledState) is { } state)
                {
                    states.Add(Path.GetFileNameWithoutExtension(path), state);
                }
            }
            catch (Exception e) when (e is JsonException or FileNotFoundException)
            {
                // Damaged: sosd writes it anew. Gone: it was disabled.
            }
        }

        return states;
    }

    /// <summary>Writes a service's state.</summary>
    public void Write(string name, string? folder = null)
    {
        folder ??= DefaultFolder;
        Directory.CreateDirectory(folder);
        WholeFile.Write(Path.Combine(folder, name + Suffix), JsonSerializer.Serialize(this, EnabledStateJson.Default.EnabledState));
    }

    /// <summary>Forgets a service's state.</summary>
    public static void Delete(string name, string? folder = null)
    {
        folder ??= DefaultFolder;
        if (Directory.Exists(folder))
        {
            File.Delete(Path.Combine(folder, name + Suffix));
        }
    }
}

/// <summary>How states are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(EnabledState))]
internal sealed partial class EnabledStateJson : JsonSerializerContext;

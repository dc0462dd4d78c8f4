using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sos.Cores;
using Sos.Cores.Running;

namespace Sos.Noise.Report;

/// <summary>Where the noise service ran.</summary>
public enum NoisePlace
{
    /// <summary>On a service core.</summary>
    Core,

    /// <summary>In an ordinary thread of Linux, bound to the cpu.</summary>
    Thread,

    /// <summary>In a SCHED_FIFO thread of Linux, bound to the cpu, in an isolated cpuset if one could be made.</summary>
    Fifo,
}

/// <summary>One of the longest gaps.</summary>
/// <param name="Ns">How long.</param>
/// <param name="AtSeconds">When it ended, from the begin of the measurement.</param>
/// <param name="Cause">What may have caused it.</param>
public sealed record GapEntry(double Ns, double AtSeconds, string Cause);

/// <summary>The result of a measurement. Lengths in ns.</summary>
public sealed record NoiseResult
{
    /// <summary>Longest gaps that are told.</summary>
    public const int LargestShown = 10;

    /// <summary>The cpu.</summary>
    public required int Cpu { get; init; }

    /// <summary>Where it ran.</summary>
    public required NoisePlace Place { get; init; }

    /// <summary>The back end that kept the core from Linux; null in a thread of Linux.</summary>
    public BackEndKind? BackEnd { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>How long it took.</summary>
    public required double Seconds { get; init; }

    /// <summary>Gaps in all.</summary>
    public required ulong Gaps { get; init; }

    /// <summary>The shortest.</summary>
    public required double MinNs { get; init; }

    /// <summary>Half of them are not longer.</summary>
    public required double P50Ns { get; init; }

    /// <summary>99 percent of them are not longer.</summary>
    public required double P99Ns { get; init; }

    /// <summary>99.9 percent of them are not longer.</summary>
    public required double P999Ns { get; init; }

    /// <summary>99.99 percent of them are not longer.</summary>
    public required double P9999Ns { get; init; }

    /// <summary>The longest.</summary>
    public required double MaxNs { get; init; }

    /// <summary>A gap from here on is an event.</summary>
    public required double ThresholdNs { get; init; }

    /// <summary>Events.</summary>
    public required ulong Events { get; init; }

    /// <summary>Events per second.</summary>
    public required double EventsPerSecond { get; init; }

    /// <summary>The part of the time that events took, 0 to 1.</summary>
    public required double LostTime { get; init; }

    /// <summary>Linux's counts of the cpu before.</summary>
    public required LinuxCounts LinuxBefore { get; init; }

    /// <summary>Linux's counts of the cpu afterwards.</summary>
    public required LinuxCounts LinuxAfter { get; init; }

    /// <summary>System management interrupts meanwhile; null if unknown.</summary>
    public required uint? Smis { get; init; }

    /// <summary>The longest gaps.</summary>
    public required IReadOnlyList<GapEntry> Largest { get; init; }

    /// <summary>Notes for the reader.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Frequency of the TSC in kHz, to read the histogram with.</summary>
    public required ulong TscKhz { get; init; }

    /// <summary>Keeps a result, and its histogram, for <see cref="Read"/>.</summary>
    public void Write(GapHistogram histogram, string folder = CoreRecord.DefaultFolder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(PathOf(Cpu, folder, "json"), JsonSerializer.Serialize(this, NoiseJson.Default.NoiseResult));
        File.WriteAllBytes(PathOf(Cpu, folder, "hist"), histogram.Bytes);
    }

    /// <summary>Reads the last result of a cpu.</summary>
    /// <exception cref="SosException">There is none.</exception>
    public static (NoiseResult Result, GapHistogram Histogram) Read(int cpu, string folder = CoreRecord.DefaultFolder)
    {
        try
        {
            NoiseResult result = JsonSerializer.Deserialize(File.ReadAllText(PathOf(cpu, folder, "json")), NoiseJson.Default.NoiseResult)!;
            return (result, new GapHistogram(File.ReadAllBytes(PathOf(cpu, folder, "hist")), result.TscKhz));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SosException(SosError.NotFound, $"cpu {cpu} was not measured since this machine started: 'sosctl noise run {cpu}' does it", e);
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            throw new SosException(SosError.Failed, $"the last measurement of cpu {cpu} is damaged: measure again with 'sosctl noise run {cpu}'", e);
        }
    }

    private static string PathOf(int cpu, string folder, string kind) => Path.Combine(folder, $"noise-{cpu}.{kind}");
}

/// <summary>How results are kept.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(NoiseResult))]
public sealed partial class NoiseJson : JsonSerializerContext;

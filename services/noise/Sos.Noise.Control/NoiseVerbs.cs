using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Serialization;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Noise.Report;
using Sos.Verbs;

namespace Sos.Noise.Control;

/// <summary><c>sosctl noise</c>: measures how quiet a cpu is, and shows it.</summary>
public static class NoiseVerbs
{
    private const string DefaultImage = "/usr/lib/sos/noise.sosimg";
    private const double SecondsMax = 7 * 24 * 3600;

    /// <summary>Makes the command.</summary>
    /// <param name="terminal">Where results go.</param>
    /// <param name="companions">What the control plane knows of services.</param>
    public static Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<int> runCpu = CoreArguments.Cpu();
        Option<NoisePlace?> on = new("--on")
        {
            Description = "Where: on a service core, in a thread of Linux, or in a SCHED_FIFO thread in an isolated cpuset; "
                + "by default on a service core if the cpu is one, else in a thread",
        };
        Option<double> duration = new("--duration") { Description = "Seconds", DefaultValueFactory = _ => 10 };
        duration.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0.1 and <= SecondsMax))
            {
                result.AddError("--duration takes 0.1 seconds to a week");
            }
        });
        Option<ulong> threshold = new("--threshold") { Description = "Nanoseconds from which a gap is an event", DefaultValueFactory = _ => 1000 };
        Option<string> image = new("--image") { Description = "The noise service's image", DefaultValueFactory = _ => DefaultImage };
        Command run = new("run", "Measure") { runCpu, on, duration, threshold, image };
        run.SetAction(result => Run(
            terminal, companions, result.GetValue(runCpu), result.GetValue(on), TimeSpan.FromSeconds(result.GetValue(duration)), result.GetValue(threshold),
            result.GetValue(image)!));

        Argument<int> showCpu = CoreArguments.Cpu();
        Command show = new("show", "Show the last measurement of a cpu") { showCpu };
        show.SetAction(result => Show(terminal, NoiseResult.Read(result.GetValue(showCpu)).Result));

        Argument<int> exportCpu = CoreArguments.Cpu();
        Option<string> folder = new("--output") { Description = "Folder to write to", DefaultValueFactory = _ => "." };
        Command export = new("export", "Write the last measurement as .hgrm (HdrHistogram) and as a plot (.svg)") { exportCpu, folder };
        export.SetAction(result => Export(terminal, result.GetValue(exportCpu), result.GetValue(folder)!));
        return new Command("noise", "Measure how quiet a cpu is: every gap in which it did not run our code") { run, show, export };
    }

    private static int Run(
        Terminal terminal, CompanionCatalogue companions, int cpu, NoisePlace? on, TimeSpan duration, ulong thresholdNs, string imagePath)
    {
        if (cpu < 0)
        {
            throw new SosException(SosError.NotFound, $"there is no cpu {cpu}: 'sosctl core list' shows them");
        }

        NoisePlace place = on ?? (IsServiceCore(cpu) ? NoisePlace.Core : NoisePlace.Thread);
        NoiseRequest request = new(cpu, place, duration, thresholdNs, imagePath, VerifiedImage.Read(imagePath));
        (NoiseResult result, GapHistogram histogram) = place == NoisePlace.Core ? RunOnCore(request, companions) : RunOnThread(request, companions);
        result.Write(histogram);
        return Show(terminal, result);
    }

    private static (NoiseResult Result, GapHistogram Histogram) RunOnCore(NoiseRequest request, CompanionCatalogue companions)
    {
        CoreBackEnds backEnds = new();
        using IServiceCore core = backEnds.Open(request.Cpu);
        using EndSignals end = new();
        return NoiseRun.Measure(core, new ServiceOperations(backEnds, companions), request, end.Token);
    }

    private static (NoiseResult Result, GapHistogram Histogram) RunOnThread(NoiseRequest request, CompanionCatalogue companions)
    {
        using EndSignals end = new();
        using ProgramCores threads = new(lockMemory: true);
        using IServiceCore core = threads.Add(request.Cpu);
        return NoiseRun.Measure(core, new ServiceOperations(threads.BackEnds, companions), request, end.Token);
    }

    private static bool IsServiceCore(int cpu) => new CoreBackEnds().ListCores().ContainsKey(cpu);

    private static int Show(Terminal terminal, NoiseResult result)
    {
        terminal.Write(result, NoiseJson.Default.NoiseResult, output =>
        {
            string place = (result.Place, result.BackEnd) switch
            {
                (NoisePlace.Core, { } kind) when !kind.LeavesLinux() => $"{kind.Word()} service core",
                (NoisePlace.Core, _) => "service core",
                (NoisePlace.Fifo, _) => "SCHED_FIFO thread",
                _ => "thread",
            };
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cpu {result.Cpu}, {place}, {result.Seconds:F1} s, {result.Gaps} gaps"));
            Terminal.WriteTable(
                output, ["MIN", "P50", "P99", "P99.9", "P99.99", "MAX", $"EVENTS (>= {Ns(result.ThresholdNs)})", "PER SECOND", "TIME LOST"],
                [[
                    Ns(result.MinNs), Ns(result.P50Ns), Ns(result.P99Ns), Ns(result.P999Ns), Ns(result.P9999Ns), Ns(result.MaxNs),
                    $"{result.Events}", result.EventsPerSecond.ToString("F1", CultureInfo.InvariantCulture),
                    result.LostTime.ToString("P3", CultureInfo.InvariantCulture),
                ]]);
            output.WriteLine();
            ShowCounts(output, result);
            ShowLargest(output, result);
            foreach (string note in result.Notes)
            {
                output.WriteLine($"note: {note}");
            }
        });
        return 0;
    }

    private static void ShowCounts(TextWriter output, NoiseResult result)
    {
        LinuxCounts change = result.LinuxAfter.Since(result.LinuxBefore);
        Terminal.WriteTable(
            output, ["LINUX COUNTED ON IT", "BEFORE", "AFTER", "CHANGE"],
            [
                Row("timer interrupts", counts => counts.TimerInterrupts), Row("device interrupts", counts => counts.DeviceInterrupts),
                Row("reschedule interrupts", counts => counts.RescheduleInterrupts), Row("function call interrupts", counts => counts.CallInterrupts),
                Row("other interrupts", counts => counts.OtherInterrupts), Row("softirqs", counts => counts.SoftInterrupts),
                Row("context switches", counts => counts.ContextSwitches),
                ["SMIs", "", "", result.Smis is { } smis ? $"{smis}" : "not known"],
            ]);

        IReadOnlyList<string> Row(string name, Func<LinuxCounts, ulong> count)
            => [name, $"{count(result.LinuxBefore)}", $"{count(result.LinuxAfter)}", $"{count(change)}"];
    }

    private static void ShowLargest(TextWriter output, NoiseResult result)
    {
        if (result.Largest.Count > 0)
        {
            output.WriteLine();
            Terminal.WriteTable(
                output, ["LONGEST GAPS", "AT SECOND", "CAUSE"],
                result.Largest.Select(gap => (IReadOnlyList<string>)
                    [Ns(gap.Ns), gap.AtSeconds.ToString("F3", CultureInfo.InvariantCulture), gap.Cause]));
        }
    }

    private static int Export(Terminal terminal, int cpu, string folder)
    {
        (NoiseResult result, GapHistogram histogram) = NoiseResult.Read(cpu);
        Directory.CreateDirectory(folder);
        string distribution = Path.Combine(folder, $"noise-{cpu}.hgrm");
        string plot = Path.Combine(folder, $"noise-{cpu}.svg");
        using (StreamWriter writer = new(distribution))
        {
            histogram.WriteDistribution(writer);
        }

        File.WriteAllText(plot, PercentilePlot.Draw(
            $"Gaps on cpu {cpu}", [($"{result.Place}, {result.Seconds:F0} s", histogram.QuantileNs)]));
        terminal.Write(new NoiseExportedDocument([distribution, plot]), NoiseDocuments.Default.NoiseExportedDocument, output =>
        {
            output.WriteLine(distribution);
            output.WriteLine(plot);
        });
        return 0;
    }

    private static string Ns(double ns) => ns switch
    {
        < 1e4 => ns.ToString("F0", CultureInfo.InvariantCulture) + " ns",
        < 1e7 => (ns / 1e3).ToString("F1", CultureInfo.InvariantCulture) + " us",
        _ => (ns / 1e6).ToString("F1", CultureInfo.InvariantCulture) + " ms",
    };
}

/// <summary>The document of 'sosctl noise export'.</summary>
internal sealed record NoiseExportedDocument(IReadOnlyList<string> Files);

/// <summary>How it is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(NoiseExportedDocument))]
internal sealed partial class NoiseDocuments : JsonSerializerContext;

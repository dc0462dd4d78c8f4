using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores.Operations;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl top</c>: what every service does now, as rates.</summary>
internal static class TopCommand
{
    private const double IntervalSecondsMin = 0.1;
    private const double IntervalSecondsMax = 3600;

    /// <summary>Clears a terminal's screen (ECMA-48, CUP and ED); a dumb terminal gets the lines one below the other.</summary>
    private const string ClearScreen = "\u001b[H\u001b[2J";

    public static Command Create(Terminal terminal)
    {
        Option<double> interval = new("--interval", "-i") { Description = "Seconds between two readings", DefaultValueFactory = _ => 1 };
        Option<bool> once = new("--once") { Description = "Show one interval and end" };
        interval.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is < IntervalSecondsMin or > IntervalSecondsMax)
            {
                result.AddError(string.Create(
                    CultureInfo.InvariantCulture, $"--interval takes {IntervalSecondsMin} to {IntervalSecondsMax} seconds"));
            }
        });
        Command command = new("top", "Show what every service does now") { interval, once };
        command.SetAction(result => Run(terminal, TimeSpan.FromSeconds(result.GetValue(interval)), result.GetValue(once)));
        return command;
    }

    private static int Run(Terminal terminal, TimeSpan interval, bool once)
    {
        bool clears = !once && !terminal.Json && !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        ServiceReadings readings = new(new CoreBackEnds());
        Dictionary<int, Reading> before = Read(readings);
        do
        {
            Thread.Sleep(interval);
            Dictionary<int, Reading> now = Read(readings);
            TopDocument document = new([.. now.OrderBy(pair => pair.Key).Select(pair => Compare(pair.Key, before.GetValueOrDefault(pair.Key), pair.Value))]);
            before = now;
            terminal.Write(document, Documents.Current.TopDocument, output =>
            {
                output.Write(clears ? ClearScreen : "");
                Show(output, document);
            });
        }
        while (!once);
        return 0;
    }

    private static Dictionary<int, Reading> Read(ServiceReadings readings)
        => readings.ReadAll().ToDictionary(view => view.Cpu, view => new Reading(Stopwatch.GetTimestamp(), view));

    private static TopEntry Compare(int cpu, Reading? before, Reading now)
    {
        // A service that was started in between begins at 0 again.
        bool same = before is not null && before.View.Status.Starts == now.View.Status.Starts
            && before.View.Record?.Service == now.View.Record?.Service;
        double seconds = same ? Stopwatch.GetElapsedTime(before!.Timestamp, now.Timestamp).TotalSeconds : 0;
        double Rate(ulong old, ulong current) => seconds > 0 && current >= old ? (current - old) / seconds : 0;

        SortedDictionary<string, double> rates = new(StringComparer.Ordinal);
        foreach ((string name, ulong value) in now.View.Counters)
        {
            double rate = same ? Rate(before!.View.Counters.GetValueOrDefault(name), value) : 0;
            if (rate > 0)
            {
                rates[name] = rate;
            }
        }

        return new TopEntry(
            cpu, now.View.Status.State.ToString(), now.View.Record?.Service, same ? Rate(before!.View.Polls, now.View.Polls) : 0,
            same ? Rate(before!.View.Status.Notifications, now.View.Status.Notifications) : 0, rates);
    }

    private static void Show(TextWriter output, TopDocument document)
    {
        if (document.Cores.Count == 0)
        {
            output.WriteLine("SOS holds no core: 'sosctl core reserve CPU' takes one");
            return;
        }

        Terminal.WriteTable(
            output, ["CPU", "STATE", "SERVICE", "POLLS/S", "INTERRUPTS/S"],
            document.Cores.Select(core => (IReadOnlyList<string>)
            [
                core.Cpu.ToString(CultureInfo.InvariantCulture), core.State, core.Service ?? "-", Format(core.PollsPerSecond),
                Format(core.InterruptsPerSecond),
            ]));
        foreach (TopEntry core in document.Cores.Where(core => core.CountersPerSecond.Count > 0))
        {
            output.WriteLine();
            Terminal.WriteTable(
                output, [$"COUNTER OF CORE {core.Cpu}", "PER SECOND"],
                core.CountersPerSecond.Select(rate => (IReadOnlyList<string>)[rate.Key, Format(rate.Value)]));
        }
    }

    private static string Format(double rate) => rate.ToString(rate < 10 ? "0.0" : "0", CultureInfo.InvariantCulture);

    private sealed record Reading(long Timestamp, ServiceView View);
}

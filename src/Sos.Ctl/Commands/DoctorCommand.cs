using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using System.Numerics;
using Sos.Cores;
using Sos.Cores.Operations;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl doctor</c>: what this machine allows, what is missing, and how to get it.</summary>
internal static class DoctorCommand
{
    public static Command Create(Terminal terminal)
    {
        Command command = new("doctor", "Show what this machine allows, what is missing, and how to get it");
        command.SetAction(_ => Run(terminal));
        return command;
    }

    private static int Run(Terminal terminal)
    {
        MachineReport report = MachineCheck.Run();
        string? best = report.Offline ? "Offline" : report.Isolated ? "Isolated" : null;
        DoctorDocument document = new(
            report.Offline, report.Isolated, best, Names(report.Processor.Sets), Names(report.Processor.ImageSets),
            [.. report.Findings.Select(finding => new FindingEntry(finding.Topic, finding.Kind.ToString(), finding.Text, finding.Advice))]);
        terminal.Write(document, Documents.Current.DoctorDocument, output =>
        {
            Terminal.WriteTable(output, ["", "TOPIC", "FOUND"], report.Findings.SelectMany(Lines));
            output.WriteLine();
            output.WriteLine(best switch
            {
                "Offline" => "Both back ends can be used. 'sosctl core reserve CPU' unplugs a core from Linux.",
                "Isolated" => "The isolated back end can be used: 'sosctl core reserve CPU --isolated'. Without the driver no core can be unplugged.",
                _ => "No back end can be used here: see what is missing above.",
            });
        });

        // A program that asks wants to know whether there is a way at all.
        return best is null ? (int)SosError.Refused : 0;
    }

    // Each flag that is one bit and set; the names of several bits together repeat them.
    private static IReadOnlyList<string> Names<T>(T sets)
        where T : struct, Enum
        => [.. Enum.GetValues<T>().Where(set => BitOperations.IsPow2(Convert.ToUInt64(set, CultureInfo.InvariantCulture)) && sets.HasFlag(set))
            .Select(set => set.ToString())];

    private static IEnumerable<IReadOnlyList<string>> Lines(Finding finding)
    {
        string mark = finding.Kind switch
        {
            FindingKind.Good => "ok",
            FindingKind.Note => "note",
            _ => "MISSING",
        };
        yield return [mark, finding.Topic, finding.Text];
        if (finding.Advice is not null)
        {
            yield return ["", "", "-> " + finding.Advice];
        }
    }
}

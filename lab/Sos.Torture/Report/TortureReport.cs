using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sos.Torture.Report;

/// <summary>The outcome of a run: the table that is printed, and the document that is written.</summary>
internal sealed class TortureReport
{
    private readonly List<TortureRow> _rows = [];
    private readonly List<CyclePhases> _phases = [];

    /// <summary>Whether everything went well; not if nothing was tried.</summary>
    public bool Passed => _rows.Count > 0 && _rows.TrueForAll(row => row.Passed);

    /// <summary>Adds a kind's outcome.</summary>
    public void Add(TortureRow row) => _rows.Add(row);

    /// <summary>Adds the times of the cycles.</summary>
    public void Add(CyclePhases phases) => _phases.Add(phases);

    /// <summary>Prints the table.</summary>
    public void WriteTable(TextWriter output)
    {
        List<string[]> lines = [["KERNEL", "KIND", "TRIES", "CONTAINED", "CORE RETURNED", "LINUX UNAFFECTED"]];
        lines.AddRange(_rows.Select(row => (string[])
            [row.Kernel, row.Kind, Text(row.Tries), Text(row.Contained), Text(row.CoreReturned), Text(row.LinuxUnaffected)]));
        int[] widths = [.. Enumerable.Range(0, lines[0].Length).Select(column => lines.Max(line => line[column].Length))];
        foreach (string[] line in lines)
        {
            output.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }

        foreach (CyclePhases phases in _phases)
        {
            output.WriteLine(phases);
        }

        foreach (TortureRow row in _rows.Where(row => !row.Passed))
        {
            output.WriteLine($"FAILED {row}");
        }
    }

    /// <summary>Writes the document.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="seed">Of the random times.</param>
    public void Save(string path, int seed)
    {
        JsonObject document = new()
        {
            ["passed"] = Passed,
            ["seed"] = seed,
            ["time"] = DateTimeOffset.UtcNow,
            ["rows"] = new JsonArray([.. _rows.Select(row => (JsonNode)new JsonObject
            {
                ["kernel"] = row.Kernel,
                ["kind"] = row.Kind,
                ["tries"] = row.Tries,
                ["contained"] = row.Contained,
                ["core_returned"] = row.CoreReturned,
                ["linux_unaffected"] = row.LinuxUnaffected,
                ["problems"] = new JsonArray([.. row.Problems.Select(problem => (JsonNode)problem)]),
            })]),
            ["cycles"] = new JsonArray([.. _phases.Select(phases => (JsonNode)phases.ToJson())]),
        };
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, document.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    private static string Text(int? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "-";
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sos.Cores;

namespace Sos.Ctl.Output;

/// <summary>Where results go: text for people, or one JSON document a command for programs.</summary>
internal sealed class Terminal
{
    public Terminal(TextWriter output, TextWriter error)
    {
        Out = output;
        Error = error;
    }

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    /// <summary>Whether results are written as JSON.</summary>
    public bool Json { get; set; }

    /// <summary>Writes a command's result.</summary>
    public void Write<T>(T result, JsonTypeInfo<T> type, Action<TextWriter> writeText)
    {
        if (Json)
        {
            Out.WriteLine(JsonSerializer.Serialize(result, type));
        }
        else
        {
            writeText(Out);
        }

        Out.Flush();
    }

    /// <summary>Writes why a command failed; with JSON as a document on the standard output too.</summary>
    public void WriteError(SosError error, string message)
    {
        if (Json)
        {
            Out.WriteLine(JsonSerializer.Serialize(new ErrorDocument(new ErrorDetail(error, (int)error, message)), Documents.Current.ErrorDocument));
            Out.Flush();
        }
        else
        {
            Error.WriteLine($"sosctl: {message}");
        }
    }

    /// <summary>Tells people, not programs, something beside the result.</summary>
    public void Note(string message) => Error.WriteLine($"sosctl: {message}");

    /// <summary>Writes columns, each as wide as its widest cell.</summary>
    public static void WriteTable(TextWriter output, IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows)
    {
        List<IReadOnlyList<string>> lines = [header, .. rows];
        int[] widths = [.. Enumerable.Range(0, header.Count).Select(column => lines.Max(line => line[column].Length))];
        foreach (IReadOnlyList<string> line in lines)
        {
            output.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
